//! All configuration, read from the environment once and checked here; nothing below reads the environment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

mod database;

pub use self::database::{Database, LoginSource, Pool, Replica};

/// What `links` needs to know, valid by construction.
#[derive(Debug)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub cache: Cache,
    pub clicks: Clicks,
    pub access: Access,
    pub telemetry: Telemetry,
    /// Whether this process may be told to misbehave, for drills.
    pub drills: bool,
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
    /// How long followers and caches may keep a permanent redirect.
    pub redirect_max_age: Duration,
    /// How long shared caches, such as a CDN, may keep a temporary one. What they answer is not counted.
    pub redirect_shared_max_age: Duration,
    /// For an import or export as a whole.
    pub transfer_timeout: Duration,
    /// How long an idle connection is kept. Longer than a balancer's own idle time (60 s on an ALB), so that the
    /// balancer never sends a request into a connection that is just being closed.
    pub keep_alive_timeout: Duration,
    /// After the stop signal: how long new connections are still taken while readiness already says no.
    pub drain_delay: Duration,
    /// What the platform allows between the stop signal and the kill.
    pub stop_timeout: Duration,
}

/// What is kept to answer redirects without the database.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Memory for links in this process, in bytes; zero for none.
    pub bytes: u64,
    /// How long a link is kept in this process.
    pub ttl: Duration,
    /// How long it is known that there is no such link.
    pub negative_ttl: Duration,
    /// The store that tasks share.
    pub shared: Option<SharedCache>,
}

/// A Redis or Valkey server.
#[derive(Clone)]
pub struct SharedCache {
    /// `redis://` or `rediss://`; it may hold a password.
    pub url: String,
    /// How long a link is kept there.
    pub ttl: Duration,
    /// How long a request waits for it before it goes on without.
    pub timeout: Duration,
}

/// How clicks are counted.
#[derive(Debug, Clone)]
pub struct Clicks {
    /// How often they are written: what a hard kill may lose.
    pub interval: Duration,
}

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Access {
    /// Whether everything but following a link needs an API key.
    pub keys_needed: bool,
    /// Requests a minute for each address that comes without a key; none for no limit.
    pub anonymous_per_minute: Option<u32>,
}

/// Where traces and metrics go.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// OTLP over HTTP, as far as `/v1/traces`.
    pub traces: Option<Url>,
    pub service_name: String,
    /// Namespace of the CloudWatch metrics that are written to the log; none for none.
    pub emf_namespace: Option<String>,
    pub emf_interval: Duration,
}

impl Cache {
    /// How long the shared store keeps a link.
    pub fn shared_ttl(&self) -> Duration {
        self.shared.as_ref().map_or(self.ttl, |shared| shared.ttl)
    }
}

/// Written by hand: the URL may hold a password.
impl fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCache")
            .field("ttl", &self.ttl)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
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
            cache: Cache::read(&vars)?,
            clicks: Clicks {
                interval: vars.duration("CLICKS_INTERVAL", Duration::from_secs(1))?,
            },
            access: Access::read(&vars)?,
            telemetry: Telemetry::read(&vars)?,
            drills: vars.flag("LINKS_DRILLS")?,
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
            redirect_max_age: vars.duration("REDIRECT_MAX_AGE", Duration::from_mins(5))?,
            redirect_shared_max_age: vars.duration("REDIRECT_SHARED_MAX_AGE", Duration::ZERO)?,
            transfer_timeout: vars.duration("TRANSFER_TIMEOUT", Duration::from_mins(10))?,
            keep_alive_timeout: vars.duration("KEEP_ALIVE_TIMEOUT", Duration::from_secs(75))?,
            drain_delay: vars.duration("DRAIN_DELAY", Duration::ZERO)?,
            stop_timeout: vars.duration("STOP_TIMEOUT", Duration::from_secs(30))?,
        })
    }
}

impl Cache {
    fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            bytes: vars.parse("CACHE_BYTES", 16 * 1024 * 1024)?,
            ttl: vars.duration("CACHE_TTL", Duration::from_secs(5))?,
            negative_ttl: vars.duration("CACHE_NEGATIVE_TTL", Duration::from_secs(1))?,
            shared: SharedCache::read(vars)?,
        })
    }
}

impl SharedCache {
    fn read(vars: &Vars<'_>) -> Result<Option<Self>, ConfigError> {
        const NAME: &str = "REDIS_URL";
        let Some(url) = vars.get(NAME) else {
            return Ok(None);
        };
        // The value may hold a password, so the reason never repeats it.
        let scheme = Url::parse(&url).ok().map(|url| url.scheme().to_owned());
        if !matches!(scheme.as_deref(), Some("redis" | "rediss")) {
            return Err(ConfigError::Invalid {
                name: NAME,
                reason: "must be redis://host[:port] or, with TLS, rediss://host[:port]".into(),
            });
        }
        Ok(Some(Self {
            url,
            ttl: vars.duration("REDIS_TTL", Duration::from_secs(30))?,
            timeout: vars.duration("REDIS_TIMEOUT", Duration::from_millis(100))?,
        }))
    }
}

impl Access {
    fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        let keys_needed = match vars.get("ACCESS").as_deref() {
            None | Some("open") => false,
            Some("keys") => true,
            Some(other) => {
                return Err(ConfigError::Invalid {
                    name: "ACCESS",
                    reason: format!("{other:?}: give open or keys"),
                });
            }
        };
        let limit = vars.parse("ANONYMOUS_REQUESTS_PER_MINUTE", 0)?;
        Ok(Self {
            keys_needed,
            anonymous_per_minute: (limit > 0).then_some(limit),
        })
    }
}

impl Telemetry {
    /// The variables of the OpenTelemetry specification, of which traces over HTTP are supported.
    fn read(vars: &Vars<'_>) -> Result<Self, ConfigError> {
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let traces = match (vars.get(TRACES), vars.get(ALL)) {
            (Some(url), _) => Some((TRACES, url)),
            (None, Some(url)) => Some((ALL, format!("{}/v1/traces", url.trim_end_matches('/')))),
            (None, None) => None,
        };
        let traces = traces
            .map(|(name, url)| {
                let url = Url::parse(&url).map_err(|error| error.to_string());
                url.and_then(|url| match url.scheme() {
                    "http" | "https" => Ok(url),
                    other => Err(format!("{other}: only http and https are supported")),
                })
                .map_err(|reason| ConfigError::Invalid { name, reason })
            })
            .transpose()?;
        Ok(Self {
            traces,
            service_name: vars
                .get("OTEL_SERVICE_NAME")
                .unwrap_or_else(|| "links".into()),
            emf_namespace: vars.get("METRICS_EMF_NAMESPACE"),
            emf_interval: vars.duration("METRICS_EMF_INTERVAL", Duration::from_mins(1))?,
        })
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

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.get(name).as_deref() {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => Err(ConfigError::Invalid {
                name,
                reason: format!("{other:?}: give 1 or 0"),
            }),
        }
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
