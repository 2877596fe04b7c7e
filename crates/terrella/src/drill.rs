//! `terrella drill`: runs drills and reports them, to a person or to a script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use drills::{Drill, Fact, Report, Site, Verdict};

use crate::running;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which; all of them when none is named.
    names: Vec<String>,
    /// The environment that is up.
    #[arg(long, default_value = "dev")]
    env: String,
    /// The folder with `stacks` and `environments`.
    #[arg(long, default_value = "infra")]
    infra: PathBuf,
    /// Only say which there are.
    #[arg(long)]
    list: bool,
    /// For scripts: one report a line.
    #[arg(long)]
    json: bool,
}

/// What scripts tell apart: a claim that is broken, and a drill that could not be carried out.
const BROKEN: u8 = 1;
const FAILED: u8 = 2;

pub(crate) fn run(data: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let chosen = chosen(&arguments.names)?;
    if arguments.list {
        for drill in &chosen {
            println!(
                "{:<20} {} ({})",
                drill.name(),
                drill.claim(),
                drill.proves().join(", ")
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    let served = running::needed(data)?;
    let infra = std::path::absolute(&arguments.infra).context("the folder cannot be found")?;
    let program = std::env::current_exe().context("this program cannot be found")?;
    let site = Site::open(served.client(), data, &program, &infra, &arguments.env)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?;
    let mut worst = 0;
    for drill in &chosen {
        if !arguments.json {
            println!("{}: {}", drill.name(), drill.claim());
        }
        let mut told = |fact: &Fact| {
            if !arguments.json {
                println!("{}", line(fact));
            }
        };
        let report = runtime.block_on(drills::run(&**drill, &site, &mut told));
        worst = worst.max(match report.verdict {
            Verdict::Held => 0,
            Verdict::Broken => BROKEN,
            Verdict::Failed { .. } => FAILED,
        });
        let kept = keep(data, &report)?;
        if arguments.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            println!("{}\n", ending(&report, &kept));
        }
    }
    Ok(ExitCode::from(worst))
}

fn chosen(names: &[String]) -> Result<Vec<Box<dyn Drill>>> {
    let mut all = drills::all();
    for name in names {
        if !all.iter().any(|drill| drill.name() == name) {
            let there: Vec<&str> = all.iter().map(|drill| drill.name()).collect();
            bail!("there is no drill {name}; there are {}", there.join(", "));
        }
    }
    all.retain(|drill| names.is_empty() || names.iter().any(|name| name == drill.name()));
    Ok(all)
}

fn line(fact: &Fact) -> String {
    let mark = if fact.held { "✓" } else { "✗ BROKEN" };
    let seen = fact.seen.replace('\n', " ");
    format!(
        "{:7.1} s  {mark} {}\n            {seen}",
        fact.at, fact.what
    )
}

fn ending(report: &Report, kept: &Path) -> String {
    let held = report.facts.iter().filter(|fact| fact.held).count();
    let verdict = match &report.verdict {
        Verdict::Held => "held".to_owned(),
        Verdict::Broken => "BROKEN".to_owned(),
        Verdict::Failed { why } => format!("could not be carried out: {why}"),
    };
    format!(
        "{} {verdict}; {held} of {} facts as claimed, {:.0} s, kept in {}",
        report.drill,
        report.facts.len(),
        report.seconds,
        kept.display()
    )
}

/// The newest report of each drill is kept.
fn keep(data: &Path, report: &Report) -> Result<PathBuf> {
    let folder = data.join("drills");
    fs::create_dir_all(&folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    let path = folder.join(format!("{}.json", report.drill));
    fs::write(&path, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("{} could not be written", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        Report {
            drill: "reachability",
            claim: "c",
            proves: &["R2"],
            verdict,
            seconds: 4.2,
            facts: vec![
                Fact {
                    at: 0.5,
                    what: "a → b: connects".into(),
                    seen: "10.0.0.1 in 1 ms".into(),
                    held: true,
                },
                Fact {
                    at: 1.0,
                    what: "b → a: no way".into(),
                    seen: "it\nconnected".into(),
                    held: false,
                },
            ],
        }
    }

    #[test]
    fn a_broken_fact_is_not_overlooked() {
        let broken = report(Verdict::Broken);
        assert_eq!(
            line(&broken.facts[1]),
            "    1.0 s  ✗ BROKEN b → a: no way\n            it connected"
        );
        assert_eq!(
            ending(&broken, Path::new("/d")),
            "reachability BROKEN; 1 of 2 facts as claimed, 4 s, kept in /d"
        );
    }

    #[test]
    fn scripts_find_the_verdict_beside_the_facts() {
        let text = serde_json::to_value(report(Verdict::Failed { why: "w".into() })).expect("JSON");
        assert_eq!(text["verdict"], "failed");
        assert_eq!(
            (&text["why"], &text["facts"][0]["held"]),
            (&"w".into(), &true.into())
        );
    }

    #[test]
    fn an_unknown_drill_is_named_beside_those_that_are_there() {
        let Err(error) = chosen(&["nothing".to_owned()]) else {
            panic!("there is no such drill");
        };
        assert!(
            error
                .to_string()
                .contains("there is no drill nothing; there are reachability")
        );
    }
}
