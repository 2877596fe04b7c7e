//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "ec2" {} }

pub(crate) const SERVICE: Service = Service::new("ec2", |_| None);
