//! To be written: nothing of this service is there yet, and every operation says so.

use crate::Service;

crate::tables! { "secretsmanager" {} }

pub(crate) const SERVICE: Service = Service::new("secretsmanager", |_| None);
