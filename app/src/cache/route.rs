//! What following a link needs to know of it.

use http::HeaderValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::links::{Link, Redirect, State};

/// Where a slug leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub location: HeaderValue,
    pub redirect: Redirect,
    pub enabled: bool,
    pub expires_at: Option<Timestamp>,
}

/// As the shared store keeps it. Fields may be added; a reader that does not know one ignores it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(rename = "t")]
    target: std::borrow::Cow<'a, str>,
    #[serde(rename = "r")]
    redirect: u16,
    #[serde(rename = "e")]
    enabled: bool,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Route {
    /// None when someone wrote a target to the table by hand that cannot be sent.
    pub fn of(link: &Link) -> Option<Self> {
        let location = HeaderValue::from_str(&link.target)
            .inspect_err(|error| {
                tracing::error!(slug = %link.slug, %error, "stored target is not a header value");
            })
            .ok()?;
        Some(Self {
            location,
            redirect: link.redirect,
            enabled: link.enabled,
            expires_at: link.expires_at,
        })
    }

    pub fn state(&self, now: Timestamp) -> State {
        State::of(self.enabled, self.expires_at, now)
    }

    pub(super) fn to_text(&self) -> String {
        let stored = Stored {
            target: self.location.to_str().unwrap_or_default().into(),
            redirect: self.redirect.status(),
            enabled: self.enabled,
            expires_at: self.expires_at,
        };
        serde_json::to_string(&stored).expect("it is texts and numbers")
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let stored: Stored<'_> = serde_json::from_str(text).ok()?;
        Some(Self {
            location: HeaderValue::from_str(&stored.target).ok()?,
            redirect: Redirect::from_status(stored.redirect.into())?,
            enabled: stored.enabled,
            expires_at: stored.expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_to_the_store_and_back() {
        let route = Route {
            location: HeaderValue::from_static("https://example.org/?q=\"%7C\""),
            redirect: Redirect::Permanent,
            enabled: false,
            expires_at: Some("2026-11-25T12:00:00.5Z".parse().unwrap()),
        };
        assert_eq!(Route::from_text(&route.to_text()), Some(route));
        for bad in [
            "",
            "{}",
            r#"{"t":"a\nb","r":302,"e":true}"#,
            r#"{"t":"https://a/","r":200,"e":true}"#,
        ] {
            assert_eq!(Route::from_text(bad), None, "{bad:?}");
        }
    }
}
