//! The command line.

mod key;
mod transfer;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::database::Database;
use crate::logs::{self, Chain};
use crate::{http, migrations, probe, server};

/// A link shortener. Configured by the environment: DATABASE_URL, or DATABASE_HOST and the source of its credentials.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Without a command: serve.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests until told to stop; migrates the database first.
    Serve,
    /// Bring the database schema up to date and end.
    Migrate,
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Read links from a file or standard input; a link whose name is taken is left as it is.
    Import(transfer::ImportArguments),
    /// Write all links to a file or standard output.
    Export(transfer::ExportArguments),
    /// Ask the `serve` on this machine whether it is well; fails if it is not.
    Health {
        /// Also ask whether it can answer requests (database reachable, not stopping).
        #[arg(long)]
        ready: bool,
    },
    /// Print the OpenAPI document of the API.
    Openapi,
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
    match runtime.block_on(run(arguments.command.unwrap_or(Command::Serve))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("links: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => server::serve(configuration()?).await,
        Command::Migrate => {
            let database = database()?;
            logs::start(None);
            migrations::run(&database).await?;
            database.close().await;
            tracing::info!("schema is up to date");
            Ok(())
        }
        Command::Key(command) => {
            let database = database()?;
            key::run(command, &database).await?;
            database.close().await;
            Ok(())
        }
        Command::Import(arguments) => transfer::import(&arguments, configuration()?).await,
        Command::Export(arguments) => transfer::export(&arguments, configuration()?).await,
        Command::Health { ready } => {
            let path = if ready {
                "/health/ready"
            } else {
                "/health/live"
            };
            probe::check(config::port_from_env()?, path).await
        }
        Command::Openapi => {
            println!("{}", http::described().to_pretty_json()?);
            Ok(())
        }
    }
}

fn configuration() -> anyhow::Result<Config> {
    Config::from_env().context("read the configuration")
}

fn database() -> anyhow::Result<Database> {
    Ok(Database::new(configuration()?.database))
}
