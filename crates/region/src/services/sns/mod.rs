//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "sns" {} }

pub(crate) const SERVICE: Service = Service::new("sns", |_| None);
