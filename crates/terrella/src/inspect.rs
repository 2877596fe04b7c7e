//! `terrella status`, `env`, `logs` and `exec`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use client::{ACCESS_KEY, SECRET_KEY};
use jiff::Timestamp;
use machine::client::{Place, Program};
use serde_json::{Value, json};

use crate::clock;
use crate::running::{self, Served};

pub(crate) fn status(data: &Path, as_json: bool) -> Result<()> {
    let Some(served) = running::find(data)? else {
        if as_json {
            println!("{}", json!({"running": false}));
        } else {
            println!("no region runs on {}", data.display());
        }
        return Ok(());
    };
    let (health, said) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?
        .block_on(async {
            let region = served.client();
            let health = region.get("/_terrella/health").await?;
            let said = region.get("/_terrella/status").await?;
            Ok::<_, anyhow::Error>((health, said))
        })?;
    let mut all = json!({
        "running": true,
        "pid": served.pid,
        "endpoint": served.url(),
        "health": health,
        "certificate_authority": running::certificate_authority(data),
    });
    if let (Some(all), Value::Object(said)) = (all.as_object_mut(), said) {
        all.extend(said);
    }
    if as_json {
        println!("{all}");
    } else {
        print!("{}", described(&served, &all));
    }
    Ok(())
}

/// Whether a service's scaling allows it no task.
pub(crate) fn is_closed(service: &Value) -> bool {
    !service["closed"].is_null()
}

/// A service's tasks in words, and why it wants none where its scaling allows none.
pub(crate) fn service(one: &Value) -> String {
    let name = text(one, "name").unwrap_or_default();
    let number = |name: &str| one[name].as_u64().unwrap_or(0);
    let (desired, running) = (number("desired"), number("running"));
    if running > desired {
        return format!("{name}: {running} tasks run, {desired} are wanted");
    }
    if !is_closed(one) {
        return format!("{name}: {running} of {desired} tasks run");
    }
    match one["closed"]["until"].as_str() {
        Some(until) => {
            let shown = until.parse::<Timestamp>().map_or_else(
                |_| until.to_owned(),
                |at| at.strftime("%a %Y-%m-%d %H:%M UTC").to_string(),
            );
            format!(
                "{name}: closed by its schedule until {shown}; `terrella clock jump-to {until}` opens it"
            )
        }
        None => format!(
            "{name}: closed: its scaling allows no task, and no scheduled action will change that"
        ),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str()
}

fn each<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn described(served: &Served, all: &Value) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "region {} of account {} at {}: {}",
        served.region,
        served.account,
        served.url(),
        text(&all["health"], "status").unwrap_or("no health")
    );
    if let Some(counts) = all["counts"].as_object() {
        let list: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let _ = writeln!(out, "{}", list.join(", "));
    }
    let clock = &all["clock"];
    if clock["ahead_seconds"].as_i64().unwrap_or(0) != 0 || clock["rate"].as_u64().unwrap_or(1) != 1
    {
        let _ = writeln!(out, "its time was moved: {}", clock::sentence(clock));
    }
    for one in each(all, "services") {
        let _ = writeln!(out, "service {}", service(one));
    }
    for one in each(all, "listeners") {
        let balancer = text(one, "balancer").unwrap_or_default();
        let place = match (text(one, "address"), text(one, "failure")) {
            (Some(address), _) => {
                let scheme = text(one, "protocol")
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let port = address.rsplit_once(':').map_or("", |(_, port)| port);
                let host = text(one, "host").unwrap_or_default();
                format!("{scheme}://{address} or {scheme}://{host}:{port}")
            }
            (None, Some(failure)) => format!("not published: {failure}"),
            (None, None) => "not published yet".to_owned(),
        };
        let _ = writeln!(out, "{balancer}:{}: {place}", one["port"]);
    }
    let https = |one: &Value| text(one, "protocol") == Some("HTTPS");
    if each(all, "listeners").any(https)
        && let Some(authority) = text(all, "certificate_authority")
    {
        let _ = writeln!(
            out,
            "certificates are signed by {authority}: curl --cacert {authority}"
        );
    }
    for one in each(all, "databases") {
        let name = text(one, "name").unwrap_or_default();
        let status = text(one, "status").unwrap_or_default();
        let _ = write!(out, "database {name}: {status}");
        if let (Some(local), Some(user)) = (text(one, "local"), text(one, "user")) {
            let database = text(one, "database").unwrap_or("postgres");
            let _ = write!(out, ": psql \"{local} user={user} dbname={database}\"");
        }
        out.push('\n');
    }
    out
}

pub(crate) fn env(data: &Path, as_json: bool) -> Result<()> {
    let served = running::needed(data)?;
    if as_json {
        let all: serde_json::Map<String, Value> = variables(&served, data)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        println!("{}", Value::from(all));
    } else {
        print!("{}", exports(&served, data));
    }
    Ok(())
}

fn variables(served: &Served, data: &Path) -> [(&'static str, String); 7] {
    [
        ("AWS_ENDPOINT_URL", served.url()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", served.region.clone()),
        // boto3 knows only this one.
        ("AWS_DEFAULT_REGION", served.region.clone()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        // Who signs what its load balancers show: `curl --cacert "$TERRELLA_CA"`.
        ("TERRELLA_CA", running::certificate_authority(data)),
    ]
}

fn exports(served: &Served, data: &Path) -> String {
    variables(served, data)
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            text
        })
}

pub(crate) fn logs(data: &Path, follow: bool) -> Result<()> {
    let path = running::log_file(data);
    let mut file = File::open(&path).with_context(|| {
        format!(
            "{} could not be opened; only a region started by `terrella up` writes one",
            path.display()
        )
    })?;
    let mut out = std::io::stdout().lock();
    let mut bytes = Vec::new();
    let mut at = 0;
    loop {
        bytes.clear();
        let unreadable = || format!("{} could not be read", path.display());
        // A log that has become shorter was begun anew.
        if file.metadata().with_context(unreadable)?.len() < at {
            file.seek(std::io::SeekFrom::Start(0))
                .with_context(unreadable)?;
            at = 0;
        }
        at += file.read_to_end(&mut bytes).with_context(unreadable)? as u64;
        // Whoever reads may have seen enough.
        if out.write_all(&bytes).and_then(|()| out.flush()).is_err() || !follow {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Exec {
    /// The network interface behind which it runs; the region's internet when not given.
    #[arg(long)]
    interface: Option<String>,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(crate) fn exec(data: &Path, arguments: Exec) -> Result<ExitCode> {
    let place = match arguments.interface {
        Some(interface) => Place::Interface(interface.into()),
        None => Place::Internet,
    };
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    // As it would run here, but for the network: with this shell's variables, in this folder.
    let program = Program {
        environment: std::env::vars().collect(),
        directory: std::env::current_dir()
            .ok()
            .and_then(|folder| folder.into_os_string().into_string().ok()),
        ..Program::new(place, arguments.command)
    };
    let status = machine::client::exec(
        &machine::host::Paths::new(data),
        &program,
        [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
    )
    .map_err(|error| anyhow::anyhow!(machine::chain(&error)))?;
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served() -> Served {
        Served {
            pid: 7,
            address: std::net::SocketAddr::from(([127, 0, 0, 1], 4566)),
            account: "000000000000".into(),
            region: "eu-central-1".into(),
        }
    }

    #[test]
    fn what_tools_need() {
        assert_eq!(
            exports(&served(), Path::new("/data")),
            "export AWS_ENDPOINT_URL='http://127.0.0.1:4566'\n\
             export AWS_ACCESS_KEY_ID='test'\n\
             export AWS_SECRET_ACCESS_KEY='test'\n\
             export AWS_REGION='eu-central-1'\n\
             export AWS_DEFAULT_REGION='eu-central-1'\n\
             export AWS_EC2_METADATA_DISABLED='true'\n\
             export TERRELLA_CA='/data/ca/ca.pem'\n"
        );
    }

    #[test]
    fn a_status_names_every_address() {
        let all = json!({
            "health": {"status": "ok"},
            "counts": {"balancers": 1, "databases": 1, "networks": 1, "tasks": 2},
            "clock": {"now": "2026-01-05T19:00:00Z", "rate": 60, "ahead_seconds": 7200},
            "services": [
                {"name": "links-dev", "desired": 2, "running": 1, "closed": null},
                {"name": "night", "desired": 0, "running": 0, "closed": {"until": "2026-01-06T08:00:00Z"}},
                {"name": "ending", "desired": 0, "running": 1, "closed": {"until": "2026-01-06T08:00:00Z"}},
                {"name": "off", "desired": 0, "running": 0, "closed": {"until": null}},
            ],
            "listeners": [
                {"balancer": "links-dev", "port": 80, "protocol": "HTTP",
                 "address": "127.0.0.1:8080", "failure": null, "host": "links-dev.localhost"},
                {"balancer": "links-dev", "port": 443, "protocol": "HTTPS",
                 "address": "127.0.0.1:8443", "failure": null, "host": "links-dev.localhost"},
                {"balancer": "other", "port": 81, "protocol": "HTTP",
                 "address": null, "failure": "the port is taken", "host": "other.localhost"},
            ],
            "certificate_authority": "/data/ca/ca.pem",
            "databases": [
                {"name": "links-dev", "status": "available", "user": "links",
                 "database": "links", "local": "host=/x port=5432"},
                {"name": "new", "status": "creating", "user": "links",
                 "database": null, "local": null},
            ],
        });
        assert_eq!(
            described(&served(), &all),
            "region eu-central-1 of account 000000000000 at http://127.0.0.1:4566: ok\n\
             1 balancers, 1 databases, 1 networks, 2 tasks\n\
             its time was moved: Mon 2026-01-05 19:00:00 UTC, 60 times as fast as real time\n\
             service links-dev: 1 of 2 tasks run\n\
             service night: closed by its schedule until Tue 2026-01-06 08:00 UTC; `terrella clock jump-to 2026-01-06T08:00:00Z` opens it\n\
             service ending: 1 tasks run, 0 are wanted\n\
             service off: closed: its scaling allows no task, and no scheduled action will change that\n\
             links-dev:80: http://127.0.0.1:8080 or http://links-dev.localhost:8080\n\
             links-dev:443: https://127.0.0.1:8443 or https://links-dev.localhost:8443\n\
             other:81: not published: the port is taken\n\
             certificates are signed by /data/ca/ca.pem: curl --cacert /data/ca/ca.pem\n\
             database links-dev: available: psql \"host=/x port=5432 user=links dbname=links\"\n\
             database new: creating\n"
        );
    }
}
