//! `links key`.

use anyhow::{Context, ensure};
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};

use crate::database::Database;
use crate::keys::{KeyStore, NewKey, Scope};
use crate::migrations;

const MAX_NAME: usize = 100;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a key and print it: it is not kept and cannot be shown again.
    Create {
        /// Whose it is, for people.
        #[arg(long)]
        name: String,
        /// What it may do: links:read, links:write, admin. May be given several times.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// Requests a minute, in each task.
        #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate: u32,
        /// For how long it is valid, as in 90d or 12h; without it, until it is revoked.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List the keys, without their secrets.
    List,
    /// Make a key worthless, within five seconds everywhere.
    Revoke {
        /// The key's id, the part between the underscores.
        id: String,
    },
}

pub(super) async fn run(command: Command, database: &Database) -> anyhow::Result<()> {
    migrations::run(database).await?;
    let store = KeyStore(database);
    match command {
        Command::Create {
            name,
            mut scopes,
            rate,
            expires,
        } => {
            let name = name.trim().to_owned();
            ensure!(
                (1..=MAX_NAME).contains(&name.chars().count())
                    && !name.chars().any(char::is_control),
                "a name has 1 to {MAX_NAME} characters"
            );
            scopes.sort_unstable();
            scopes.dedup();
            let expires_at = expires.as_deref().map(after).transpose()?;
            let new = NewKey {
                name,
                scopes,
                requests_per_minute: rate,
                expires_at,
            };
            let token = store.create(&new).await.context("make the key")?;
            println!("{}", token.reveal());
        }
        Command::List => {
            let now = Timestamp::now();
            println!(
                "{:<12}  {:<8}  {:>6}  {:<30}  NAME",
                "ID", "STATE", "RATE", "SCOPES"
            );
            for key in store.list().await.context("list the keys")? {
                let state = match (key.revoked_at, key.is_valid(now)) {
                    (Some(_), _) => "revoked",
                    (None, true) => "valid",
                    (None, false) => "expired",
                };
                let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.name()).collect();
                println!(
                    "{:<12}  {state:<8}  {:>6}  {:<30}  {}",
                    key.id,
                    key.requests_per_minute,
                    scopes.join(","),
                    key.name
                );
            }
        }
        Command::Revoke { id } => {
            let found = store.revoke(&id).await.context("revoke the key")?;
            ensure!(found, "there is no key {id}; `links key list` shows all");
            println!("revoked {id}");
        }
    }
    Ok(())
}

fn after(text: &str) -> anyhow::Result<Timestamp> {
    // Days are not a duration's unit to `jiff`, because of time zones; here they are 24 hours.
    let span = match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) => SignedDuration::from_hours(i64::from(days) * 24),
        _ => text
            .parse()
            .with_context(|| format!("{text:?} is no duration: give 90d or 12h"))?,
    };
    ensure!(span.is_positive(), "a key must be valid for some time");
    Timestamp::now()
        .checked_add(span)
        .context("that is too long")
}
