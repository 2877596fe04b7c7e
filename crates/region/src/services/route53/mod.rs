//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "route53" {} }

pub(crate) const SERVICE: Service = Service::new("route53", |_| None);
