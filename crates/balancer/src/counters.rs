//! What one core counts. Plain cells: each core counts alone and the sums are made when asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use world::balancer::node::{
    Counters, GroupCounters, Histogram, LoadBalancerCounters, ZoneCounters,
};

#[derive(Debug, Default)]
pub(crate) struct Count(Cell<u64>);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.set(self.0.get().wrapping_add(n));
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    /// For gauges.
    pub(crate) fn less(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

#[derive(Debug, Default)]
pub(crate) struct CoreCounters {
    pub new_connections: Count,
    pub active_connections: Count,
    pub rejected_connections: Count,
    pub client_tls_negotiation_errors: Count,
    pub processed_bytes: Count,
    pub requests: Count,
    pub rule_evaluations: Count,
    pub http_redirects: Count,
    pub http_redirect_url_limit_exceeded: Count,
    pub http_fixed_responses: Count,
    pub desync_non_compliant_requests: Count,
    pub forwarded_invalid_header_requests: Count,
    pub client_gone: Count,
    elb_status: RefCell<BTreeMap<u16, u64>>,
    groups: RefCell<BTreeMap<String, Rc<Group>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub without_target: Count,
    pub unhealthy_routing_requests: Count,
    zones: RefCell<BTreeMap<String, Rc<Zone>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Zone {
    pub requests: Count,
    pub target_connection_errors: Count,
    pub target_tls_negotiation_errors: Count,
    classes: [Count; 6],
    elb_status: RefCell<BTreeMap<u16, u64>>,
    times: RefCell<Times>,
}

impl CoreCounters {
    /// Counts an answer of the load balancer's own.
    pub(crate) fn answered(&self, status: StatusCode) {
        *self
            .elb_status
            .borrow_mut()
            .entry(status.as_u16())
            .or_default() += 1;
    }

    /// The counters of a group; they outlive its configuration.
    pub(crate) fn group(&self, arn: &str) -> Rc<Group> {
        if let Some(group) = self.groups.borrow().get(arn) {
            return Rc::clone(group);
        }
        Rc::clone(self.groups.borrow_mut().entry(arn.to_owned()).or_default())
    }

    /// All counts as they are now.
    pub(crate) fn snapshot(&self) -> Counters {
        let mut snapshot = Counters::default();
        let to: &mut LoadBalancerCounters = &mut snapshot.load_balancer;
        to.new_connections = self.new_connections.get();
        to.active_connections = self.active_connections.get();
        to.rejected_connections = self.rejected_connections.get();
        to.client_tls_negotiation_errors = self.client_tls_negotiation_errors.get();
        to.processed_bytes = self.processed_bytes.get();
        to.requests = self.requests.get();
        to.rule_evaluations = self.rule_evaluations.get();
        to.http_redirects = self.http_redirects.get();
        to.http_redirect_url_limit_exceeded = self.http_redirect_url_limit_exceeded.get();
        to.http_fixed_responses = self.http_fixed_responses.get();
        to.desync_non_compliant_requests = self.desync_non_compliant_requests.get();
        to.forwarded_invalid_header_requests = self.forwarded_invalid_header_requests.get();
        to.client_gone = self.client_gone.get();
        to.elb_status.clone_from(&self.elb_status.borrow());
        for (arn, group) in self.groups.borrow().iter() {
            let to = GroupCounters {
                without_target: group.without_target.get(),
                unhealthy_routing_requests: group.unhealthy_routing_requests.get(),
                zones: group
                    .zones
                    .borrow()
                    .iter()
                    .map(|(name, zone)| (name.clone(), zone.snapshot()))
                    .collect(),
            };
            snapshot.target_groups.insert(arn.clone(), to);
        }
        snapshot
    }
}

impl Group {
    pub(crate) fn zone(&self, name: Option<&str>) -> Rc<Zone> {
        let name = name.unwrap_or("all");
        if let Some(zone) = self.zones.borrow().get(name) {
            return Rc::clone(zone);
        }
        Rc::clone(self.zones.borrow_mut().entry(name.to_owned()).or_default())
    }
}

impl Zone {
    /// Counts an answer of a target.
    pub(crate) fn target_answered(&self, status: StatusCode, after: Duration) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.classes[class].one();
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.times.borrow_mut().record(micros);
    }

    /// Counts what the client got because the target gave nothing.
    pub(crate) fn failed(&self, status: StatusCode) {
        *self
            .elb_status
            .borrow_mut()
            .entry(status.as_u16())
            .or_default() += 1;
    }

    fn snapshot(&self) -> ZoneCounters {
        ZoneCounters {
            requests: self.requests.get(),
            target_connection_errors: self.target_connection_errors.get(),
            target_tls_negotiation_errors: self.target_tls_negotiation_errors.get(),
            target_status: (0..)
                .zip(&self.classes)
                .filter(|(_, count)| count.get() > 0)
                .map(|(class, count)| (class, count.get()))
                .collect(),
            elb_status: self.elb_status.borrow().clone(),
            target_response_time: self.times.borrow().snapshot(),
        }
    }
}

fn add_all(to: &mut BTreeMap<u16, u64>, from: &BTreeMap<u16, u64>) {
    for (status, count) in from {
        *to.entry(*status).or_default() += count;
    }
}

/// Adds one core's counts to a sum.
pub(crate) fn merge(sum: &mut Counters, one: &Counters) {
    let (to, from) = (&mut sum.load_balancer, &one.load_balancer);
    for (to, from) in [
        (&mut to.new_connections, from.new_connections),
        (&mut to.active_connections, from.active_connections),
        (&mut to.rejected_connections, from.rejected_connections),
        (
            &mut to.client_tls_negotiation_errors,
            from.client_tls_negotiation_errors,
        ),
        (&mut to.processed_bytes, from.processed_bytes),
        (&mut to.requests, from.requests),
        (&mut to.rule_evaluations, from.rule_evaluations),
        (&mut to.http_redirects, from.http_redirects),
        (
            &mut to.http_redirect_url_limit_exceeded,
            from.http_redirect_url_limit_exceeded,
        ),
        (&mut to.http_fixed_responses, from.http_fixed_responses),
        (
            &mut to.desync_non_compliant_requests,
            from.desync_non_compliant_requests,
        ),
        (
            &mut to.forwarded_invalid_header_requests,
            from.forwarded_invalid_header_requests,
        ),
        (&mut to.client_gone, from.client_gone),
    ] {
        *to += from;
    }
    add_all(&mut to.elb_status, &from.elb_status);
    for (arn, from) in &one.target_groups {
        let to = sum.target_groups.entry(arn.clone()).or_default();
        to.without_target += from.without_target;
        to.unhealthy_routing_requests += from.unhealthy_routing_requests;
        for (name, from) in &from.zones {
            let to = to.zones.entry(name.clone()).or_default();
            to.requests += from.requests;
            to.target_connection_errors += from.target_connection_errors;
            to.target_tls_negotiation_errors += from.target_tls_negotiation_errors;
            add_all(&mut to.target_status, &from.target_status);
            add_all(&mut to.elb_status, &from.elb_status);
            let (to, from) = (&mut to.target_response_time, &from.target_response_time);
            to.count += from.count;
            to.sum = to.sum.saturating_add(from.sum);
            for (low, count) in &from.buckets {
                *to.buckets.entry(*low).or_default() += count;
            }
        }
    }
}

/// A histogram in the shape of [`Histogram`], as an array.
#[derive(Debug, Default)]
struct Times {
    count: u64,
    sum: u64,
    /// Grows to the largest value seen.
    buckets: Vec<u64>,
}

impl Times {
    fn record(&mut self, micros: u64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
        let index = bucket(micros);
        if index >= self.buckets.len() {
            self.buckets.resize(index + 1, 0);
        }
        self.buckets[index] += 1;
    }

    fn snapshot(&self) -> Histogram {
        Histogram {
            count: self.count,
            sum: self.sum,
            buckets: self
                .buckets
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(index, count)| (lowest(index), *count))
                .collect(),
        }
    }
}

/// The bucket of a value: exact below 16, then sixteen to each power of two.
fn bucket(value: u64) -> usize {
    if value < 16 {
        return usize::try_from(value).unwrap_or(15);
    }
    let power = value.ilog2();
    let sixteenth = (value >> (power - 4)) & 15;
    (power as usize - 3) * 16 + usize::try_from(sixteenth).unwrap_or(15)
}

/// The lowest value of a bucket.
fn lowest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 16 {
        bucket
    } else {
        (16 + bucket % 16) << (bucket / 16 - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_over_cores() {
        let cores = [CoreCounters::default(), CoreCounters::default()];
        for core in &cores {
            core.new_connections.one();
            core.answered(StatusCode::BAD_GATEWAY);
            let zone = core.group("tg").zone(Some("a"));
            zone.requests.one();
            zone.target_answered(StatusCode::NOT_FOUND, Duration::from_micros(40));
        }
        cores[0].group("tg").zone(None).requests.add(3);
        let mut sum = Counters::default();
        for core in &cores {
            merge(&mut sum, &core.snapshot());
        }
        assert_eq!(sum.load_balancer.new_connections, 2);
        assert_eq!(sum.load_balancer.elb_status, [(502, 2)].into());
        let zones = &sum.target_groups["tg"].zones;
        assert_eq!(zones["a"].target_status, [(4, 2)].into());
        assert_eq!(zones["a"].target_response_time.buckets, [(40, 2)].into());
        assert_eq!(zones["all"].requests, 3);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_values_and_is_a_sixteenth_wide(value: u64) {
            let low = lowest(bucket(value));
            prop_assert!(low <= value && value - low <= low / 16);
            prop_assert_eq!(bucket(low), bucket(value));
        }
    }
}
