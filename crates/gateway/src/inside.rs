//! What a task finds at 169.254.170.2: its role's credentials and what it is.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use region::Caller;
use region::services::{ecs, iam, sts};
use serde_json::{Value, json};

use crate::server::Gateway;
use crate::via::Via;

/// How long credentials are good, and how long before their end new ones are given.
const LIFE: SignedDuration = SignedDuration::from_hours(6);
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// Credentials that tasks were given, by the task's own key.
#[derive(Default)]
pub(crate) struct Given(Mutex<BTreeMap<String, (Timestamp, Value)>>);

impl Gateway {
    pub(crate) async fn answer_task(
        &self,
        parts: &Parts,
        via: &Via,
        given: &Given,
    ) -> Response<Bytes> {
        let interface = via.interface.as_deref().unwrap_or_default();
        let path = parts.uri.path();
        if parts.method != Method::GET {
            return answer(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({"code": "MethodNotAllowed", "message": "Only GET is answered here."}),
            );
        }
        if let Some(id) = path.strip_prefix("/v2/credentials/") {
            return self.credentials(interface, id, given).await;
        }
        let rest = path
            .strip_prefix("/v4/")
            .or_else(|| path.strip_prefix("/v3/"));
        let Some(rest) = rest else {
            return answer(
                StatusCode::NOT_FOUND,
                &json!({"code": "NotFound", "message": format!("{path} is not there.")}),
            );
        };
        let (container, what) = rest.split_once('/').unwrap_or((rest, ""));
        let shown = self.engine().read(|region, _| match what {
            "" => ecs::metadata::container(region, interface, container),
            "task" => ecs::metadata::task(region, interface),
            _ => None,
        });
        match shown {
            Some(shown) => answer(StatusCode::OK, &shown),
            None if matches!(what, "stats" | "task/stats") => answer(
                StatusCode::NOT_IMPLEMENTED,
                &json!({"code": "NotImplemented", "message": "Terrella does not have container statistics here yet."}),
            ),
            None => answer(
                StatusCode::NOT_FOUND,
                &json!({"code": "NotFound", "message": format!("{path} is not there.")}),
            ),
        }
    }

    async fn credentials(&self, interface: &str, id: &str, given: &Given) -> Response<Bytes> {
        let now = self.engine().clock().wall();
        {
            let given = given.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((until, body)) = given.get(id)
                && until
                    .checked_sub(RENEWED_BEFORE)
                    .is_ok_and(|renew| renew > now)
            {
                return answer(StatusCode::OK, body);
            }
        }
        // Only the task itself may ask with its key.
        let task = self.engine().read(|region, _| {
            let task = ecs::by_interface(region, interface)?;
            let role = ecs::task_role(region, task)?;
            (task.credentials_id == id).then(|| (task.id.to_string(), role))
        });
        let Some((session, role_arn)) = task else {
            return answer(
                StatusCode::NOT_FOUND,
                &json!({"code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found", "HTTPErrorCode": 404}),
            );
        };
        let arn = role_arn.clone();
        let engine = std::sync::Arc::clone(self.engine());
        let issued = tokio::task::spawn_blocking(move || {
            engine.write(Caller::Service { principal: "ecs-tasks.amazonaws.com" }, |region, context| {
                let name = iam::role::by_arn(region, &arn)
                    .map(|role| role.name.clone())
                    .ok_or_else(|| wire::Error::new("AccessDenied", 403, format!("ECS was unable to assume the role '{arn}' that was provided for this task.")))?;
                sts::credentials::issue(region, context, &name, &session, LIFE)
            })
        })
        .await;
        let issued = match issued {
            Ok(Ok(issued)) => issued,
            Ok(Err(error)) => {
                return answer(
                    StatusCode::BAD_REQUEST,
                    &json!({"code": error.code, "message": error.message}),
                );
            }
            Err(error) => {
                return answer(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &json!({"code": "InternalServerError", "message": error.to_string()}),
                );
            }
        };
        let body = json!({
            "RoleArn": role_arn,
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "Token": issued.session_token,
            "Expiration": issued.expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        let mut given = given.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, (until, _)| *until > now);
        given.insert(id.to_owned(), (issued.expiration, body.clone()));
        answer(StatusCode::OK, &body)
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
