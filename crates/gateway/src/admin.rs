//! `/_terrella/…`: what is asked about this region rather than of AWS. Only from the machine
//! itself.

mod clock;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use region::Region;
use region::services::{application_autoscaling, ecs, elbv2};
use serde_json::json;

use crate::server::Gateway;
use crate::via::{Via, Way};

impl Gateway {
    pub(crate) async fn administer(
        &self,
        parts: &Parts,
        body: &[u8],
        via: &Via,
    ) -> Response<Bytes> {
        if via.via != Way::Host {
            return answer(
                StatusCode::FORBIDDEN,
                &json!({"error": "the region is administered from its machine, not from inside its networks"}),
            );
        }
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/_terrella/health") => answer(
                StatusCode::OK,
                &json!({
                    "status": "ok",
                    "version": env!("CARGO_PKG_VERSION"),
                    "account": self.engine().settings().account,
                    "region": self.engine().settings().region,
                }),
            ),
            (&Method::GET, "/_terrella/endpoints") => answer(
                StatusCode::OK,
                &self.engine().read(|region, _| endpoints(region)),
            ),
            (&Method::GET, "/_terrella/status") => {
                let (world, _) = self.engine().world();
                let mut status = self.engine().read(|region, _| {
                    let mut status = endpoints(region);
                    status["services"] = services(region);
                    status
                });
                status["clock"] = clock::told(self.engine(), None);
                status["counts"] = json!({
                    "networks": world.vpcs.len(),
                    "tasks": world.tasks.len(),
                    "databases": world.databases.len(),
                    "balancers": world.balancers.len(),
                });
                answer(StatusCode::OK, &status)
            }
            (&Method::GET, "/_terrella/clock") => {
                answer(StatusCode::OK, &clock::told(self.engine(), None))
            }
            (&Method::POST, "/_terrella/clock") => clock::change(self.engine(), body).await,
            (&Method::POST, "/_terrella/reset") => match self.reset().await {
                Ok(()) => answer(StatusCode::OK, &json!({"status": "empty"})),
                Err(error) => answer(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &json!({"error": error.to_string()}),
                ),
            },
            (_, path) => answer(
                StatusCode::NOT_FOUND,
                &json!({"error": format!("{} {path} is not there; see `terrella help`", parts.method)}),
            ),
        }
    }
}

/// What the machine's own user can reach.
fn endpoints(region: &Region) -> serde_json::Value {
    let listeners: Vec<_> = elbv2::endpoints(region)
        .into_iter()
        .map(|one| {
            json!({
                "balancer": one.balancer,
                "port": one.port,
                "protocol": one.protocol,
                "address": one.address,
                "failure": one.failure,
                "host": one.host,
            })
        })
        .collect();
    let databases: Vec<_> = region
        .rds
        .instances
        .values()
        .map(|one| {
            json!({
                "name": one.name,
                "status": one.status.name(),
                "user": one.master_username,
                "database": one.database_name,
                "local": one.local(),
            })
        })
        .collect();
    json!({"listeners": listeners, "databases": databases})
}

/// Services that are active, with the tasks that they want and have. `closed` is there where the
/// bounds of its scaling leave one no task, and says when that ends, if it does.
fn services(region: &Region) -> serde_json::Value {
    let told = region.ecs.services.keys().filter_map(|(cluster, name)| {
        let now = ecs::scaling::capacity(region, cluster, name)?;
        let closed = application_autoscaling::closed(region, cluster, name);
        Some(json!({
            "cluster": cluster,
            "name": name,
            "desired": now.desired,
            "running": now.running,
            "pending": now.pending,
            "closed": closed.map(|one| json!({"until": one.until.map(|at| at.to_string())})),
        }))
    });
    told.collect()
}

/// What is said of a request that could not be read.
pub(crate) fn refusal(error: &wire::Error) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    answer(status, &json!({"error": error.message}))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
