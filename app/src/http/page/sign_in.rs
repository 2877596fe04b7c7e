//! `/sign-in`: people show an API key once; it is kept in a cookie that scripts cannot read.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use maud::{Markup, html};

use super::form::Form;
use super::layout::bare;
use crate::http::App;
use crate::http::access::{COOKIE, Caller};
use crate::http::problem::Problem;
use crate::keys::Token;

/// A working week.
const SECONDS: u32 = 5 * 86_400;

pub(super) async fn show(Extension(caller): Extension<Caller>) -> Response {
    wanted_with(StatusCode::OK, &caller, None)
}

/// In place of a page that needs a key, or one that may do more.
pub(super) fn wanted(caller: &Caller) -> Response {
    let (status, say) = match caller.key {
        None => (StatusCode::UNAUTHORIZED, None),
        Some(_) => (StatusCode::FORBIDDEN, Some("This key may not do that.")),
    };
    wanted_with(status, caller, say)
}

pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let refused = "This is no valid key.";
    let Some(token) = Token::parse(Form::read(&body).get("key")) else {
        return Ok(wanted_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &caller,
            Some(refused),
        ));
    };
    let found = app.ring.find(&token, Timestamp::now()).await;
    if found.map_err(|error| Problem::from(&*error))?.is_none() {
        return Ok(wanted_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &caller,
            Some(refused),
        ));
    }
    Ok(home(&headers, &token.reveal(), SECONDS))
}

pub(super) async fn sign_out(headers: HeaderMap) -> Response {
    home(&headers, "", 0)
}

fn home(headers: &HeaderMap, value: &str, seconds: u32) -> Response {
    let secure = match headers.get("x-forwarded-proto") {
        Some(proto) if proto == "https" => "; Secure",
        _ => "",
    };
    let cookie =
        format!("{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let fixed = [
        (header::LOCATION, "/".to_owned()),
        (header::SET_COOKIE, cookie),
    ];
    (StatusCode::SEE_OTHER, fixed).into_response()
}

fn wanted_with(status: StatusCode, caller: &Caller, say: Option<&str>) -> Response {
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, fixed, form(caller, say).into_string()).into_response()
}

fn form(caller: &Caller, say: Option<&str>) -> Markup {
    bare(
        "Sign in",
        html! {
            section.card.narrow aria-labelledby="sign-in-title" {
                h1 #sign-in-title { "Sign in" }
                @if let Some(key) = &caller.key { p { "Signed in with the key “" (key.name) "”." } }
                form action="/sign-in" method="post" {
                    div.field {
                        label for="key" { "API key" }
                        input #key type="password" name="key" required autocomplete="current-password"
                            placeholder="lk_…" aria-invalid=[say.map(|_| "true")] aria-describedby=[say.map(|_| "key-error")];
                        @if let Some(say) = say { p #key-error .error role="alert" { (say) } }
                    }
                    button.primary type="submit" { "Sign in" }
                }
                p.hint { "Whoever runs the service makes keys: " code { "links key create" } }
            }
        },
    )
}
