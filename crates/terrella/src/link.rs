//! Keeps the machine at what the control plane wants, and the control plane informed.
//!
//! The machine is started when there is something for it to do, outlives this process, and is
//! found again by the next one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use engine::Engine;
use jiff::Timestamp;
use machine::client::{Commands, Connection};
use region::Caller;
use region::services::logs::stream;
use world::event::LogBatch;
use world::measure::Measure;
use world::{Action, Command, Event, TaskId, World};

/// How often tasks are measured, in seconds of the region's time: three times a minute.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html>
const PERIOD: i64 = 20;
/// How many seconds before a period's end, so that the minute is known when it is over.
const EARLY: i64 = 2;
/// How long to wait before the machine is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) async fn run(engine: Arc<Engine>, data: PathBuf, die_with_parent: bool) {
    loop {
        while idle(&engine.world().0) {
            engine.world_changed().await;
        }
        if let Err(error) = keep(&engine, &data, die_with_parent).await {
            tracing::error!("the machine: {error:#}");
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Whether there is nothing that a machine would have to do.
fn idle(world: &World) -> bool {
    world.vpcs.is_empty()
        && world.tasks.is_empty()
        && world.databases.is_empty()
        && world.balancers.is_empty()
}

async fn keep(engine: &Arc<Engine>, data: &Path, die_with_parent: bool) -> Result<()> {
    let options = machine::Options {
        data: data.to_owned(),
        program: machine::OWN_PROGRAM.into(),
        die_with_parent,
    };
    let machine = tokio::task::spawn_blocking(move || machine::start(&options))
        .await?
        .map_err(|error| anyhow::anyhow!(machine::chain(&error)))?;
    let connection = Connection::open(&machine.paths).await?;
    let mut told = Told {
        commands: connection.commands,
        world: World::default(),
        actions: BTreeSet::new(),
        warned: BTreeSet::new(),
    };
    let mut events = connection.events;
    let (wanted, actions) = engine.world();
    told.commands
        .send(&Command::Replace(Box::new(wanted.clone())))
        .await?;
    told.world = wanted;
    told.act(actions).await?;

    // Reading an event is not safe to cancel half-way, so it has a task of its own.
    let (sender, mut received) = tokio::sync::mpsc::channel(64);
    let reader = tokio::spawn(async move {
        loop {
            let event = events.next().await;
            let last = !matches!(event, Ok(Some(_)));
            if sender.send(event).await.is_err() || last {
                return;
            }
        }
    });
    let _attendance = engine.attend();
    let clock = engine.clock();
    let mut due = next_measurement(clock.now());
    let ended = loop {
        tokio::select! {
            () = clock.sleep_until(due) => {
                let now = clock.now();
                let measure = measurement(due, now);
                // Sleep may end a little early: each period is measured once.
                due = next_measurement(now.max(due));
                if let Err(error) = told.commands.send(&Command::Measure(measure)).await {
                    break error.into();
                }
            }
            event = received.recv() => match event {
                Some(Ok(Some(event))) => {
                    if let Err(error) = observe(engine, &mut told, event).await {
                        break error;
                    }
                }
                Some(Err(error)) => break error.into(),
                Some(Ok(None)) | None => break anyhow::anyhow!("it closed the connection"),
            },
            () = engine.world_changed() => {
                let (wanted, actions) = engine.world();
                if let Err(error) = told.bring(wanted, actions).await {
                    break error;
                }
            }
        }
    };
    reader.abort();
    bail!(ended)
}

/// When the machine is asked next what is used, which is [`EARLY`] before a period's end.
fn next_measurement(now: Timestamp) -> Timestamp {
    let shifted = now.as_second() + EARLY;
    let end = (shifted.div_euclid(PERIOD) + 1) * PERIOD;
    Timestamp::from_second(end - EARLY).unwrap_or(Timestamp::MAX)
}

/// What to measure when it was due at some moment: the period in which that is, and with a
/// minute's last one all. Where time has jumped since, it is the period that it jumped into.
fn measurement(due: Timestamp, now: Timestamp) -> Measure {
    let late = now.as_second() - due.as_second();
    let moment = if late < PERIOD { due } else { now };
    let begin = moment.as_second().div_euclid(PERIOD) * PERIOD;
    Measure {
        at: Timestamp::from_second(begin).unwrap_or(moment),
        all: begin.rem_euclid(60) == 60 - PERIOD,
    }
}

async fn observe(engine: &Arc<Engine>, told: &mut Told, event: Event) -> Result<()> {
    if let Event::Log(batch) = event {
        let kept = Command::LogKept {
            group: batch.group.clone(),
            stream: batch.stream.clone(),
            sequence: batch.sequence,
        };
        let engine = Arc::clone(engine);
        tokio::task::spawn_blocking(move || keep_log(&engine, &batch)).await??;
        return Ok(told.commands.send(&kept).await?);
    }
    if let Event::Task(status) = &event {
        for warning in &status.warnings {
            if told.warned.insert((status.task.clone(), warning.clone())) {
                tracing::warn!(task = %status.task, "a task runs otherwise than asked: {warning}");
            }
        }
    }
    let engine = Arc::clone(engine);
    tokio::task::spawn_blocking(move || engine.observe(&event)).await??;
    Ok(())
}

/// Keeps what a container wrote and tells the stream of it, which is made when it is not there.
fn keep_log(engine: &Engine, batch: &LogBatch) -> Result<()> {
    engine.keep_log(batch)?;
    let (Some(first), Some(last)) = (batch.lines.first(), batch.lines.last()) else {
        return Ok(());
    };
    let addition = stream::Addition {
        first: engine.clock().at(first.at),
        last: engine.clock().at(last.at),
        bytes: batch
            .lines
            .iter()
            .map(|line| line.message.len() as u64 + 26)
            .sum(),
    };
    let touched = engine.write(
        Caller::Service {
            principal: "ecs-tasks.amazonaws.com",
        },
        |region, context| {
            stream::touch(region, context, &batch.group, &batch.stream, addition, true)
        },
    );
    if let Err(error) = touched {
        // The group was deleted under a task that goes on writing: its lines are kept, unseen.
        tracing::debug!(%error, group = batch.group, "a log stream could not be told of its events");
    }
    Ok(())
}

/// What the machine was told.
struct Told {
    commands: Commands,
    world: World,
    actions: BTreeSet<String>,
    /// What was logged of tasks that still are to run.
    warned: BTreeSet<(TaskId, String)>,
}

impl Told {
    async fn bring(&mut self, wanted: World, actions: Vec<Action>) -> Result<()> {
        for command in self.world.commands_to(&wanted) {
            self.commands.send(&command).await?;
        }
        self.warned
            .retain(|(task, _)| wanted.tasks.contains_key(task));
        self.world = wanted;
        self.act(actions).await
    }

    async fn act(&mut self, actions: Vec<Action>) -> Result<()> {
        for action in actions {
            if self.actions.insert(action.id.clone()) {
                self.commands.send(&Command::Act(action)).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_measured_three_times_a_minute_and_all_once() {
        let mut now: Timestamp = "2026-01-05T08:00:00Z".parse().expect("a moment");
        let mut measured = Vec::new();
        for _ in 0..4 {
            now = next_measurement(now);
            let measure = measurement(now, now);
            measured.push(format!("{now} {} {}", measure.at, measure.all));
        }
        assert_eq!(
            measured,
            [
                "2026-01-05T08:00:18Z 2026-01-05T08:00:00Z false",
                "2026-01-05T08:00:38Z 2026-01-05T08:00:20Z false",
                "2026-01-05T08:00:58Z 2026-01-05T08:00:40Z true",
                "2026-01-05T08:01:18Z 2026-01-05T08:01:00Z false",
            ]
        );
        // A moment late counts for its own period, a jump for where it leads.
        let begins = |late: i64| {
            let then = now + jiff::SignedDuration::from_secs(late);
            measurement(now, then).at.to_string()
        };
        assert_eq!(begins(5), "2026-01-05T08:01:00Z");
        assert_eq!(begins(3600), "2026-01-05T09:01:00Z");
    }
}
