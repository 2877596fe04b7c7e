//! The command line: an AWS region on this machine.

mod clock;
mod drill;
mod inbox;
mod inspect;
mod link;
mod pack;
mod remove;
mod running;
mod serve;
mod up;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// An AWS region on one Linux machine.
#[derive(Debug, Parser)]
#[command(name = "terrella", version, about)]
struct Arguments {
    /// Where the region keeps everything.
    #[arg(
        long,
        global = true,
        env = "TERRELLA_DATA",
        default_value = ".terrella"
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the region alone, in the foreground.
    Serve(serve::Arguments),
    /// Start the region and apply the infrastructure to it.
    Up(up::Arguments),
    /// Show what runs and where it answers.
    Status {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Show what the region logs about itself.
    Logs {
        /// Go on until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
    },
    /// Print what AWS's tools need to reach the region: `eval "$(terrella env)"`.
    Env {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Show the mails that the region's topics sent, and confirm subscriptions.
    Inbox(inbox::Arguments),
    /// Build the service's image from its static binary and print its digest.
    Image(pack::Arguments),
    /// Put claims about the system to the test: does something to it and says what happened.
    Drill(drill::Arguments),
    /// Run a program inside the region's networks.
    Exec(inspect::Exec),
    /// End everything that runs; what was applied is there again after the next start.
    Down,
    /// End everything that runs and remove all that the region kept.
    Destroy {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Tell or move the region's time: `now`, `rate 60`, `jump 10h`, `jump-to 'mon 18:00'`.
    Clock {
        #[command(subcommand)]
        change: clock::Change,
        /// For scripts.
        #[arg(long, global = true)]
        json: bool,
    },
    /// A part of the region that it starts by itself.
    #[command(hide = true, disable_help_flag = true)]
    Machine {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        // It makes namespaces, which only a process with one thread can: nothing may run before.
        Command::Machine { arguments } => return machine::main(&arguments),
        command => std::path::absolute(&arguments.data_dir)
            .context("the data folder cannot be found")
            .and_then(|data| run(&data, command)),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("terrella: {error:#}{}", advice(&error));
            ExitCode::FAILURE
        }
    }
}

/// What to do about an error that may be met anywhere.
fn advice(error: &anyhow::Error) -> &'static str {
    let full = error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        })
    });
    if full && !format!("{error:#}").contains("make room") {
        return "; the disk is full: make room";
    }
    ""
}

fn run(data: &Path, command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(data, &arguments)?,
        Command::Up(arguments) => up::run(data, &arguments)?,
        Command::Status { json } => inspect::status(data, json)?,
        Command::Logs { follow } => inspect::logs(data, follow)?,
        Command::Env { json } => inspect::env(data, json)?,
        Command::Inbox(arguments) => inbox::run(data, &arguments)?,
        Command::Image(arguments) => pack::run(data, &arguments)?,
        Command::Clock { change, json } => clock::run(data, &change, json)?,
        Command::Drill(arguments) => return drill::run(data, &arguments),
        Command::Exec(arguments) => return inspect::exec(data, arguments),
        Command::Down => remove::down(data)?,
        Command::Destroy { yes } => remove::destroy(data, yes)?,
        Command::Machine { arguments } => return Ok(machine::main(&arguments)),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Arguments::command().debug_assert();
    }
}
