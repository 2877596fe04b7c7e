//! The command line.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::database::Database;
use crate::logs::{self, Chain};
use crate::{migrations, probe, server};

/// A link shortener. Configured by the environment: DATABASE_URL, or DATABASE_HOST and the source of its credentials.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests until told to stop; migrates the database first.
    Serve,
    /// Bring the database schema up to date and end.
    Migrate,
    /// Ask the `serve` on this machine whether it is well; fails if it is not.
    Health {
        /// Also ask whether it can answer requests (database reachable, not stopping).
        #[arg(long)]
        ready: bool,
    },
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("links: start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("links: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => {
            let config = Config::from_env().context("read the configuration")?;
            logs::start();
            server::serve(config).await
        }
        Command::Migrate => {
            let config = Config::from_env().context("read the configuration")?;
            logs::start();
            let database = Database::new(config.database);
            migrations::run(&database).await?;
            database.close().await;
            tracing::info!("schema is up to date");
            Ok(())
        }
        Command::Health { ready } => {
            let path = if ready {
                "/health/ready"
            } else {
                "/health/live"
            };
            probe::check(config::port_from_env()?, path).await
        }
    }
}
