//! What is scaled: the desired count of an ECS service, and no other thing yet.

use std::fmt;

use wire::Error;
use wire::application_autoscaling::{ScalableDimension, ServiceNamespace};

use super::error::{absent, invalid};

/// `service/<cluster>/<service>`: the id under which an ECS service is scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) cluster: String,
    pub(super) service: String,
}

impl Resource {
    /// # Errors
    /// `ValidationException` where the three do not fit together, `NotImplemented` for what else
    /// AWS can scale.
    pub(super) fn read(
        namespace: ServiceNamespace,
        id: &str,
        dimension: ScalableDimension,
    ) -> Result<Self, Error> {
        if dimension.as_str().split(':').next() != Some(namespace.as_str()) {
            return Err(invalid(
                "Unsupported service namespace, resource type or scalable dimension",
            ));
        }
        if namespace != ServiceNamespace::Ecs {
            return Err(absent(&format!("the scaling of {namespace}")));
        }
        Self::of(id).ok_or_else(|| {
            invalid(format!(
                "Invalid resource ID: {id}. The resource ID of an ECS service is service/<cluster name>/<service name>."
            ))
        })
    }

    pub(super) fn of(id: &str) -> Option<Self> {
        let mut parts = id.split('/');
        let (Some("service"), Some(cluster), Some(service), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        (!cluster.is_empty() && !service.is_empty()).then(|| Self {
            id: id.to_owned(),
            cluster: cluster.to_owned(),
            service: service.to_owned(),
        })
    }
}

/// As AWS's errors name it.
impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "service namespace: ecs, resource ID: {}, scalable dimension: ecs:service:DesiredCount",
            self.id
        )
    }
}
