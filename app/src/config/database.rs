//! How the database is reached, and where its login comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rand::seq::IteratorRandom;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::{ConfigError, Vars};
use crate::credentials::{Login, Secret};

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct Database {
    pub writer: Pool,
    pub replica: Option<Replica>,
    pub login: LoginSource,
}

/// Connections to one server.
#[derive(Clone)]
pub struct Pool {
    /// Everything but user name and password.
    pub options: PgConnectOptions,
    pub connections: u32,
    pub acquire_timeout: Duration,
    pub query_timeout: Duration,
}

/// A server that follows the writer and takes reads, with the writer's login.
#[derive(Debug, Clone)]
pub struct Replica {
    pub pool: Pool,
    /// Further behind, it is not read.
    pub max_lag: Duration,
}

/// Where user name and password come from.
#[derive(Debug, Clone)]
pub enum LoginSource {
    Fixed(Login),
    File(PathBuf),
    SecretsManager {
        secret_id: String,
        region: Option<String>,
    },
}

impl Database {
    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        let (options, login) = match vars.get("DATABASE_URL") {
            Some(url) => from_url(&url)?,
            None => from_parts(vars)?,
        };
        let writer = Pool {
            options: options.application_name("links"),
            connections: vars.positive("DATABASE_CONNECTIONS", 10)?,
            acquire_timeout: vars.duration("DATABASE_ACQUIRE_TIMEOUT", Duration::from_secs(3))?,
            query_timeout: vars.duration("DATABASE_QUERY_TIMEOUT", Duration::from_secs(5))?,
        };
        let replica = vars
            .get("DATABASE_READER_HOST")
            .and_then(|hosts| one_of(&hosts))
            .map(|host| -> Result<_, ConfigError> {
                let mut pool = writer.clone();
                let port = vars.parse("DATABASE_READER_PORT", pool.options.get_port())?;
                pool.options = pool.options.host(&host).port(port);
                pool.connections =
                    vars.positive("DATABASE_READER_CONNECTIONS", pool.connections)?;
                // Whoever waits too long for the replica still has time to ask the writer.
                pool.acquire_timeout = pool.acquire_timeout.min(Duration::from_secs(1));
                let max_lag = vars.duration("DATABASE_READER_MAX_LAG", Duration::from_secs(1))?;
                Ok(Replica { pool, max_lag })
            })
            .transpose()?;
        Ok(Self {
            writer,
            replica,
            login,
        })
    }
}

/// One of the replicas that are named, with commas between them, at random: so tasks spread over them.
fn one_of(hosts: &str) -> Option<String> {
    hosts
        .split(',')
        .map(str::trim)
        .filter(|host| !host.is_empty())
        .choose(&mut rand::rng())
        .map(str::to_owned)
}

/// Written by hand: the options would print the password that a URL carries.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .field("name", &self.options.get_database())
            .finish_non_exhaustive()
    }
}

fn from_url(value: &str) -> Result<(PgConnectOptions, LoginSource), ConfigError> {
    const NAME: &str = "DATABASE_URL";
    // The value holds a password, so the reason never repeats it.
    let invalid = |reason: &str| ConfigError::Invalid {
        name: NAME,
        reason: reason.to_owned(),
    };
    let url = Url::parse(value).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(invalid("must start with postgres://"));
    }
    let options = PgConnectOptions::from_str(value)
        .map_err(|_| invalid("not a PostgreSQL connection URL"))?;
    let login = Login {
        username: options.get_username().to_owned(),
        password: password_of(&url)?.map(Secret::from),
    };
    Ok((options, LoginSource::Fixed(login)))
}

/// The password in a connection URL; none leaves the choice to the driver (`PGPASSWORD`, `.pgpass`).
fn password_of(url: &Url) -> Result<Option<String>, ConfigError> {
    let Some(encoded) = url.password() else {
        return Ok(url
            .query_pairs()
            .find(|(key, _)| key == "password")
            .map(|(_, value)| value.into_owned()));
    };
    percent_decode(encoded)
        .map(Some)
        .ok_or_else(|| ConfigError::Invalid {
            name: "DATABASE_URL",
            reason: "the password is not valid percent-encoded UTF-8".into(),
        })
}

fn percent_decode(encoded: &str) -> Option<String> {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

fn from_parts(vars: &Vars<'_>) -> Result<(PgConnectOptions, LoginSource), ConfigError> {
    let Some(host) = vars.get("DATABASE_HOST") else {
        return Err(ConfigError::NoDatabase);
    };
    // The password of a database that is not on this machine crosses a network: encrypt unless told otherwise.
    let ssl_mode = vars.parse("DATABASE_SSLMODE", PgSslMode::Require)?;
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(vars.parse("DATABASE_PORT", 5432)?)
        .database(&vars.get("DATABASE_NAME").unwrap_or_else(|| "links".into()))
        .ssl_mode(ssl_mode);
    if let Some(path) = vars.get("DATABASE_SSLROOTCERT") {
        options = options.ssl_root_cert(path);
    }
    Ok((options, login_source(vars)?))
}

fn login_source(vars: &Vars<'_>) -> Result<LoginSource, ConfigError> {
    const SOURCES: [&str; 3] = [
        "DATABASE_SECRET_ARN",
        "DATABASE_SECRET_FILE",
        "DATABASE_USERNAME",
    ];
    let mut set = SOURCES.into_iter().filter(|name| vars.get(name).is_some());
    let first = set.next().ok_or(ConfigError::NoDatabase)?;
    if let Some(second) = set.next() {
        return Err(ConfigError::TwoLogins { first, second });
    }
    let value = vars.required(first)?;
    Ok(match first {
        "DATABASE_SECRET_ARN" => LoginSource::SecretsManager {
            region: vars.get("AWS_REGION").or_else(|| region_of(&value)),
            secret_id: value,
        },
        "DATABASE_SECRET_FILE" => LoginSource::File(value.into()),
        _ => LoginSource::Fixed(Login {
            username: value,
            password: vars.get("DATABASE_PASSWORD").map(Secret::from),
        }),
    })
}

/// `arn:aws:secretsmanager:<region>:…`
fn region_of(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts
        .nth(2)
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
}
