//! STS: who is asking, and temporary credentials.

mod assume;
pub mod credentials;
mod error;
mod identity;
mod state;
#[cfg(test)]
mod tests;
pub mod trust;

use jiff::Timestamp;

pub use state::State;

use crate::{Context, Region, Service};

crate::operations! { wire::sts::op;
    write AssumeRole => assume::assume_role,
    write AssumeRoleWithWebIdentity => assume::assume_role_with_web_identity,
    read GetAccessKeyInfo => identity::get_access_key_info,
    read GetCallerIdentity => identity::get_caller_identity,
    write GetSessionToken => assume::get_session_token,
}

pub(crate) const SERVICE: Service = Service {
    reconcile,
    deadline,
    ..Service::new("sts", handler)
};

/// How long an ended session is kept, so that its user is told that it ended and not that it
/// never was.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Forgets sessions that ended a while ago.
fn reconcile(region: &mut Region, context: &Context) {
    if deadline(region).is_some_and(|at| at <= context.wall) {
        let now = context.wall;
        region
            .sts
            .sessions
            .retain(|_, session| session.expires_at + REMEMBERED > now);
    }
}

fn deadline(region: &Region) -> Option<Timestamp> {
    let ends = region
        .sts
        .sessions
        .values()
        .map(|session| session.expires_at);
    ends.min().map(|at| at + REMEMBERED)
}
