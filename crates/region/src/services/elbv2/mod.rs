//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "elbv2" {} }

pub(crate) const SERVICE: Service = Service::new("elbv2", |_| None);
