//! Service-linked roles: those that a service makes for itself and alone may change.

use wire::Error;
use wire::iam as api;

use super::common::unique_id;
use super::error::{delete_conflict, invalid_input, no_such_entity, not_found};
use super::role::shown;
use super::state::{Grants, Role};
use crate::{Context, Region};

/// What AWS makes for a service: the role's name, its policy's name.
struct Known {
    service: &'static str,
    role: &'static str,
    policy: Option<&'static str>,
    description: &'static str,
}

static KNOWN: &[Known] = &[
    Known {
        service: "ecs.amazonaws.com",
        role: "AWSServiceRoleForECS",
        policy: Some("AmazonECSServiceRolePolicy"),
        description: "Role to enable Amazon ECS to manage your cluster.",
    },
    Known {
        service: "elasticloadbalancing.amazonaws.com",
        role: "AWSServiceRoleForElasticLoadBalancing",
        policy: Some("AWSElasticLoadBalancingServiceRolePolicy"),
        description: "Allows ELB to call AWS services on your behalf.",
    },
    Known {
        service: "rds.amazonaws.com",
        role: "AWSServiceRoleForRDS",
        policy: Some("AmazonRDSServiceRolePolicy"),
        description: "Allows Amazon RDS to manage AWS resources on your behalf",
    },
    Known {
        service: "ecs.application-autoscaling.amazonaws.com",
        role: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        policy: Some("AWSApplicationAutoscalingECSServicePolicy"),
        description: "",
    },
    Known {
        service: "rds.application-autoscaling.amazonaws.com",
        role: "AWSServiceRoleForApplicationAutoScaling_RDSCluster",
        policy: Some("AWSApplicationAutoscalingRDSClusterPolicy"),
        description: "",
    },
    Known {
        service: "elasticache.amazonaws.com",
        role: "AWSServiceRoleForElastiCache",
        policy: Some("ElastiCacheServiceRolePolicy"),
        description: "This policy allows ElastiCache to manage AWS resources on your behalf as necessary for managing your cache.",
    },
    Known {
        service: "autoscaling.amazonaws.com",
        role: "AWSServiceRoleForAutoScaling",
        policy: Some("AutoScalingServiceRolePolicy"),
        description: "Default Service-Linked Role enables access to AWS Services and Resources used or managed by Auto Scaling",
    },
    Known {
        service: "replication.ecr.amazonaws.com",
        role: "AWSServiceRoleForECRReplication",
        policy: Some("ECRReplicationServiceRolePolicy"),
        description: "",
    },
];

/// Makes the role of a service unless it is there, as AWS does when the service is first used.
/// Gives its ARN; `None` for a service that has none.
pub fn ensure(region: &mut Region, context: &Context, service: &str) -> Option<String> {
    let known = KNOWN.iter().find(|known| known.service == service)?;
    if let Some(role) = region.iam.roles.get(known.role) {
        return Some(role.arn.clone());
    }
    Some(insert(region, context, known, None).arn.clone())
}

/// The ARN that the role of a service has, or will have.
pub fn arn(region: &Region, service: &str) -> String {
    let known = KNOWN.iter().find(|known| known.service == service);
    let name = known.map_or("AWSServiceRole", |known| known.role);
    let tail = format!("role/aws-service-role/{service}/{name}");
    region.settings.global_arn("iam", tail)
}

fn insert<'a>(
    region: &'a mut Region,
    context: &Context,
    known: &Known,
    description: Option<String>,
) -> &'a Role {
    let path = format!("/aws-service-role/{}/", known.service);
    let mut grants = Grants::default();
    if let Some(policy) = known.policy {
        grants
            .attached
            .insert(format!("arn:aws:iam::aws:policy/aws-service-role/{policy}"));
    }
    let role = Role {
        arn: context
            .settings
            .global_arn("iam", format!("role{path}{}", known.role)),
        id: unique_id(context, "AROA"),
        name: known.role.to_owned(),
        path,
        trust: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}}"#,
            known.service
        ),
        description: description
            .or_else(|| Some(known.description.to_owned()))
            .filter(|text| !text.is_empty()),
        created_at: context.now,
        max_session_duration: 3600,
        boundary: None,
        grants,
        tags: crate::Tags::new(),
        linked_service: Some(known.service.to_owned()),
    };
    region.iam.roles.insert(role.name.clone(), role);
    region
        .iam
        .roles
        .get(known.role)
        .expect("it was just inserted")
}

pub(super) fn create_service_linked_role(
    region: &mut Region,
    context: &Context,
    input: api::CreateServiceLinkedRoleRequest,
) -> Result<api::CreateServiceLinkedRoleResponse, Error> {
    let service = input.aws_service_name;
    let known = KNOWN
        .iter()
        .find(|known| known.service == service)
        .ok_or_else(|| {
            invalid_input(format!(
                "Terrella knows no service-linked role of {service}."
            ))
        })?;
    if input.custom_suffix.is_some() {
        return Err(invalid_input(format!(
            "Custom suffix is not allowed for {service}"
        )));
    }
    if region.iam.roles.contains(known.role) {
        return Err(invalid_input(format!(
            "Service role name {} has been taken in this account, please try a different suffix.",
            known.role
        )));
    }
    Ok(api::CreateServiceLinkedRoleResponse {
        role: Some(shown(insert(region, context, known, input.description))),
    })
}

pub(super) fn delete_service_linked_role(
    region: &mut Region,
    context: &Context,
    input: api::DeleteServiceLinkedRoleRequest,
) -> Result<api::DeleteServiceLinkedRoleResponse, Error> {
    let name = input.role_name;
    let role = region
        .iam
        .roles
        .get(&name)
        .ok_or_else(|| not_found("role", &name))?;
    let Some(service) = role.linked_service.clone() else {
        return Err(invalid_input(format!(
            "The role {name} is not a service-linked role."
        )));
    };
    if in_use(region, &service) {
        return Err(delete_conflict(format!(
            "Terrella does not delete {name} while {service} has resources."
        )));
    }
    region.iam.roles.remove(&name);
    let task = format!("task/aws-service-role/{service}/{name}/{}", context.uuid());
    region.iam.deletion_tasks.insert(task.clone(), context.now);
    Ok(api::DeleteServiceLinkedRoleResponse {
        deletion_task_id: Some(task),
    })
}

fn in_use(region: &Region, service: &str) -> bool {
    service == "rds.amazonaws.com" && crate::services::rds::instance::any(region)
}

pub(super) fn get_service_linked_role_deletion_status(
    region: &Region,
    _: &Context,
    input: api::GetServiceLinkedRoleDeletionStatusRequest,
) -> Result<api::GetServiceLinkedRoleDeletionStatusResponse, Error> {
    if !region.iam.deletion_tasks.contains(&input.deletion_task_id) {
        return Err(no_such_entity("Unable to find a task with that id."));
    }
    Ok(api::GetServiceLinkedRoleDeletionStatusResponse {
        status: Some(api::DeletionTaskStatusType::Succeeded),
        reason: None,
    })
}
