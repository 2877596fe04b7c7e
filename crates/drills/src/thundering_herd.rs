//! Twenty times the load from one moment to the next, with and without the application's cache.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use http::Method;
use jiff::SignedDuration;
use serde_json::Value;

use crate::load::{Ask, Load, Seen};
use crate::site::interface;
use crate::watch::minutes;
use crate::{Drill, Evidence, Site};

/// Region time to real time: a minute is three seconds.
const RATE: u32 = 20;
/// How many times the small load comes at once.
const HERD: f64 = 20.0;
/// The herd, in what the tasks serve at most before any is added.
const BEYOND: f64 = 1.25;
/// The most that wait at a time, in seconds of the herd: less than health checks wait for.
const WAITING: f64 = 0.5;
/// So many a second are more than any machine serves: so many users wait all the time, and what
/// comes back is what can be served. For so long, in real time.
const FLOOD: f64 = 1e6;
const FLOODING: usize = 64;
const MEASURED: Duration = Duration::from_secs(4);

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Within so much of the region's time all have to be served again.
const SERVED_WITHIN: SignedDuration = SignedDuration::from_mins(12);
/// Without the cache it is enough to see where the herd ends up.
const WATCHED: SignedDuration = SignedDuration::from_mins(6);
/// Of how many one may fail, for a whole minute.
const FAILING: u64 = 1_000;
/// And how slow one in a hundred may be.
const SLOW: Duration = Duration::from_secs(1);
/// How long few come before the herd does: several times as long as the cache keeps a link.
const FEW_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Of a hundred redirects, how many may read the database with the cache: while few come, of whom
/// each would read for himself without it; and of the herd, where even without it those who come
/// together share a read.
const READS_OF_FEW: f64 = 50.0;
const READS_OF_HERD: f64 = 5.0;

pub(crate) struct ThunderingHerd;

#[async_trait(?Send)]
impl Drill for ThunderingHerd {
    fn name(&self) -> &'static str {
        "thundering-herd"
    }

    fn claim(&self) -> &'static str {
        "When twenty times as many users come at once to a page and a link, tasks are added, and within \
         twelve minutes 999 of 1000 are served again, 99 % of them within a second; of a hundred \
         redirects at most five read the database, and fifty while few come, which is not so without \
         the cache."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R9", "R11"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        let scaling = site.scaling_beside().await?;
        if !scaling.is_empty() {
            site.with_settings(&[], scaling).await?;
        }
        let asks = asks(site).await?;
        site.set_rate(RATE).await?;
        let few = site.fewest_tasks().await?;
        let herd = capacity(&asks).await? * BEYOND;
        let with = come(site, &asks, herd, SERVED_WITHIN).await?;
        evidence.saw(
            "twenty times the load at once: tasks are added, and 999 of 1000 are served again",
            with.told(herd, few.desired),
            with.served.is_some() && with.most > few.desired,
        );
        evidence.saw(
            format!(
                "of a hundred redirects at most {READS_OF_HERD} read the database, and \
                 {READS_OF_FEW} while few come"
            ),
            with.reads_told(),
            with.is_spared(),
        );
        if with.served.is_none() || !with.is_spared() {
            return Ok(());
        }
        site.with_settings(&[("CACHE_BYTES", "0")], scaling).await?;
        site.fewest_tasks().await?;
        let without = come(site, &asks, herd, WATCHED).await?;
        evidence.saw(
            "without the application's cache more do",
            format!(
                "{}; {}",
                without.reads_told(),
                without.told(herd, few.desired)
            ),
            !without.is_spared(),
        );
        Ok(())
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        site.restore_service().await
    }
}

/// A link of the drill's own, followed; and a page that the application makes by itself.
async fn asks(site: &Site) -> Result<Vec<Ask>> {
    let make = Ask {
        entrance: site.entrance().await?,
        method: Method::POST,
        path: "/api/links".to_owned(),
        body: r#"{"target": "https://example.com/thundering-herd"}"#,
    };
    let (status, body) = make.send().await?;
    let made: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(slug) = made["slug"].as_str() else {
        let said = String::from_utf8_lossy(&body);
        bail!("no link could be made: {status} {said}");
    };
    let get = |path: &str| Ask::get(make.entrance.clone(), path);
    Ok(vec![get(&format!("/{slug}")), get("/docs")])
}

/// How many requests a second are served, when more come than can be.
async fn capacity(asks: &[Ask]) -> Result<f64> {
    let load = Load::start(asks.to_vec(), FLOOD, FLOODING)?;
    // The first second warms connections and caches up.
    tokio::time::sleep(Duration::from_secs(1)).await;
    load.take();
    tokio::time::sleep(MEASURED).await;
    let seen = load.take();
    if seen.served() == 0 {
        bail!("nothing is served: {seen}");
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a number of requests")]
    Ok(seen.served() as f64 / MEASURED.as_secs_f64())
}

/// What came of a herd.
struct Herd {
    small: Seen,
    first_minute: Seen,
    all: Seen,
    /// How long after the herd came the first minute began in which all were served.
    served: Option<SignedDuration>,
    last_minute: Seen,
    /// How long it was watched.
    watched: SignedDuration,
    /// The most tasks that ran.
    most: u32,
    /// From the database, while few came and while the herd was there.
    small_reads: u64,
    reads: u64,
}

/// The small load, then the herd, until all are served or so much time has passed.
async fn come(site: &Site, asks: &[Ask], herd: f64, limit: SignedDuration) -> Result<Herd> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a small number"
    )]
    let users = (herd * WAITING).max(16.0) as usize;
    let at_first = reads(site).await?;
    let load = Load::start(asks.to_vec(), herd / HERD, users)?;
    site.within(FEW_FOR, async || Ok(None::<()>)).await?;
    let small = load.take();
    let before = reads(site).await?;
    let begun = site.now().await?;
    load.set_rate(herd);
    let mut found = Herd {
        small,
        first_minute: Seen::default(),
        all: Seen::default(),
        served: None,
        last_minute: Seen::default(),
        watched: limit,
        most: 0,
        small_reads: before.saturating_sub(at_first),
        reads: 0,
    };
    while found.served.is_none() && site.now().await?.duration_since(begun) < limit {
        let minute = site.now().await?;
        site.within(MINUTE, async || {
            found.most = found.most.max(site.open_tasks().await?.running);
            Ok(None::<()>)
        })
        .await?;
        let seen = load.take();
        if found.all.sent() == 0 {
            found.first_minute = seen.clone();
        }
        if served_well(&seen) {
            found.served = Some(minute.duration_since(begun));
        }
        found.all.add(seen.clone());
        found.last_minute = seen;
    }
    drop(load);
    found.reads = reads(site).await?.saturating_sub(before);
    Ok(found)
}

fn served_well(seen: &Seen) -> bool {
    seen.served() > 0 && seen.failed() * FAILING <= seen.sent() && seen.percentile(99) <= SLOW
}

/// How often the tasks that run now have read from a database.
async fn reads(site: &Site) -> Result<u64> {
    let port = site.outputs("network").await?.get("service_port")?.clone();
    let mut all = 0;
    for task in site.tasks().await? {
        let (place, address) = interface(&task)?;
        let told = site
            .probe(&place, &["page", &format!("{address}:{port}"), "/metrics"])
            .await?;
        if !told.worked {
            bail!("a task does not tell its metrics: {}", told.said);
        }
        all += counted(&told.said, "links_database_reads_total")
            .with_context(|| format!("the metrics of {address} cannot be read"))?;
    }
    Ok(all)
}

/// The sum of a counter over its labels, in Prometheus's text; zero where it counted nothing.
fn counted(text: &str, name: &str) -> Result<u64> {
    text.lines()
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        })
        .map(|line| {
            let (_, value) = line.rsplit_once(' ').context("a counter has no value")?;
            value.parse::<u64>().context("a counter is no number")
        })
        .sum()
}

impl Herd {
    /// Whether the database is: few of those who follow a link read it.
    fn is_spared(&self) -> bool {
        of_a_hundred(self.small_reads, &self.small) <= READS_OF_FEW
            && of_a_hundred(self.reads, &self.all) <= READS_OF_HERD
    }

    fn reads_told(&self) -> String {
        let told = |reads, seen: &Seen| {
            format!(
                "{reads} reads of the database for {} redirects, {:.2} of a hundred",
                seen.redirects(),
                of_a_hundred(reads, seen)
            )
        };
        format!(
            "{} while few came; {} of the herd",
            told(self.small_reads, &self.small),
            told(self.reads, &self.all)
        )
    }

    fn told(&self, herd: f64, fewest: u32) -> String {
        let (minutes, end) = match self.served {
            Some(after) => (minutes(after), "served again"),
            None => (minutes(self.watched), "still not served"),
        };
        format!(
            "before, by {fewest} tasks: {}. Then {herd:.0} a second: {} of {} failed, {} of {} in the \
             first minute. After {minutes} {end}, by {} tasks: {}",
            self.small,
            self.all.failed(),
            self.all.sent(),
            self.first_minute.failed(),
            self.first_minute.sent(),
            self.most,
            self.last_minute
        )
    }
}

/// So many reads, of a hundred redirects.
fn of_a_hundred(reads: u64, seen: &Seen) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "they are numbers of requests")]
    let (reads, redirects) = (reads as f64, seen.redirects() as f64);
    100.0 * reads / redirects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_labels() {
        let text = "# TYPE links_database_reads_total counter\n\
                    links_database_reads_total{server=\"replica\"} 40\n\
                    links_database_reads_total{server=\"writer\"} 2\n\
                    links_database_reads_total_more 9\n";
        assert_eq!(
            counted(text, "links_database_reads_total").expect("a sum"),
            42
        );
        assert_eq!(counted("", "links_database_reads_total").expect("a sum"), 0);
        assert!(
            counted(
                "links_database_reads_total many",
                "links_database_reads_total"
            )
            .is_err()
        );
    }
}
