//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "rds" { instances: String => String } }

pub(crate) const SERVICE: Service = Service::new("rds", |_| None);
