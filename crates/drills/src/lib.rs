//! Drills: each states a claim about the system, does something to a running region, shows what
//! it saw, and says whether the claim held. They stand where a user stands: they ask AWS's API,
//! run Terraform, send requests and stand in the region's networks; they never look into its rows.
//!
//! A drill leaves the system as it found it. To add one: a module with a type that is a [`Drill`],
//! and its line in [`all`].

mod alarm_to_inbox;
mod desk;
mod entrance;
mod evidence;
mod image;
mod images;
mod load;
mod office_hours;
mod plan_approve_apply;
mod reachability;
mod site;
mod states;
mod target_tracking;
mod thundering_herd;
mod watch;

use std::time::Instant;

use anyhow::Result;
use async_trait::async_trait;
use serde::Serialize;

pub use evidence::{Evidence, Fact};
pub use site::{Place, Site};

/// A claim, and how it is put to the test.
#[async_trait(?Send)]
pub trait Drill {
    /// As it is called on the command line.
    fn name(&self) -> &'static str;
    /// One sentence that is either true or not.
    fn claim(&self) -> &'static str;
    /// The requirements that it proves, such as `R2`.
    fn proves(&self) -> &'static [&'static str];
    /// Does it, and notes what was seen. An error means that it could not be carried out, which
    /// says nothing about the claim.
    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()>;
    /// Puts back what [`Self::run`] did; also called when that was cut short. Time runs at its rate
    /// from before by then.
    async fn restore(&self, _site: &Site) -> Result<()> {
        Ok(())
    }
}

/// Every drill, in the order in which they are run.
pub fn all() -> Vec<Box<dyn Drill>> {
    vec![
        Box::new(reachability::Reachability),
        Box::new(target_tracking::TargetTracking),
        Box::new(thundering_herd::ThunderingHerd),
        Box::<plan_approve_apply::PlanApproveApply>::default(),
        Box::<states::States>::default(),
        Box::<image::Image>::default(),
        Box::new(office_hours::OfficeHours),
        Box::new(alarm_to_inbox::AlarmToInbox),
    ]
}

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    Held,
    /// Something that was seen contradicts the claim.
    Broken,
    /// It could not be carried out.
    Failed {
        why: String,
    },
}

/// A drill's end, with what was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub drill: &'static str,
    pub claim: &'static str,
    pub proves: &'static [&'static str],
    #[serde(flatten)]
    pub verdict: Verdict,
    pub seconds: f64,
    pub facts: Vec<Fact>,
}

/// Runs one drill to its end and puts everything back. `told` hears each fact as it is seen.
pub async fn run(drill: &dyn Drill, site: &Site, told: &mut dyn FnMut(&Fact)) -> Report {
    let begun = Instant::now();
    let mut evidence = Evidence::new(told);
    let (done, restored) = match site.rate().await {
        Ok(rate) => {
            let run = drill.run(site, &mut evidence);
            let done = site.unless_interrupted(run).await;
            // First the clock: whatever fails then, time does not run away.
            let clock = site.set_rate(rate).await;
            (done, clock.and(drill.restore(site).await))
        }
        Err(error) => (Err(error), Ok(())),
    };
    let facts = evidence.into_facts();
    let verdict = judged(done, &facts, restored);
    Report {
        drill: drill.name(),
        claim: drill.claim(),
        proves: drill.proves(),
        verdict,
        seconds: begun.elapsed().as_secs_f64(),
        facts,
    }
}

/// A drill that saw nothing, or could not clean up behind itself, has proved nothing.
fn judged(done: Result<()>, facts: &[Fact], restored: Result<()>) -> Verdict {
    let failed = |why: String| Verdict::Failed { why };
    match (done, restored) {
        (Err(error), _) => failed(format!("{error:#}")),
        (Ok(()), Err(error)) => failed(format!("what it did could not be put back: {error:#}")),
        (Ok(()), Ok(())) if facts.is_empty() => failed("it saw nothing".to_owned()),
        (Ok(()), Ok(())) if facts.iter().all(|fact| fact.held) => Verdict::Held,
        (Ok(()), Ok(())) => Verdict::Broken,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn fact(held: bool) -> Fact {
        Fact {
            at: 0.0,
            what: "a → b: no way".to_owned(),
            seen: "it connects".to_owned(),
            held,
        }
    }

    #[test]
    fn a_claim_holds_only_when_everything_seen_agrees() {
        assert_eq!(
            judged(Ok(()), &[fact(true), fact(true)], Ok(())),
            Verdict::Held
        );
        assert_eq!(
            judged(Ok(()), &[fact(true), fact(false)], Ok(())),
            Verdict::Broken
        );
    }

    #[test]
    fn what_could_not_be_done_says_nothing_about_the_claim() {
        for (done, facts, restored) in [
            (Err(anyhow!("no task runs")), vec![fact(true)], Ok(())),
            (Err(anyhow!("no task runs")), vec![fact(false)], Ok(())),
            (Ok(()), vec![fact(true)], Err(anyhow!("locked"))),
            (Ok(()), vec![], Ok(())),
        ] {
            let verdict = judged(done, &facts, restored);
            assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
        }
    }
}
