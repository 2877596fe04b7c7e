//! A call of an AWS service: route, verify, run, answer in the client's protocol.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response};
use region::{Caller, Handler, Region};
use wire::{Error, ProtocolKind, RequestParts, ServiceSchema};

use crate::keys;
use crate::server::Gateway;
use crate::sigv4::{Claim, Signed};

impl Gateway {
    /// Answers one call.
    pub(crate) async fn call(
        &self,
        service: &'static ServiceSchema,
        parts: &Parts,
        body: Bytes,
    ) -> Response<Bytes> {
        let request_id = request_id();
        // The signature is over the body as it was sent.
        let plain = match wire::decompress(&parts.headers, &body, MOST_BODY) {
            Ok(plain) => plain,
            Err(error) => {
                let kind = wire::protocol_of(service, &RequestParts::new(parts, &body));
                return wire::render_error(kind, service, None, &error, &request_id);
            }
        };
        let request = RequestParts::new(parts, &plain);
        let (kind, operation) = match wire::route(&request, service) {
            Ok(routed) => routed,
            Err(error) => {
                let kind = wire::protocol_of(service, &request);
                return wire::render_error(kind, service, None, &error, &request_id);
            }
        };
        let answer = async {
            let caller = self.authenticate(service, kind, operation.name, parts, &body)?;
            if crate::logs::answers(service.id, operation.name) {
                let input = wire::parse(kind, service, operation, &request)?;
                wire::validate_input(service, operation, &input)?;
                let gateway = self.clone();
                return tokio::task::spawn_blocking(move || {
                    gateway.log_call(operation.name, input)
                })
                .await
                .map_err(|error| Error::internal(error.to_string()))?;
            }
            let handler = Region::handler(service.id, operation.name)
                .ok_or_else(|| Error::not_implemented(service.id, operation.name))?;
            let input = wire::parse(kind, service, operation, &request)?;
            wire::validate_input(service, operation, &input)?;
            match handler {
                Handler::Read(_) => self.engine().call(caller, &request_id, handler, input),
                Handler::Write(_) => {
                    let engine = std::sync::Arc::clone(self.engine());
                    let request_id = request_id.clone();
                    // A write waits for the disk.
                    tokio::task::spawn_blocking(move || {
                        engine.call(caller, &request_id, handler, input)
                    })
                    .await
                    .map_err(|error| Error::internal(error.to_string()))?
                }
            }
        }
        .await;
        match answer {
            Ok(output) => wire::render(kind, service, operation, output, &request_id),
            Err(error) => {
                if error.status >= 500 {
                    tracing::warn!(service = service.id, operation = operation.name, code = %error.code, message = error.message, "a call failed");
                }
                wire::render_error(kind, service, Some(operation), &error, &request_id)
            }
        }
    }

    /// Who makes the call.
    fn authenticate(
        &self,
        service: &'static ServiceSchema,
        kind: ProtocolKind,
        operation: &str,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Caller, Error> {
        let signed = Signed {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        };
        let Some(claim) = Claim::of(&signed) else {
            if takes_anyone(service, operation) {
                return Ok(Caller::Anonymous);
            }
            return Err(Error::new(
                "MissingAuthenticationToken",
                403,
                "Missing Authentication Token",
            ));
        };
        let claim = claim?;
        let key = keys::find(self.engine(), &claim.access_key).ok_or_else(|| unknown_key(kind))?;
        if key.session_token.is_some() && key.session_token != claim.session_token {
            return Err(unknown_key(kind));
        }
        if key.expired {
            return Err(expired(kind));
        }
        claim.check_time(jiff::Timestamp::now())?;
        self.verifier().verify(&claim, &signed, &key.secret)?;
        Ok(key.caller)
    }
}

/// Operations that are called without a signature.
fn takes_anyone(service: &ServiceSchema, operation: &str) -> bool {
    matches!(
        (service.id, operation),
        ("sts", "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML")
            | ("sns", "ConfirmSubscription" | "Unsubscribe")
    )
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
fn unknown_key(kind: ProtocolKind) -> Error {
    let code = match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery | ProtocolKind::RestXml => {
            "InvalidClientTokenId"
        }
        _ => "UnrecognizedClientException",
    };
    Error::new(
        code,
        403,
        "The security token included in the request is invalid.",
    )
}

fn expired(kind: ProtocolKind) -> Error {
    let code = match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery | ProtocolKind::RestXml => "ExpiredToken",
        _ => "ExpiredTokenException",
    };
    Error::new(
        code,
        403,
        "The security token included in the request is expired",
    )
}

/// What the client sees as the request's id: a random UUID.
pub(crate) fn request_id() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// What a body may be at most before it is refused: the largest documented request of the
/// services here is `PutLogEvents` with 1 MiB; `PutDashboard` and templates are below.
pub(crate) const MOST_BODY: usize = 6 << 20;

/// Whether headers announce a body that is too large, so that it need not be read.
pub(crate) fn announced_too_large(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok())
        .is_some_and(|length| length > MOST_BODY as u64)
}

#[cfg(test)]
mod tests {
    use super::request_id;

    #[test]
    fn request_ids_are_random_uuids() {
        let id = request_id();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
        assert!(
            matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
            "{id}"
        );
        assert_ne!(id, request_id());
    }
}
