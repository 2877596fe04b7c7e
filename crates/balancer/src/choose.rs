//! Which target a request goes to, and the cookies that bring it there again.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};
use world::balancer::{Algorithm, Stickiness};

use crate::cookies::{self, Bond, Tag};
use crate::exchange::{Exchange, Refusal};
use crate::fields::Fields;
use crate::plan::{Compiled, Forward};
use crate::select;
use crate::upstream::Target;

/// The target a request goes to, and why.
pub(crate) struct Choice {
    group: usize,
    pub target: Rc<Target>,
    pub outstanding: Option<Arc<AtomicUsize>>,
    /// When it was chosen, where cookies may bind.
    now: Option<SystemTime>,
    /// The action and how long it binds clients to the group.
    group_bond: Option<(Tag, Duration)>,
}

impl Exchange<'_> {
    pub(crate) fn choose(
        &mut self,
        forward: &Forward,
        request: Fields<'_>,
    ) -> Result<Choice, Refusal> {
        let compiled = &self.view.plan.compiled;
        let core = &self.front.core;
        let sticky = forward.stickiness.is_some()
            || forward
                .groups
                .iter()
                .any(|(index, _)| compiled.groups[*index].attributes.stickiness.is_some());
        let now = sticky.then(SystemTime::now);
        let group = self.choose_group(forward, request, now);
        let Some(index) = group else {
            return Err(StatusCode::SERVICE_UNAVAILABLE.into());
        };
        let group = &compiled.groups[index];
        let route = &self.view.plan.routes[index];
        let own = &self.view.groups[index];
        if let Some(draft) = &mut self.draft {
            draft.record.target_group = Some(group.arn.clone());
        }
        let bound = now
            .zip(group.attributes.stickiness.as_ref())
            .and_then(|(now, stickiness)| {
                bound_target(compiled, group.tag, stickiness, request, now)
            })
            .and_then(|address| {
                own.eligible
                    .iter()
                    .copied()
                    .find(|i| own.targets[*i].address == address)
            });
        let chosen = bound.or_else(|| {
            let mut turn = own.turn.get();
            let slow_ms = group.attributes.slow_start_ms;
            let algorithm = group.attributes.algorithm;
            let chosen = select::target(
                algorithm,
                own.eligible.len(),
                |i| {
                    let target = &route.targets[own.eligible[i]];
                    select::Candidate {
                        outstanding: match algorithm {
                            Algorithm::LeastOutstandingRequests => {
                                target.outstanding.load(Ordering::Relaxed)
                            }
                            _ => 0,
                        },
                        permille: target.slow_start.map_or(1000, |since| {
                            let elapsed = self.started.saturating_duration_since(since).as_millis();
                            select::slow_start_permille(
                                u64::try_from(elapsed).unwrap_or(u64::MAX),
                                slow_ms,
                            )
                        }),
                    }
                },
                &mut turn,
                core.chance(),
            );
            own.turn.set(turn);
            chosen.map(|i| own.eligible[i])
        });
        let Some(chosen) = chosen else {
            own.counters.without_target.one();
            return Err(StatusCode::SERVICE_UNAVAILABLE.into());
        };
        if route.fail_open {
            own.counters.unhealthy_routing_requests.one();
        }
        let target = Rc::clone(&own.targets[chosen]);
        if let Some(draft) = &mut self.draft {
            draft.record.target = Some(target.address);
        }
        Ok(Choice {
            group: index,
            outstanding: (group.attributes.algorithm == Algorithm::LeastOutstandingRequests)
                .then(|| Arc::clone(&route.targets[chosen].outstanding)),
            target,
            now,
            group_bond: forward
                .stickiness
                .filter(|_| forward.groups.len() > 1)
                .map(|duration| (forward.tag, duration)),
        })
    }

    fn choose_group(
        &self,
        forward: &Forward,
        request: Fields<'_>,
        now: Option<SystemTime>,
    ) -> Option<usize> {
        if let [(only, _)] = forward.groups[..] {
            return Some(only);
        }
        let compiled = &self.view.plan.compiled;
        if let (Some(_), Some(now)) = (forward.stickiness, now) {
            let bond = ["AWSALBTGCORS", "AWSALBTG"]
                .into_iter()
                .filter_map(|name| cookies::get(request, name))
                .find_map(|value| compiled.sealer.open(value, now));
            if let Some(Bond::Group { action, group }) = bond
                && action == forward.tag
                && let Some((index, _)) = forward
                    .groups
                    .iter()
                    .find(|(index, _)| compiled.groups[*index].tag == group)
            {
                return Some(*index);
            }
        }
        let weights = forward.groups.iter().map(|(_, weight)| *weight);
        select::weighted(weights, self.front.core.chance()).map(|i| forward.groups[i].0)
    }

    /// The cookies that bind the client to what was chosen, where the group or the action asks
    /// for it, given the headers of the target's answer.
    pub(crate) fn stick(&self, choice: &Choice, answer: Fields<'_>) -> Vec<HeaderValue> {
        let mut cookies = Vec::new();
        let Some(now) = choice.now else {
            return cookies;
        };
        let compiled = &self.view.plan.compiled;
        let group = &compiled.groups[choice.group];
        let mut set = |name, twin, bond, duration| {
            let chance = [self.front.core.chance(), self.front.core.chance()];
            let value = compiled.sealer.seal(bond, now + duration, chance);
            let secure = self.front.tls.is_some();
            cookies.extend(cookies::set(
                name,
                twin,
                &value,
                now + cookies::KEPT,
                secure,
            ));
        };
        if let Some((action, duration)) = choice.group_bond {
            let bond = Bond::Group {
                action,
                group: group.tag,
            };
            set("AWSALBTG", Some("AWSALBTGCORS"), bond, duration);
        }
        let bond = Bond::Target {
            group: group.tag,
            target: choice.target.address,
        };
        match &group.attributes.stickiness {
            Some(Stickiness::LbCookie { duration_ms }) => {
                let duration = Duration::from_millis(*duration_ms);
                set("AWSALB", Some("AWSALBCORS"), bond, duration);
            }
            Some(Stickiness::AppCookie {
                cookie_name,
                duration_ms,
            }) if cookies::is_set(answer, cookie_name) => {
                let duration = Duration::from_millis(*duration_ms);
                set("AWSALBAPP-0", None, bond, duration);
            }
            // An application's cookie binds only once the application has set it.
            None | Some(Stickiness::AppCookie { .. }) => {}
        }
        cookies
    }
}

/// The target that a request's cookies bind it to.
fn bound_target(
    compiled: &Compiled,
    group: Tag,
    stickiness: &Stickiness,
    request: Fields<'_>,
    now: SystemTime,
) -> Option<SocketAddr> {
    let names: &[&str] = match stickiness {
        Stickiness::LbCookie { .. } => &["AWSALBCORS", "AWSALB"],
        // Without the application's own cookie the session is over.
        Stickiness::AppCookie { cookie_name, .. } => {
            cookies::get(request, cookie_name)?;
            &["AWSALBAPP-0"]
        }
    };
    names
        .iter()
        .filter_map(|name| cookies::get(request, name))
        .find_map(|value| match compiled.sealer.open(value, now) {
            Some(Bond::Target { group: of, target }) if of == group => Some(target),
            _ => None,
        })
}
