//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "ecs" {} }

pub(crate) const SERVICE: Service = Service::new("ecs", |_| None);
