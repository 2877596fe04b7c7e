//! All configuration, read from the environment once and checked here; nothing below reads the environment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::credentials::{Login, Secret};

/// What `links` needs to know, valid by construction.
#[derive(Debug)]
pub struct Config {
    pub server: Server,
    pub database: Database,
}

/// How requests are taken and how long they may last.
#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// The address people see, used to write short links in full; without it the request's host is used.
    pub public_url: Option<Url>,
    /// Requests answered at the same time; one more is turned away at once.
    pub max_requests: usize,
    pub request_timeout: Duration,
    /// How long an idle connection is kept. Longer than a balancer's own idle time (60 s on an ALB), so that the
    /// balancer never sends a request into a connection that is just being closed.
    pub keep_alive_timeout: Duration,
    /// After the stop signal: how long new connections are still taken while readiness already says no.
    pub drain_delay: Duration,
    /// What the platform allows between the stop signal and the kill.
    pub stop_timeout: Duration,
}

/// How the database is reached.
pub struct Database {
    /// Everything but user name and password.
    pub options: PgConnectOptions,
    pub login: LoginSource,
    pub connections: u32,
    pub acquire_timeout: Duration,
    pub query_timeout: Duration,
}

/// Where user name and password come from.
#[derive(Debug)]
pub enum LoginSource {
    Fixed(Login),
    File(PathBuf),
    SecretsManager {
        secret_id: String,
        region: Option<String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} is not set")]
    Missing { name: &'static str },
    #[error("{name} is not valid: {reason}")]
    Invalid { name: &'static str, reason: String },
    #[error(
        "no database configured: set DATABASE_URL, or DATABASE_HOST with one of DATABASE_SECRET_ARN, \
         DATABASE_SECRET_FILE, DATABASE_USERNAME"
    )]
    NoDatabase,
    #[error("{first} and {second} are both set: choose one source of database credentials")]
    TwoLogins {
        first: &'static str,
        second: &'static str,
    },
}

/// Where variables are looked up: the process's environment, or a table in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let vars = Vars(lookup);
        Ok(Self {
            server: Server::read(&vars)?,
            database: Database::read(&vars)?,
        })
    }
}

impl Server {
    fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        let address = vars.parse("LISTEN_ADDRESS", IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        let public_url = vars
            .get("PUBLIC_URL")
            .map(|value| parse_public_url(&value))
            .transpose()?;
        Ok(Self {
            listen: SocketAddr::new(address, port(vars)?),
            public_url,
            max_requests: vars.positive("MAX_REQUESTS", 256)?,
            request_timeout: vars.duration("REQUEST_TIMEOUT", Duration::from_secs(10))?,
            keep_alive_timeout: vars.duration("KEEP_ALIVE_TIMEOUT", Duration::from_secs(75))?,
            drain_delay: vars.duration("DRAIN_DELAY", Duration::ZERO)?,
            stop_timeout: vars.duration("STOP_TIMEOUT", Duration::from_secs(30))?,
        })
    }
}

impl Database {
    fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        let (options, login) = match vars.get("DATABASE_URL") {
            Some(url) => from_url(&url)?,
            None => from_parts(vars)?,
        };
        Ok(Self {
            options: options.application_name("links"),
            login,
            connections: vars.positive("DATABASE_CONNECTIONS", 10)?,
            acquire_timeout: vars.duration("DATABASE_ACQUIRE_TIMEOUT", Duration::from_secs(3))?,
            query_timeout: vars.duration("DATABASE_QUERY_TIMEOUT", Duration::from_secs(5))?,
        })
    }
}

/// Written by hand: the options would print the password that a URL carries.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .field("name", &self.options.get_database())
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// The port alone, for `links health`, which must not need a database to be configured.
pub fn port_from_env() -> Result<u16, ConfigError> {
    port(&Vars(&|name| std::env::var(name).ok()))
}

fn port(vars: &Vars<'_>) -> Result<u16, ConfigError> {
    vars.parse("PORT", 8080)
}

fn parse_public_url(value: &str) -> Result<Url, ConfigError> {
    let invalid = |reason: String| ConfigError::Invalid {
        name: "PUBLIC_URL",
        reason,
    };
    let url = Url::parse(value).map_err(|error| invalid(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || url.path() != "/" {
        return Err(invalid(
            "must be http(s)://host[:port], without a path".into(),
        ));
    }
    Ok(url)
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

struct Vars<'a>(Lookup<'a>);

impl Vars<'_> {
    /// An empty variable counts as not set: task definitions often cannot leave one out.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.get(name).ok_or(ConfigError::Missing { name })
    }

    fn parse<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.get(name).map_or(Ok(default), |value| {
            value.parse().map_err(|error: T::Err| ConfigError::Invalid {
                name,
                reason: format!("{value:?}: {error}"),
            })
        })
    }

    fn positive<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr + Default + PartialEq,
        T::Err: fmt::Display,
    {
        let value = self.parse(name, default)?;
        if value == T::default() {
            return Err(ConfigError::Invalid {
                name,
                reason: "must be at least 1".into(),
            });
        }
        Ok(value)
    }

    /// Seconds as a plain number, or with a unit: `500ms`, `10s`, `2m`.
    fn duration(&self, name: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let parsed = match value.parse::<u32>() {
            Ok(seconds) => Some(Duration::from_secs(seconds.into())),
            Err(_) => value
                .parse::<jiff::SignedDuration>()
                .ok()
                .and_then(|duration| Duration::try_from(duration).ok()),
        };
        parsed
            .filter(|duration| *duration <= Duration::from_hours(1))
            .ok_or_else(|| ConfigError::Invalid {
                name,
                reason: format!(
                    "{value:?}: give seconds, or a unit as in 500ms, 10s, 2m; at most one hour"
                ),
            })
    }
}

#[cfg(test)]
mod tests;
