//! The pages that SNS's mails link to, and the certificate its documents are signed with.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use region::{Caller, Handler, Region};
use wire::Shape as _;
use wire::sns::{ConfirmSubscriptionInput, ConfirmSubscriptionResponse, UnsubscribeInput};

use crate::api::request_id;
use crate::server::Gateway;

const CONFIRM: &str = "/confirmation.html";
const UNSUBSCRIBE: &str = "/unsubscribe.html";
const CERTIFICATE: &str = "/SimpleNotificationService-";

/// Whether a request is for one of these. A bucket may have a page's name, but its objects are
/// not asked for with a topic's or a subscription's ARN.
pub(crate) fn is_for(path: &str, query: Option<&str>) -> bool {
    let query = query.unwrap_or_default();
    match path {
        CONFIRM => parameter(query, "TopicArn").is_some_and(|arn| arn.starts_with("arn:")),
        UNSUBSCRIBE => {
            parameter(query, "SubscriptionArn").is_some_and(|arn| arn.starts_with("arn:"))
        }
        _ => certificate(path).is_some(),
    }
}

/// Whether a request without a signature is the link of a document: `/?Action=…`.
pub(crate) fn is_link(path: &str, query: Option<&str>) -> bool {
    let action = query.and_then(|query| parameter(query, "Action"));
    path == "/"
        && action
            .is_some_and(|action| matches!(action.as_str(), "ConfirmSubscription" | "Unsubscribe"))
}

/// The name of the certificate's file.
fn certificate(path: &str) -> Option<&str> {
    let name = path.strip_prefix(CERTIFICATE)?.strip_suffix(".pem")?;
    let digits = name.len() == 32 && name.bytes().all(|one| one.is_ascii_hexdigit());
    digits.then(|| path.trim_start_matches('/'))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

impl Gateway {
    pub(crate) async fn notify(&self, parts: &Parts) -> Response<Bytes> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                "Not allowed",
                "This page is only read.",
            );
        }
        let path = parts.uri.path();
        if let Some(name) = certificate(path) {
            return match tokio::fs::read(self.data().join("ca").join(name)).await {
                Ok(pem) => answer(StatusCode::OK, "application/x-pem-file", pem.into()),
                Err(_) => page(
                    StatusCode::NOT_FOUND,
                    "Not there",
                    "This region has signed nothing with that certificate.",
                ),
            };
        }
        // A look ahead confirms nothing.
        if parts.method == Method::HEAD {
            return answer(StatusCode::OK, "text/html; charset=utf-8", Bytes::new());
        }
        let query = parts.uri.query().unwrap_or_default();
        let of = |name: &str| parameter(query, name).unwrap_or_default();
        if path == CONFIRM {
            let input = ConfirmSubscriptionInput {
                token: of("Token"),
                topic_arn: of("TopicArn"),
                authenticate_on_unsubscribe: None,
            };
            let confirmed = self
                .unsigned("ConfirmSubscription", input.into_value())
                .await;
            let confirmed = confirmed.and_then(|value| {
                ConfirmSubscriptionResponse::from_value(value).map_err(Into::into)
            });
            return match confirmed {
                Ok(output) => page(
                    StatusCode::OK,
                    "Subscription confirmed!",
                    &format!(
                        "You have successfully subscribed. Your subscription's id is: {}",
                        output.subscription_arn.unwrap_or_default()
                    ),
                ),
                Err(error) => page(
                    StatusCode::BAD_REQUEST,
                    "Subscription could not be confirmed",
                    &error.message,
                ),
            };
        }
        let input = UnsubscribeInput {
            subscription_arn: of("SubscriptionArn"),
        };
        match self.unsigned("Unsubscribe", input.into_value()).await {
            Ok(_) => page(
                StatusCode::OK,
                "Subscription removed!",
                &format!(
                    "Your subscription has been removed. Its id was: {}",
                    of("SubscriptionArn")
                ),
            ),
            Err(error) => page(
                StatusCode::BAD_REQUEST,
                "Subscription could not be removed",
                &error.message,
            ),
        }
    }

    /// Calls an operation of SNS as somebody who only has a link.
    async fn unsigned(
        &self,
        operation: &'static str,
        input: wire::Value,
    ) -> Result<wire::Value, wire::Error> {
        let Some(handler @ Handler::Write(_)) = Region::handler("sns", operation) else {
            return Err(wire::Error::not_implemented("sns", operation));
        };
        let engine = std::sync::Arc::clone(self.engine());
        tokio::task::spawn_blocking(move || {
            engine.call(Caller::Anonymous, &request_id(), handler, input)
        })
        .await
        .map_err(|error| wire::Error::internal(error.to_string()))?
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Bytes> {
    let (title, text) = (escaped(title), escaped(text));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <main style=\"max-width:40em;margin:3em auto;padding:0 1em;font-family:sans-serif;overflow-wrap:anywhere\">\n\
         <h1>{title}</h1>\n<p>{text}</p>\n</main>\n</html>\n"
    );
    answer(status, "text/html; charset=utf-8", html.into())
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_buckets() {
        let pem = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";
        let cases = [
            (pem, None, true),
            ("/SimpleNotificationService-../ca.key.pem", None, false),
            (
                "/confirmation.html",
                Some("TopicArn=arn%3Aaws%3Asns:x"),
                true,
            ),
            ("/confirmation.html", Some("list-type=2"), false),
            (
                "/unsubscribe.html",
                Some("SubscriptionArn=arn:aws:sns:x&Endpoint=a@b"),
                true,
            ),
            ("/unsubscribe.html", None, false),
            ("/", Some("Action=ConfirmSubscription"), false),
        ];
        for (path, query, wanted) in cases {
            assert_eq!(is_for(path, query), wanted, "{path} {query:?}");
        }
        assert!(is_link("/", Some("Action=ConfirmSubscription&Token=1")));
        assert!(is_link("/", Some("Action=Unsubscribe&SubscriptionArn=x")));
        assert!(!is_link("/", Some("Action=Publish")));
        assert!(!is_link("/bucket", Some("Action=Unsubscribe")));
    }
}
