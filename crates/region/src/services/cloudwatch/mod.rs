//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "cloudwatch" {} }

pub(crate) const SERVICE: Service = Service::new("cloudwatch", |_| None);
