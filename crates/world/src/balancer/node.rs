//! What is said over a node's control socket: one JSON document a line, both ways.
//!
//! A client sends [`ToNode`] and gets one [`FromNode`] with the same `id` for each. Whoever is
//! connected is also sent [`Answer::TargetHealth`], with no `id`, whenever a target's health
//! changes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Config;

/// The version of this vocabulary; a node refuses any other.
pub const PROTOCOL: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToNode {
    pub protocol: u32,
    /// Chosen by the client.
    pub id: u64,
    pub request: Request,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Serve this from now on. Kept over restarts once it is answered with [`Answer::Accepted`].
    Configure(Box<NodeConfig>),
    Status,
}

/// What one node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    pub node: Node,
    pub config: Config,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The address its listeners bind.
    pub address: IpAddr,
    pub availability_zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromNode {
    pub protocol: u32,
    /// `None` when nobody asked.
    pub id: Option<u64>,
    pub answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Served and kept on disk. Listeners that could not be bound are in the status.
    Accepted {
        version: u64,
    },
    /// Nothing has changed.
    Refused {
        /// The field at fault, such as `config.listeners[0].port`, where there is one.
        field: Option<String>,
        reason: String,
    },
    Status(Box<NodeStatus>),
    /// A target's health changed.
    TargetHealth(TargetHealth),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Of the configuration that is served; `None` before the first.
    pub version: Option<u64>,
    pub node: Option<Node>,
    pub listeners: Vec<ListenerStatus>,
    pub targets: Vec<TargetHealth>,
    pub counters: Counters,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    pub arn: String,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// Why it does not.
    pub failure: Option<String>,
}

/// A target's health as `DescribeTargetHealth` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// ARN.
    pub target_group: String,
    pub address: IpAddr,
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `draining` or `unused`.
    pub state: String,
    /// Such as `Target.Timeout`.
    pub reason: Option<String>,
    pub description: Option<String>,
}

/// Everything CloudWatch needs of a node, counted since it started; only ever growing, but for
/// the gauges, which say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub since: Option<Timestamp>,
    pub load_balancer: LoadBalancerCounters,
    /// By ARN, also of groups that are no longer configured.
    pub target_groups: BTreeMap<String, GroupCounters>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerCounters {
    pub new_connections: u64,
    /// A gauge: open connections, of clients and to targets.
    pub active_connections: u64,
    pub rejected_connections: u64,
    pub client_tls_negotiation_errors: u64,
    /// Both ways, payload and headers, of clients.
    pub processed_bytes: u64,
    /// Requests for which a target was chosen.
    pub requests: u64,
    pub rule_evaluations: u64,
    pub http_redirects: u64,
    pub http_redirect_url_limit_exceeded: u64,
    pub http_fixed_responses: u64,
    pub desync_non_compliant_requests: u64,
    pub forwarded_invalid_header_requests: u64,
    /// Requests whose client was gone before there was an answer (460).
    pub client_gone: u64,
    /// By status code, answers that the load balancer made by itself; fixed responses and
    /// redirects count too.
    pub elb_status: BTreeMap<u16, u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCounters {
    /// By the zone of the target; `all` for targets without one.
    pub zones: BTreeMap<String, ZoneCounters>,
    /// Requests that found no target to go to.
    pub without_target: u64,
    /// Requests routed while too few targets were healthy.
    pub unhealthy_routing_requests: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneCounters {
    pub requests: u64,
    /// By class, such as 2 for 2XX, what targets answered.
    pub target_status: BTreeMap<u16, u64>,
    pub target_connection_errors: u64,
    pub target_tls_negotiation_errors: u64,
    /// Requests that timed out or failed at the target, by the status the client got instead.
    pub elb_status: BTreeMap<u16, u64>,
    /// Microseconds from sending a request to the first byte of the answer.
    pub target_response_time: Histogram,
}

/// Log-linear: each power of two is cut in sixteen, so a bucket is at most 1/16 wide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    pub count: u64,
    pub sum: u64,
    /// Buckets that hold something: the lowest value of the bucket, and how many fell in it.
    pub buckets: BTreeMap<u64, u64>,
}

impl Counters {
    /// What was counted since an earlier look at the same node; gauges as they are now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        // One that counts anew has nothing to subtract.
        if self.since != earlier.since {
            return self.clone();
        }
        let (now, then) = (&self.load_balancer, &earlier.load_balancer);
        let load_balancer = LoadBalancerCounters {
            new_connections: less(now.new_connections, then.new_connections),
            active_connections: now.active_connections,
            rejected_connections: less(now.rejected_connections, then.rejected_connections),
            client_tls_negotiation_errors: less(
                now.client_tls_negotiation_errors,
                then.client_tls_negotiation_errors,
            ),
            processed_bytes: less(now.processed_bytes, then.processed_bytes),
            requests: less(now.requests, then.requests),
            rule_evaluations: less(now.rule_evaluations, then.rule_evaluations),
            http_redirects: less(now.http_redirects, then.http_redirects),
            http_redirect_url_limit_exceeded: less(
                now.http_redirect_url_limit_exceeded,
                then.http_redirect_url_limit_exceeded,
            ),
            http_fixed_responses: less(now.http_fixed_responses, then.http_fixed_responses),
            desync_non_compliant_requests: less(
                now.desync_non_compliant_requests,
                then.desync_non_compliant_requests,
            ),
            forwarded_invalid_header_requests: less(
                now.forwarded_invalid_header_requests,
                then.forwarded_invalid_header_requests,
            ),
            client_gone: less(now.client_gone, then.client_gone),
            elb_status: each_less(&now.elb_status, &then.elb_status),
        };
        let nothing = GroupCounters::default();
        let target_groups = self.target_groups.iter().map(|(arn, now)| {
            let then = earlier.target_groups.get(arn).unwrap_or(&nothing);
            (arn.clone(), now.since(then))
        });
        Self {
            since: self.since,
            load_balancer,
            target_groups: target_groups.collect(),
        }
    }
}

impl GroupCounters {
    fn since(&self, earlier: &Self) -> Self {
        let nothing = ZoneCounters::default();
        let zones = self.zones.iter().map(|(name, now)| {
            let then = earlier.zones.get(name).unwrap_or(&nothing);
            (name.clone(), now.since(then))
        });
        Self {
            zones: zones.collect(),
            without_target: less(self.without_target, earlier.without_target),
            unhealthy_routing_requests: less(
                self.unhealthy_routing_requests,
                earlier.unhealthy_routing_requests,
            ),
        }
    }
}

impl ZoneCounters {
    fn since(&self, earlier: &Self) -> Self {
        let (now, then) = (&self.target_response_time, &earlier.target_response_time);
        Self {
            requests: less(self.requests, earlier.requests),
            target_status: each_less(&self.target_status, &earlier.target_status),
            target_connection_errors: less(
                self.target_connection_errors,
                earlier.target_connection_errors,
            ),
            target_tls_negotiation_errors: less(
                self.target_tls_negotiation_errors,
                earlier.target_tls_negotiation_errors,
            ),
            elb_status: each_less(&self.elb_status, &earlier.elb_status),
            target_response_time: Histogram {
                count: less(now.count, then.count),
                sum: less(now.sum, then.sum),
                buckets: each_less(&now.buckets, &then.buckets),
            },
        }
    }
}

fn less(now: u64, then: u64) -> u64 {
    now.saturating_sub(then)
}

/// Without those that are none.
fn each_less<K: Ord + Copy>(now: &BTreeMap<K, u64>, then: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    now.iter()
        .map(|(key, count)| (*key, less(*count, then.get(key).copied().unwrap_or(0))))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_is_taken_off_once() {
        let counters = |requests, connections| {
            let zone = ZoneCounters {
                requests,
                target_status: [(2, requests)].into(),
                target_response_time: Histogram {
                    count: requests,
                    sum: requests * 40,
                    buckets: [(40, requests)].into(),
                },
                ..ZoneCounters::default()
            };
            let group = GroupCounters {
                zones: [("a".to_owned(), zone)].into(),
                ..GroupCounters::default()
            };
            Counters {
                since: Some(Timestamp::UNIX_EPOCH),
                load_balancer: LoadBalancerCounters {
                    requests,
                    active_connections: connections,
                    ..LoadBalancerCounters::default()
                },
                target_groups: [("tg".to_owned(), group)].into(),
            }
        };
        let (then, now) = (counters(3, 9), counters(5, 2));
        assert_eq!(now.since(&then), counters(2, 2));
        assert_eq!(
            now.since(&Counters {
                since: None,
                ..then
            }),
            now
        );
        let quiet = now.since(&now);
        assert!(
            quiet.target_groups["tg"].zones["a"]
                .target_status
                .is_empty()
        );
    }
}
