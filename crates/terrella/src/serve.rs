//! `terrella serve`: the region alone.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use courier::{Courier, Smtp};
use engine::Engine;
use gateway::Gateway;
use region::Settings;
use tokio::net::{TcpListener, UnixListener};

use crate::link;
use crate::running::{Claim, Served};

/// How long work on threads of its own is waited for at the end.
const END_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The port on which AWS's services answer; 0 takes any that is free.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Twelve digits.
    #[arg(long, default_value = "000000000000")]
    account: String,
    #[arg(long, default_value = "eu-central-1")]
    region: String,
    /// Serve the APIs only: nothing that is applied runs.
    #[arg(long)]
    no_machine: bool,
    /// The mail server that sends what topics have for mailboxes, such as
    /// smtp://user:password@host:587?tls=required or smtps://host. Without one, mail is kept
    /// in the region's own mailbox: `terrella inbox`.
    #[arg(
        long,
        env = "TERRELLA_SMTP",
        hide_env_values = true,
        value_name = "URL",
        requires = "mail_from"
    )]
    smtp: Option<String>,
    /// The address that mail sent by that server is from.
    #[arg(long, env = "TERRELLA_MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Leave the session and terminal of whoever starts this, as `up` does.
    #[arg(long, hide = true)]
    detached: bool,
    /// End everything when the process that started this one ends. For tests.
    #[arg(long, hide = true)]
    die_with_parent: bool,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TERRELLA_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,s3s=warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    if arguments.account.len() != 12 || !arguments.account.bytes().all(|one| one.is_ascii_digit()) {
        bail!(
            "an account has twelve digits, {:?} has not",
            arguments.account
        );
    }
    if arguments.detached {
        nix::unistd::setsid().context("the session cannot be left: this process leads one")?;
    }
    let data = std::path::absolute(data).context("the data folder cannot be found")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no threads could be started")?;
    let done = runtime.block_on(serve(&data, arguments));
    // A leap of time may wait for minutes; it goes on where it was at the next start.
    runtime.shutdown_timeout(END_LIMIT);
    done
}

async fn serve(data: &Path, arguments: &Arguments) -> Result<()> {
    machine::host::Paths::new(data)
        .check()
        .map_err(|error| anyhow::anyhow!(machine::chain(&error)))?;
    let claim = Claim::take(data)?;
    let wanted = SocketAddr::new(arguments.address, arguments.port);
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| match arguments.port {
            0 => format!("{} is no address of this machine", arguments.address),
            port => format!(
                "port {port} of {} cannot be had: is another region running? choose one with --port",
                arguments.address
            ),
        })?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let authority = gateway::certificate_authority(data)?;
    let settings = Settings {
        account: arguments.account.clone(),
        region: arguments.region.clone(),
        endpoint: address.to_string(),
        certificate_authority: authority.certificate,
        certificate_authority_key: authority.key,
        postgres_versions: postgres_versions(arguments.no_machine),
        ..Settings::default()
    };
    let smtp = match (&arguments.smtp, &arguments.mail_from) {
        (Some(url), Some(from)) => Some(Smtp::new(url, from)?),
        (Some(_), None) => bail!("a mail server needs an address that mail is from: --mail-from"),
        (None, _) => None,
    };
    let courier = Courier::new(data, &settings.endpoint, smtp)?;
    let engine = Engine::open(data, settings)?;
    let gateway = Gateway::new(Arc::clone(&engine), data)?;
    let inside = inside_socket(data)?;

    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(gateway.clone().serve(listener));
    tokio::spawn(gateway.clone().serve_inside(inside));
    tokio::spawn(Arc::clone(&engine).run());
    tokio::spawn(courier::run(Arc::clone(&engine), courier));
    if arguments.detached {
        tokio::spawn(bound_log(crate::running::log_file(data)));
    }
    if !arguments.no_machine {
        tokio::spawn(link::run(
            Arc::clone(&engine),
            data.to_owned(),
            arguments.die_with_parent,
        ));
    }
    claim.say(&Served {
        pid: i32::try_from(std::process::id()).context("this process has no number")?,
        address,
        account: arguments.account.clone(),
        region: arguments.region.clone(),
    })?;
    let mut out = std::io::stdout();
    // Whoever started this waits for the line; if nobody reads it, that is no reason to stop.
    let _ = writeln!(
        out,
        "region {} of account {} at http://{address}",
        engine.settings().region,
        engine.settings().account
    )
    .and_then(|()| out.flush());

    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = stop.recv() => {}
    }
    Ok(())
}

/// Keeps this process's own log small, for ever.
async fn bound_log(path: std::path::PathBuf) {
    let mut tick = tokio::time::interval(Duration::from_secs(10));
    loop {
        tick.tick().await;
        let path = path.clone();
        let bounded = tokio::task::spawn_blocking(move || machine::host::bound_log(&path)).await;
        if let Ok(Err(error)) = bounded {
            tracing::warn!(%error, "the log could not be begun anew");
        }
    }
}

/// The major versions of PostgreSQL that can be run here; all that there are where nothing is run.
fn postgres_versions(no_machine: bool) -> Vec<u32> {
    if no_machine {
        return Settings::default().postgres_versions;
    }
    let installed: Vec<u32> = machine::database::installed_versions()
        .iter()
        .map(|installed| installed.major)
        .collect();
    if installed.is_empty() {
        tracing::warn!(
            "no PostgreSQL is installed: no database can be created; install the package \
             postgresql and start the region again"
        );
    }
    installed
}

/// The socket on which connections from inside the region's networks arrive.
fn inside_socket(data: &Path) -> Result<UnixListener> {
    let path = machine::host::Paths::new(data).gateway_socket();
    let folder = path.parent().context("the socket has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} could not be removed", path.display()));
        }
        _ => {}
    }
    UnixListener::bind(&path)
        .with_context(|| format!("{} could not be listened on", path.display()))
}
