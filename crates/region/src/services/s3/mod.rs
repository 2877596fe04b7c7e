//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "s3" {} }

pub(crate) const SERVICE: Service = Service::new("s3", |_| None);
