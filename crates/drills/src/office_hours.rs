//! A Friday and a weekend of a service with office hours, by leaps of the region's clock.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::json;

use crate::load::Ask;
use crate::site::Tasks;
use crate::{Drill, Evidence, Site};

const CLOSES: Time = time(18, 0, 0, 0);
const OPENS: Time = time(8, 0, 0, 0);
/// How long tasks are given to be gone: they drain, and have thirty seconds to end.
const GONE_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// How long the service is given to serve when it opens.
const SERVES_WITHIN: SignedDuration = SignedDuration::from_secs(90);
/// What a plan of production says that is to close.
const REFUSAL: &str = "Production does not close: office_hours are for the other environments.";
const PRODUCTION: &str = "prod";

pub(crate) struct OfficeHours;

#[async_trait(?Send)]
impl Drill for OfficeHours {
    fn name(&self) -> &'static str {
        "office-hours"
    }

    fn claim(&self) -> &'static str {
        "At 18:00 UTC on a Friday the service goes to zero tasks, stays there over the weekend, and \
         serves again on Monday at 08:00; production refuses such a schedule."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R8", "R34"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        production_refuses(site, evidence).await?;
        // Time is read to the second below.
        site.set_rate(1).await?;
        let friday = next_friday(site.now().await?);
        let day = |days: i32, time: Time| moment(friday.checked_add(days.days())?, time);
        open_on_friday(site, evidence, day(0, time(17, 59, 0, 0))?).await?;
        let closing = day(0, CLOSES)?;
        closes(site, evidence, closing).await?;
        for at in [
            day(1, time(9, 0, 0, 0))?,
            day(2, time(18, 0, 0, 0))?,
            day(3, time(7, 59, 0, 0))?,
        ] {
            stays_closed(site, evidence, at, closing).await?;
        }
        opens(site, evidence, day(3, OPENS)?).await
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        if site.tasks_now().await?.max == 0 {
            jump_to(site, next_opening(site.now().await?)?).await?;
        }
        if site.tasks_now().await?.max == 0 {
            // Nothing opens it any more, so this does what the schedule should have done.
            let day = site.outputs("service").await?.get("scaling")?.clone();
            let bounds = json!({"MinCapacity": day["min_tasks"], "MaxCapacity": day["max_tasks"]});
            site.scaling("RegisterScalableTarget", bounds).await?;
        }
        // A subscription that nobody confirms is gone after two days, as on AWS.
        site.apply("observability", &[]).await?;
        site.steady().await
    }
}

async fn production_refuses(site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
    let scaling = "{ min_tasks = 3, max_tasks = 12, office_hours = {} }";
    let planned = site
        .plan_as(PRODUCTION, "service", &[("scaling", scaling)])
        .await;
    let (said, held) = match planned {
        Ok(plan) => (format!("the plan was made: {plan:?}"), false),
        Err(error) => {
            let text = words(&format!("{error:#}"));
            if text.contains(REFUSAL) {
                (format!("refused: {REFUSAL}"), true)
            } else {
                (text, false)
            }
        }
    };
    evidence.saw(
        "a plan with production's values and office hours is refused",
        said,
        held,
    );
    Ok(())
}

/// A text of Terraform's without its frame and line breaks.
fn words(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

async fn open_on_friday(site: &Site, evidence: &mut Evidence<'_>, at: Timestamp) -> Result<()> {
    jump_to(site, at).await?;
    site.steady().await?;
    let look = Look::at(site).await?;
    evidence.saw(
        format!("{}: open", shown(at)),
        look.to_string(),
        look.serves(),
    );
    Ok(())
}

async fn closes(site: &Site, evidence: &mut Evidence<'_>, at: Timestamp) -> Result<()> {
    jump_to(site, at).await?;
    let tasks = site.tasks_now().await?;
    if tasks.desired == 0 {
        // A task that does not go is seen below.
        site.within(GONE_WITHIN, async || {
            Ok((site.tasks_now().await?.running == 0).then_some(()))
        })
        .await?;
    }
    let look = Look::at(site).await?;
    evidence.saw(
        format!("{}: zero tasks", shown(at)),
        look.to_string(),
        look.is_closed(),
    );
    let scaled = site.activities(at).await?;
    let closing = scaled
        .iter()
        .find(|one| one.description == "Setting desired count to 0.");
    let (seen, held) = match closing {
        Some(one) => (
            format!("{} UTC: {}", one.at.strftime("%H:%M:%S"), one.description),
            one.at.duration_since(at) < SignedDuration::from_secs(1),
        ),
        None => ("no scaling activity".to_owned(), false),
    };
    evidence.saw(
        format!("{}: it is the schedule's doing, at that second", shown(at)),
        seen,
        held,
    );
    Ok(())
}

async fn stays_closed(
    site: &Site,
    evidence: &mut Evidence<'_>,
    at: Timestamp,
    since: Timestamp,
) -> Result<()> {
    jump_to(site, at).await?;
    let look = Look::at(site).await?;
    // What closed it counts as begun at that very second.
    let woken: Vec<String> = site
        .activities(since)
        .await?
        .into_iter()
        .filter(|one| one.at.duration_since(since) >= SignedDuration::from_secs(1))
        .map(|one| one.description)
        .collect();
    let seen = if woken.is_empty() {
        look.to_string()
    } else {
        format!("{look}; since then {}", woken.join(" "))
    };
    evidence.saw(
        format!("{}: still zero", shown(at)),
        seen,
        look.is_closed() && woken.is_empty(),
    );
    Ok(())
}

async fn opens(site: &Site, evidence: &mut Evidence<'_>, at: Timestamp) -> Result<()> {
    jump_to(site, at).await?;
    let served = site
        .within(SERVES_WITHIN, async || {
            let look = Look::at(site).await?;
            Ok(look.serves().then_some(look))
        })
        .await?;
    let took = site.now().await?.duration_since(at).as_secs();
    let (seen, held) = match served {
        Some(look) => (format!("{look}, {took} s later"), true),
        None => (format!("{}, {took} s later", Look::at(site).await?), false),
    };
    evidence.saw(format!("{}: serves again", shown(at)), seen, held);
    Ok(())
}

/// What is seen of the service at a moment.
struct Look {
    tasks: Tasks,
    /// What a visitor gets.
    answer: u16,
}

impl Look {
    async fn at(site: &Site) -> Result<Self> {
        let ask = Ask::get(site.entrance().await?, "/");
        Ok(Self {
            tasks: site.tasks_now().await?,
            answer: ask.send().await?.0,
        })
    }

    fn serves(&self) -> bool {
        let Tasks {
            desired, running, ..
        } = self.tasks;
        running > 0 && running == desired && self.answer < 500
    }

    fn is_closed(&self) -> bool {
        self.tasks.desired == 0 && self.tasks.running == 0
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tasks {
            desired,
            running,
            min,
            max,
            ..
        } = self.tasks;
        write!(
            f,
            "{desired} wanted ({min} to {max}), {running} run, a visitor gets {}",
            self.answer
        )
    }
}

/// Moves the region's time to a moment. One that has passed by some moments is there already.
async fn jump_to(site: &Site, at: Timestamp) -> Result<()> {
    if at > site.now().await? {
        site.region
            .post("/_terrella/clock", &json!({ "jump_to": at.to_string() }))
            .await?;
    }
    Ok(())
}

fn moment(date: Date, time: Time) -> Result<Timestamp> {
    TimeZone::UTC
        .to_timestamp(date.to_datetime(time))
        .context("the calendar ends")
}

/// The day of the next closing on a Friday that is some minutes ahead.
fn next_friday(now: Timestamp) -> Date {
    let soon = TimeZone::UTC.to_datetime(now.saturating_add(10.minutes()).unwrap_or(now));
    let mut date = soon.date();
    if soon.time() >= CLOSES {
        date = date.saturating_add(1.day());
    }
    while date.weekday() != Weekday::Friday {
        date = date.saturating_add(1.day());
    }
    date
}

/// When the office opens next.
fn next_opening(now: Timestamp) -> Result<Timestamp> {
    let mut date = TimeZone::UTC.to_datetime(now).date();
    loop {
        let at = moment(date, OPENS)?;
        let weekend = [Weekday::Saturday, Weekday::Sunday].contains(&date.weekday());
        if at > now && !weekend {
            return Ok(at);
        }
        date = date.checked_add(1.day())?;
    }
}

/// Such as `Fri 18:00`.
fn shown(at: Timestamp) -> String {
    at.strftime("%a %H:%M").to_string()
}

/// Makes sure that no schedule closes the service within the next `length`: a drill that takes
/// some time begins tomorrow morning where today's is too short.
pub(crate) async fn stay_open(site: &Site, length: SignedDuration) -> Result<()> {
    let scheduled = site.scaling("DescribeScheduledActions", json!({})).await?;
    if scheduled["ScheduledActions"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        return Ok(());
    }
    let now = site.now().await?;
    let closed = site.tasks_now().await?.max == 0;
    let end = TimeZone::UTC.to_datetime(now.checked_add(length)?).time();
    let begin = TimeZone::UTC.to_datetime(now).time();
    let short = begin < CLOSES && end >= CLOSES;
    if closed || short {
        jump_to(site, next_opening(now)?).await?;
        site.steady().await?;
    }
    Ok(())
}

/// The same for a drill of the delivery: a closed service starts nothing, so nothing of it can fail
/// to. None of them takes as long as this.
pub(crate) async fn stay_open_for_delivery(site: &Site) -> Result<()> {
    stay_open(site, SignedDuration::from_mins(15)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn a_friday_is_taken_only_while_its_closing_is_ahead() {
        for (now, friday) in [
            ("2026-01-05T08:00:00Z", "2026-01-09"),
            ("2026-01-09T17:45:00Z", "2026-01-09"),
            ("2026-01-09T17:55:00Z", "2026-01-16"),
            ("2026-01-09T23:55:00Z", "2026-01-16"),
            ("2026-01-10T09:00:00Z", "2026-01-16"),
        ] {
            assert_eq!(next_friday(at(now)).to_string(), friday, "{now}");
        }
    }

    #[test]
    fn the_office_opens_on_weekdays() {
        for (now, opening) in [
            ("2026-01-05T07:59:59Z", "2026-01-05T08:00:00Z"),
            ("2026-01-05T08:00:00Z", "2026-01-06T08:00:00Z"),
            ("2026-01-09T18:00:00Z", "2026-01-12T08:00:00Z"),
            ("2026-01-11T12:00:00Z", "2026-01-12T08:00:00Z"),
        ] {
            let found = next_opening(at(now)).expect("it opens");
            assert_eq!(found.to_string(), opening, "{now}");
        }
    }

    #[test]
    fn what_terraform_frames_is_read_as_a_sentence() {
        let framed = "│ Error: Invalid value\n│ \n│ Production does not close: office_hours are\n│ for the other environments.\n";
        assert!(words(framed).contains(REFUSAL), "{}", words(framed));
    }
}
