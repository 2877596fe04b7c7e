//! Which part of the region a request is for, from the request alone.

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use wire::ServiceSchema;

use crate::notifications;

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// `/_terrella/…`: about this region rather than of AWS.
    Admin,
    /// The image registry.
    Registry,
    S3,
    /// What the mails and documents of SNS link to.
    Notifications,
    Service(&'static ServiceSchema),
    /// A service of AWS that this region does not have, by its signing name.
    Absent,
}

/// Decides by path, then the signature's scope, then the target header, then the host name; what
/// says nothing else is S3's, whose requests may be unsigned and name nothing.
pub(crate) fn target(parts: &Parts) -> Target {
    let path = parts.uri.path();
    if path == "/_terrella" || path.starts_with("/_terrella/") {
        return Target::Admin;
    }
    let signed = authorization(parts).trim_start().starts_with("AWS4");
    if !signed && (path == "/v2" || path.starts_with("/v2/")) {
        return Target::Registry;
    }
    if !signed && notifications::is_for(path, parts.uri.query()) {
        return Target::Notifications;
    }
    if let Some(name) = scope_service(parts) {
        if name == "s3" {
            return Target::S3;
        }
        return by_signing_name(&name).map_or(Target::Absent, Target::Service);
    }
    if let Some(service) = by_target_header(&parts.headers) {
        return Target::Service(service);
    }
    if notifications::is_link(path, parts.uri.query()) {
        return by_signing_name("sns").map_or(Target::Absent, Target::Service);
    }
    by_host(&parts.headers).map_or(Target::S3, Target::Service)
}

fn authorization(parts: &Parts) -> &str {
    parts
        .headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The service named in the signature's scope, in the header or in the query.
pub(crate) fn scope_service(parts: &Parts) -> Option<String> {
    let authorization = authorization(parts);
    if let Some(at) = authorization.find("Credential=") {
        let credential = authorization[at + "Credential=".len()..]
            .split([',', ' '])
            .next()?;
        return credential.rsplit('/').nth(1).map(ToOwned::to_owned);
    }
    let credential = parts
        .uri
        .query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
    let credential = percent_decode_str(credential).decode_utf8_lossy();
    credential.rsplit('/').nth(1).map(ToOwned::to_owned)
}

fn by_signing_name(name: &str) -> Option<&'static ServiceSchema> {
    wire::SERVICES
        .iter()
        .find(|service| service.signing_name == name)
        .copied()
}

fn by_target_header(headers: &HeaderMap) -> Option<&'static ServiceSchema> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let (prefix, _) = target.rsplit_once('.')?;
    wire::SERVICES
        .iter()
        .find(|service| service.target_prefix == Some(prefix))
        .copied()
}

/// `<endpoint prefix>.<region>.amazonaws.com`, or `api.ecr.…`.
fn by_host(headers: &HeaderMap) -> Option<&'static ServiceSchema> {
    let host = headers.get(http::header::HOST)?.to_str().ok()?;
    let name = host.split(':').next()?.strip_suffix(".amazonaws.com")?;
    wire::SERVICES
        .iter()
        .find(|service| {
            name.strip_prefix(service.endpoint_prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn name(target: Target) -> &'static str {
        match target {
            Target::Admin => "admin",
            Target::Registry => "registry",
            Target::S3 => "s3",
            Target::Notifications => "notifications",
            Target::Service(service) => service.id,
            Target::Absent => "absent",
        }
    }

    /// A path, headers, and the target.
    type Case = (&'static str, Vec<(&'static str, String)>, &'static str);

    #[test]
    fn requests_find_their_service() {
        let scope = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };
        let cases: Vec<Case> = vec![
            ("/_terrella/health", vec![], "admin"),
            ("/v2/", vec![], "registry"),
            (
                "/v2/app/manifests/1",
                vec![("authorization", "Basic QVdTOng=".into())],
                "registry",
            ),
            ("/v2/key", vec![("authorization", scope("s3"))], "s3"),
            ("/", vec![("authorization", scope("ec2"))], "ec2"),
            (
                "/",
                vec![("authorization", scope("elasticloadbalancing"))],
                "elbv2",
            ),
            (
                "/",
                vec![("authorization", scope("monitoring"))],
                "cloudwatch",
            ),
            ("/", vec![("authorization", scope("lambda"))], "absent"),
            (
                "/?X-Amz-Credential=test%2F20260101%2Feu-central-1%2Fsts%2Faws4_request",
                vec![],
                "sts",
            ),
            (
                "/",
                vec![(
                    "x-amz-target",
                    "AmazonEC2ContainerServiceV20141113.ListClusters".into(),
                )],
                "ecs",
            ),
            (
                "/",
                vec![("host", "sts.eu-central-1.amazonaws.com".into())],
                "sts",
            ),
            ("/bucket/key", vec![], "s3"),
            (
                "/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:a:b:c&Token=1",
                vec![],
                "sns",
            ),
            (
                "/confirmation.html?TopicArn=arn:aws:sns:a:b:c&Token=1",
                vec![],
                "notifications",
            ),
        ];
        for (uri, headers, wanted) in cases {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            assert_eq!(
                name(target(&parts(uri, &headers))),
                wanted,
                "{uri} {headers:?}"
            );
        }
    }
}
