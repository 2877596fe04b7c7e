//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "iam" {} }

pub(crate) const SERVICE: Service = Service::new("iam", |_| None);
