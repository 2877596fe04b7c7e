//! What is counted. One registry for the process, read as Prometheus text and as CloudWatch's embedded format.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// From a cached redirect to the longest request there is.
const SECONDS: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];

pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    redirects: Redirects,
    refused: IntCounterVec,
    cache: IntCounterVec,
    pub loads_joined: IntCounter,
    reads: IntCounterVec,
    writes: IntCounter,
    clicks: IntCounterVec,
    clicks_counted: IntCounter,
    pub clicks_pending: IntGauge,
    pub database_open: IntGauge,
    pub database_idle: IntGauge,
    pub cache_bytes: IntGauge,
}

/// The busiest route's own, looked up once.
struct Redirects {
    found: [IntCounter; 2],
    seconds: Histogram,
    hits: IntCounter,
}

/// The process's metrics.
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let requests = counters(
            &registry,
            "links_requests_total",
            "Requests answered",
            &["route", "status"],
        );
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "links_request_seconds",
                "From a request's head to its answer's",
            )
            .buckets(SECONDS.to_vec()),
            &["route"],
        )
        .expect("the names are valid");
        registry
            .register(Box::new(seconds.clone()))
            .expect("the name is not taken");
        let cache = counters(
            &registry,
            "links_cache_total",
            "Looks into a cache: process or shared; hit, miss or error",
            &["cache", "outcome"],
        );
        let redirects = Redirects {
            found: ["301", "302"].map(|status| requests.with_label_values(&["redirect", status])),
            seconds: seconds.with_label_values(&["redirect"]),
            hits: cache.with_label_values(&["process", "hit"]),
        };
        let writes = counters(
            &registry,
            "links_database_writes_total",
            "Transactions that write",
            &[],
        );
        let clicks = counters(
            &registry,
            "links_clicks_total",
            "Clicks: counted, written to the database, or dropped because too many wait for it",
            &["what"],
        );
        Self {
            redirects,
            refused: counters(
                &registry,
                "links_refused_total",
                "Requests turned away: overload, rate or drill",
                &["reason"],
            ),
            loads_joined: counters(
                &registry,
                "links_loads_joined_total",
                "Redirects that waited for what another was loading already",
                &[],
            )
            .with_label_values::<&str>(&[]),
            reads: counters(
                &registry,
                "links_database_reads_total",
                "Reads, by the server that was asked",
                &["server"],
            ),
            writes: writes.with_label_values::<&str>(&[]),
            clicks_counted: clicks.with_label_values(&["counted"]),
            clicks,
            clicks_pending: gauge(
                &registry,
                "links_clicks_pending",
                "Links whose clicks wait to be written",
            ),
            database_open: gauge(
                &registry,
                "links_database_connections",
                "Connections to the writer",
            ),
            database_idle: gauge(
                &registry,
                "links_database_connections_idle",
                "Connections to the writer that are idle",
            ),
            cache_bytes: gauge(
                &registry,
                "links_cache_bytes",
                "Memory that the process's cache holds",
            ),
            requests,
            seconds,
            cache,
            registry,
        }
    }

    pub fn request(&self, route: &'static str, status: u16, took: Duration) {
        if route == "redirect" && matches!(status, 301 | 302) {
            self.redirects.found[usize::from(status == 302)].inc();
            self.redirects.seconds.observe(took.as_secs_f64());
            return;
        }
        self.requests
            .with_label_values(&[route, status.to_string().as_str()])
            .inc();
        self.seconds
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    pub fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    pub fn cache_hit(&self) {
        self.redirects.hits.inc();
    }

    pub fn cache(&self, cache: &'static str, outcome: &'static str) {
        self.cache.with_label_values(&[cache, outcome]).inc();
    }

    pub fn database_reads(&self, server: &'static str) {
        self.reads.with_label_values(&[server]).inc();
    }

    pub fn database_writes(&self) {
        self.writes.inc();
    }

    pub fn click_counted(&self) {
        self.clicks_counted.inc();
    }

    pub fn clicks(&self, what: &'static str, count: u64) {
        self.clicks.with_label_values(&[what]).inc_by(count);
    }

    /// All of it now.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// In Prometheus's text format, version 0.0.4.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.gather())
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("the names are valid");
    registry
        .register(Box::new(counters.clone()))
        .expect("the name is not taken");
    counters
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("the name is valid");
    registry
        .register(Box::new(gauge.clone()))
        .expect("the name is not taken");
    gauge
}
