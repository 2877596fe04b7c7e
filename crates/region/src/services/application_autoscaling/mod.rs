//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "application_autoscaling" {} }

pub(crate) const SERVICE: Service = Service::new("application-autoscaling", |_| None);
