//! What every page has.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use crate::http::access::Caller;
use crate::http::assets;
use crate::links::{Link, State};

/// What a page is about.
pub(super) struct Page<'a> {
    pub title: &'a str,
    pub caller: &'a Caller,
    /// What is in the search field.
    pub search: &'a str,
}

pub(super) fn page(page: &Page<'_>, content: Markup) -> Markup {
    let navigation = html! {
        form.search role="search" action="/" method="get" {
            label.hidden for="search" { "Search links" }
            input #search type="search" name="q" value=(page.search) placeholder="Search links" maxlength="200"
                autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
            kbd aria-hidden="true" { "/" }
        }
        nav aria-label="Main" {
            a href="/docs" { "API" }
            @if page.caller.key.is_some() {
                form action="/sign-out" method="post" { button.quiet type="submit" { "Sign out" } }
            }
        }
    };
    document(page.title, navigation, content)
}

/// Without anything that depends on who asks.
pub(super) fn bare(title: &str, content: Markup) -> Markup {
    let navigation = html! { nav aria-label="Main" { a href="/docs" { "API" } } };
    document(title, navigation, content)
}

fn document(title: &str, navigation: Markup, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · links" }
                link rel="icon" href=(assets::path("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("links.css"));
                script src=(assets::path("links.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    div.inner {
                        a.brand href="/" { (mark()) "links" }
                        (navigation)
                    }
                }
                main #main tabindex="-1" { (content) }
                p #said .hidden role="status" aria-live="polite" {}
            }
        }
    }
}

/// A page that may be different the next time, and for others.
pub(super) fn answer(status: StatusCode, page: Markup) -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, private"),
    ];
    (status, kind, page.into_string()).into_response()
}

/// Two links of a chain.
fn mark() -> Markup {
    html! {
        svg viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" stroke-width="2.2"
            stroke-linecap="round" aria-hidden="true" {
            path d="M10 14a4.5 4.5 0 0 0 6.4 0l3.2-3.2a4.5 4.5 0 0 0-6.4-6.4L11.8 5.8" {}
            path d="M14 10a4.5 4.5 0 0 0-6.4 0l-3.2 3.2a4.5 4.5 0 0 0 6.4 6.4l1.4-1.4" {}
        }
    }
}

pub(super) fn badge(link: &Link, now: jiff::Timestamp) -> Markup {
    match link.state(now) {
        State::Active => html! {},
        State::Disabled => html! { span.badge { "off" } },
        State::Expired => html! { span.badge.warn { "expired" } },
    }
}

/// A moment, in UTC; the script writes it in the reader's own time.
pub(super) fn moment(at: jiff::Timestamp) -> Markup {
    let text = at.strftime("%-d %b %Y, %H:%M UTC").to_string();
    html! { time datetime=(at) { (text) } }
}

/// With a thin space between thousands.
pub(super) fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    if value < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

pub(super) fn clicks(value: i64) -> String {
    match value {
        1 => "1 click".to_owned(),
        value => format!("{} clicks", number(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(-1000), "-1\u{202f}000");
        assert_eq!(clicks(1), "1 click");
    }
}
