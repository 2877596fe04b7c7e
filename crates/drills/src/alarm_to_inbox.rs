//! Errors of the application, the alarm that sees them, and the mail that tells of it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::load::{Ask, Load};
use crate::office_hours::stay_open;
use crate::site::until;
use crate::{Drill, Evidence, Site};

const SNS: (&str, &str) = ("sns", "2010-03-31");
const CLOUDWATCH: (&str, &str) = ("monitoring", "2010-08-01");
/// What of the observability stack is watched: errors of the tasks, and what users notice.
const ERRORS: &str = "server-errors";
const UNHEALTHY: &str = "service-unhealthy";
/// Who is told, beside those whom the environment names.
const DRILL: &str = "drill@terrella.example";
/// How fast time runs: a minute of the region's is some seven seconds. Any faster, and the machine
/// could not tell what went through the balancer before the minute is judged.
const RATE: u32 = 8;
/// Requests a second of real time: a minute holds more than any threshold asks for.
const LOAD: f64 = 20.0;
/// How many of them may wait for an answer at a time.
const USERS: usize = 32;
/// How long the whole takes in the region's time, at most.
const LENGTH: SignedDuration = SignedDuration::from_mins(45);
/// How much later than its time an alarm may change: the minute that is under way, and one more
/// for what is told late.
const SLACK: SignedDuration = SignedDuration::from_mins(2);
/// How long a mail may take, in the region's time: some seconds of real time.
const MAIL_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// How long the mail that asks to confirm may take, in real time.
const CONFIRMATION_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct AlarmToInbox;

#[async_trait(?Send)]
impl Drill for AlarmToInbox {
    fn name(&self) -> &'static str {
        "alarm-to-inbox"
    }

    fn claim(&self) -> &'static str {
        "Errors of the application raise an alarm after the set time and not before; who subscribed \
         is told by mail, and of the recovery as well."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R16"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        let stack = site.outputs("observability").await?;
        let topic = stack.text("topic_arn")?;
        let alarms = stack.get("alarm_names")?;
        let named = |of: &str| alarms[of].as_str().map(str::to_owned).unwrap_or_default();
        let (errors, unhealthy) = (named(ERRORS), named(UNHEALTHY));
        let told = subscribed(site, evidence, &topic).await?;
        stay_open(site, LENGTH).await?;
        site.with_settings(&[("LINKS_DRILLS", "1")], &[]).await?;

        let ask = Ask::get(site.entrance().await?, "/");
        site.set_rate(RATE).await?;
        let load = Load::start(vec![ask], LOAD, USERS)?;
        let alarm = quiet(site, &errors).await?;
        let began = at_a_minute(site).await?;
        load.take();
        fail(site, 1.0).await?;
        goes_off(site, evidence, &alarm, began).await?;
        let seen = load.take();
        evidence.saw(
            "meanwhile the application's answers are errors",
            seen.to_string(),
            seen.failed() > seen.served(),
        );
        mailed(site, evidence, &told, &errors, "ALARM", began).await?;
        mailed(site, evidence, &told, &unhealthy, "ALARM", began).await?;

        let ended = site.now().await?;
        fail(site, 0.0).await?;
        recovers(site, evidence, &alarm, ended).await?;
        mailed(site, evidence, &told, &errors, "OK", ended).await
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        let topic = site.outputs("observability").await?.text("topic_arn")?;
        for (address, arn) in subscriptions(site, &topic).await? {
            // One that was not confirmed cannot be ended; it is gone after two days.
            if address == DRILL && arn.starts_with("arn:") {
                let parameters = [("SubscriptionArn", arn.as_str())];
                site.region
                    .query(SNS.0, SNS.1, "Unsubscribe", &parameters)
                    .await?;
            }
        }
        site.restore_service().await
    }
}

/// The mail subscriptions of a topic: addresses, and ARNs or `PendingConfirmation`.
async fn subscriptions(site: &Site, topic: &str) -> Result<Vec<(String, String)>> {
    let listed = site
        .region
        .query(
            SNS.0,
            SNS.1,
            "ListSubscriptionsByTopic",
            &[("TopicArn", topic)],
        )
        .await?;
    Ok(listed
        .all("ListSubscriptionsByTopicResult/Subscriptions/member")
        .iter()
        .filter(|one| one.text("Protocol") == "email")
        .map(|one| {
            (
                one.text("Endpoint").to_owned(),
                one.text("SubscriptionArn").to_owned(),
            )
        })
        .collect())
}

/// Looks who is subscribed, and subscribes the drill's own address. Gives everybody who is to be
/// told.
async fn subscribed(
    site: &Site,
    evidence: &mut Evidence<'_>,
    topic: &str,
) -> Result<BTreeSet<String>> {
    let bootstrap = site.outputs("bootstrap").await?;
    let there = subscriptions(site, topic).await?;
    let mut told = BTreeSet::from([DRILL.to_owned()]);
    for address in bootstrap.get("emails")?.as_array().into_iter().flatten() {
        let address = address.as_str().context("an address is no text")?;
        let arn = there.iter().find(|(one, _)| one == address);
        let seen = match arn {
            Some((_, arn)) if arn.starts_with("arn:") => {
                told.insert(address.to_owned());
                "subscribed"
            }
            Some(_) => "asked to confirm (`terrella inbox confirm`)",
            None => "not subscribed: was it not confirmed within two days?",
        };
        evidence.saw(
            format!("{address} is subscribed to the alarms, or was asked"),
            seen,
            arn.is_some(),
        );
    }
    let parameters = [
        ("TopicArn", topic),
        ("Protocol", "email"),
        ("Endpoint", DRILL),
    ];
    let before = mails(site).await?.len();
    site.region
        .query(SNS.0, SNS.1, "Subscribe", &parameters)
        .await?;
    let confirmation = until(
        "the mail that asks to confirm: the drill reads the region's own mailbox, so run the \
         region without a mail server",
        CONFIRMATION_WITHIN,
        async || {
            let new = mails(site).await?.split_off(before);
            let asks = |mail: &&Value| mail["to"] == DRILL && !mail["confirmation"].is_null();
            Ok(new
                .iter()
                .find(asks)
                .map(|mail| mail["confirmation"].clone()))
        },
    )
    .await?;
    let text = |name: &str| confirmation[name].as_str().unwrap_or_default();
    let parameters = [("TopicArn", text("topic_arn")), ("Token", text("token"))];
    let confirmed = site.region.link("ConfirmSubscription", &parameters).await?;
    evidence.saw(
        format!("{DRILL} follows the link in its mail and is subscribed"),
        confirmed.text("ConfirmSubscriptionResult/SubscriptionArn"),
        confirmed
            .text("ConfirmSubscriptionResult/SubscriptionArn")
            .starts_with(topic),
    );
    Ok(told)
}

/// Every mail in the region's mailbox, the oldest first.
async fn mails(site: &Site) -> Result<Vec<Value>> {
    site.terrella(&["inbox", "--json"]).await
}

/// An alarm as `DescribeAlarms` tells it.
struct Alarm {
    name: String,
    state: String,
    changed_at: Timestamp,
    /// How long its metric has to be past the threshold.
    set_time: SignedDuration,
}

async fn described(site: &Site, name: &str) -> Result<Alarm> {
    let parameters = [("AlarmNames.member.1", name)];
    let described = site
        .region
        .query(CLOUDWATCH.0, CLOUDWATCH.1, "DescribeAlarms", &parameters)
        .await?;
    let all = described.all("DescribeAlarmsResult/MetricAlarms/member");
    let alarm = all
        .first()
        .with_context(|| format!("there is no alarm {name:?}: apply the observability stack"))?;
    let minutes: i64 = alarm
        .text("EvaluationPeriods")
        .parse()
        .context("the alarm has no evaluation periods")?;
    Ok(Alarm {
        name: name.to_owned(),
        state: alarm.text("StateValue").to_owned(),
        changed_at: alarm
            .text("StateTransitionedTimestamp")
            .parse()
            .context("the alarm does not say since when")?,
        // The stack's alarms look at minutes.
        set_time: SignedDuration::from_mins(minutes),
    })
}

/// The alarm, once it is OK: one that is new knows nothing yet.
async fn quiet(site: &Site, name: &str) -> Result<Alarm> {
    let limit = described(site, name).await?.set_time + SLACK;
    let ok = site
        .within(limit, async || {
            let alarm = described(site, name).await?;
            Ok((alarm.state == "OK").then_some(alarm))
        })
        .await?;
    match ok {
        Some(alarm) => Ok(alarm),
        None => bail!(
            "the alarm {name} is {} before anything fails: see why, and begin again",
            described(site, name).await?.state
        ),
    }
}

/// Waits for the next minute's first seconds, so that the first that is counted is a whole one.
async fn at_a_minute(site: &Site) -> Result<Timestamp> {
    let begins = |now: Timestamp| (now.as_second().rem_euclid(60) < 10).then_some(now);
    site.within(SLACK, async || Ok(begins(site.now().await?)))
        .await?
        .context("the region's time stands still")
}

/// Lets a part of all requests fail, in every task: each connection is another's turn.
async fn fail(site: &Site, rate: f64) -> Result<()> {
    let tasks = site.tasks().await?.len();
    let ask = Ask {
        entrance: site.entrance().await?,
        method: Method::POST,
        path: format!("/drill/fail?rate={rate}&seconds=600"),
        body: "",
    };
    for _ in 0..3 * tasks {
        let (status, answer) = ask.send().await?;
        if status != 200 {
            bail!(
                "POST {} is answered {status}: {}",
                ask.path,
                String::from_utf8_lossy(&answer)
            );
        }
    }
    Ok(())
}

async fn goes_off(
    site: &Site,
    evidence: &mut Evidence<'_>,
    alarm: &Alarm,
    began: Timestamp,
) -> Result<()> {
    let (name, minutes) = (&alarm.name, alarm.set_time.as_mins());
    let latest = alarm.set_time + SLACK;
    let gone_off = site
        .within(latest, async || {
            let alarm = described(site, name).await?;
            Ok((alarm.state == "ALARM").then_some(alarm.changed_at))
        })
        .await?;
    let Some(at) = gone_off else {
        evidence.saw(
            format!("{name} goes off when answers have failed for {minutes} minutes"),
            format!("it did not within {} minutes", latest.as_mins()),
            false,
        );
        return Ok(());
    };
    let after = at.duration_since(began);
    evidence.saw(
        format!("{name} goes off when answers have failed for {minutes} minutes, and not before"),
        format!("it went off {} after the first", clock(after)),
        // Errors began within the first ten seconds of the first minute that counts.
        after >= alarm.set_time - SignedDuration::from_secs(10) && after <= latest,
    );
    Ok(())
}

async fn recovers(
    site: &Site,
    evidence: &mut Evidence<'_>,
    alarm: &Alarm,
    ended: Timestamp,
) -> Result<()> {
    // One good minute is enough, after the one that is under way.
    let limit = SignedDuration::from_mins(1) + SLACK;
    let name = &alarm.name;
    let recovered = site
        .within(limit, async || {
            let alarm = described(site, name).await?;
            Ok((alarm.state == "OK").then_some(alarm.changed_at))
        })
        .await?;
    let (seen, held) = match recovered {
        Some(at) => (
            format!(
                "it did {} after the last error",
                clock(at.duration_since(ended))
            ),
            true,
        ),
        None => (
            format!("it did not within {} minutes", limit.as_mins()),
            false,
        ),
    };
    evidence.saw(format!("{name} is OK again when nothing fails"), seen, held);
    Ok(())
}

/// Whether everybody got the mail that says so.
async fn mailed(
    site: &Site,
    evidence: &mut Evidence<'_>,
    told: &BTreeSet<String>,
    alarm: &str,
    state: &str,
    since: Timestamp,
) -> Result<()> {
    let begin = format!("{state}: \"{alarm}\" in ");
    let words = format!("has entered the {state} state");
    let mut got = Vec::new();
    let all = site
        .within(MAIL_WITHIN, async || {
            got = mails(site)
                .await?
                .into_iter()
                .filter(|mail| {
                    let text = |name: &str| mail[name].as_str().unwrap_or_default();
                    text("subject").starts_with(&begin)
                        && text("text").contains(&words)
                        && text("at").parse().is_ok_and(|at: Timestamp| {
                            // Mails tell whole seconds.
                            at.as_second() >= since.as_second()
                        })
                })
                .collect();
            let who: BTreeSet<String> = got
                .iter()
                .filter_map(|mail| mail["to"].as_str().map(str::to_owned))
                .collect();
            Ok(told.is_subset(&who).then_some(()))
        })
        .await?;
    let seen = match got.first() {
        Some(mail) => format!(
            "{}, at {} to {}",
            mail["subject"].as_str().unwrap_or_default(),
            mail["at"].as_str().unwrap_or_default(),
            got.iter()
                .filter_map(|mail| mail["to"].as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        None => format!("no such mail within {} minutes", MAIL_WITHIN.as_mins()),
    };
    evidence.saw(
        format!(
            "a mail says that {alarm} is {state}, to {}",
            told.iter().cloned().collect::<Vec<_>>().join(" and ")
        ),
        seen,
        all.is_some(),
    );
    Ok(())
}

/// Such as `5:05`, minutes and seconds.
fn clock(length: SignedDuration) -> String {
    format!(
        "{}:{:02}",
        length.as_secs() / 60,
        length.as_secs().rem_euclid(60)
    )
}
