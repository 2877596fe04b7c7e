//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "kms" {} }

pub(crate) const SERVICE: Service = Service::new("kms", |_| None);
