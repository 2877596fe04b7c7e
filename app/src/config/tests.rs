use sqlx::postgres::PgSslMode;

use super::*;
use crate::credentials::Secret;

fn read(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&|name| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn error(vars: &[(&str, &str)]) -> String {
    read(vars).expect_err("must be refused").to_string()
}

#[test]
fn a_url_alone_is_enough() {
    let config = read(&[("DATABASE_URL", "postgres://ann:p%40ss@db.test:6543/shop")]).unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.database.writer.options.get_host(), "db.test");
    assert_eq!(config.database.writer.options.get_port(), 6543);
    let LoginSource::Fixed(login) = &config.database.login else {
        panic!("a URL carries its login: {:?}", config.database.login);
    };
    assert_eq!(login.username, "ann");
    assert_eq!(login.password.as_ref().map(Secret::reveal), Some("p@ss"));
}

#[test]
fn the_url_wins_over_the_parts() {
    let config = read(&[
        ("DATABASE_URL", "postgres://ann:x@db.test/shop"),
        ("DATABASE_HOST", "other.test"),
        (
            "DATABASE_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:1:secret:x",
        ),
    ])
    .unwrap();
    assert_eq!(config.database.writer.options.get_host(), "db.test");
}

#[test]
fn parts_and_a_secret() {
    let arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds!db-1-AbCdEf";
    let config = read(&[
        ("DATABASE_HOST", "db.test"),
        ("DATABASE_SECRET_ARN", arn),
        ("DATABASE_SSLMODE", "verify-full"),
        ("DATABASE_PASSWORD", ""),
        ("STOP_TIMEOUT", "500ms"),
        ("REQUEST_TIMEOUT", "7"),
    ])
    .unwrap();
    assert_eq!(config.database.writer.options.get_database(), Some("links"));
    assert!(matches!(
        config.database.writer.options.get_ssl_mode(),
        PgSslMode::VerifyFull
    ));
    assert_eq!(config.server.stop_timeout, Duration::from_millis(500));
    assert_eq!(config.server.request_timeout, Duration::from_secs(7));
    let LoginSource::SecretsManager { secret_id, region } = config.database.login else {
        panic!("a secret was named");
    };
    assert_eq!(secret_id, arn);
    assert_eq!(region.as_deref(), Some("eu-central-1"));
}

#[test]
fn encryption_is_the_default_with_a_host() {
    let config = read(&[("DATABASE_HOST", "db.test"), ("DATABASE_USERNAME", "ann")]).unwrap();
    assert!(matches!(
        config.database.writer.options.get_ssl_mode(),
        PgSslMode::Require
    ));
}

#[test]
fn bad_values_are_named() {
    let url = ("DATABASE_URL", "postgres://ann:x@db.test/shop");
    let cases: [(&[(&str, &str)], &str); 17] = [
        (&[], "no database configured"),
        (&[("DATABASE_HOST", "db.test")], "no database configured"),
        (
            &[("DATABASE_URL", "mysql://ann:hunter2@db.test/shop")],
            "DATABASE_URL",
        ),
        (
            &[
                ("DATABASE_HOST", "d"),
                ("DATABASE_SECRET_FILE", "/f"),
                ("DATABASE_USERNAME", "u"),
            ],
            "DATABASE_SECRET_FILE and DATABASE_USERNAME",
        ),
        (
            &[
                ("DATABASE_HOST", "d"),
                ("DATABASE_USERNAME", "u"),
                ("DATABASE_SSLMODE", "maybe"),
            ],
            "DATABASE_SSLMODE",
        ),
        (&[url, ("PORT", "65536")], "PORT"),
        (&[url, ("MAX_REQUESTS", "0")], "MAX_REQUESTS"),
        (&[url, ("STOP_TIMEOUT", "-1s")], "STOP_TIMEOUT"),
        (&[url, ("STOP_TIMEOUT", "soon")], "STOP_TIMEOUT"),
        (&[url, ("STOP_TIMEOUT", "2h")], "STOP_TIMEOUT"),
        (&[url, ("PUBLIC_URL", "https://sho.rt/path")], "PUBLIC_URL"),
        (&[url, ("REDIS_URL", "http://:hunter2@c.test")], "REDIS_URL"),
        (&[url, ("CACHE_BYTES", "-1")], "CACHE_BYTES"),
        (&[url, ("ACCESS", "closed")], "ACCESS"),
        (&[url, ("LINKS_DRILLS", "yes")], "LINKS_DRILLS"),
        (
            &[url, ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://c.test")],
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        (
            &[
                url,
                ("DATABASE_READER_HOST", "r"),
                ("DATABASE_READER_PORT", "x"),
            ],
            "DATABASE_READER_PORT",
        ),
    ];
    for (vars, expected) in cases {
        let message = error(vars);
        assert!(message.contains(expected), "{vars:?}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn debug_shows_no_password() {
    for vars in [
        &[("DATABASE_URL", "postgres://ann:hunter2@db.test/shop")][..],
        &[
            ("DATABASE_HOST", "db.test"),
            ("DATABASE_USERNAME", "ann"),
            ("DATABASE_PASSWORD", "hunter2"),
        ],
    ] {
        let shown = format!("{:?}", read(vars).unwrap());
        assert!(shown.contains("ann"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn everything_else_is_off_or_small() {
    let config = read(&[("DATABASE_URL", "postgres://ann:x@db.test/shop")]).unwrap();
    assert!(config.database.replica.is_none());
    assert!(config.cache.shared.is_none());
    assert!(config.telemetry.traces.is_none());
    assert!(config.telemetry.emf_namespace.is_none());
    assert!(!config.access.keys_needed);
    assert!(!config.drills);
}

#[test]
fn a_reader_is_the_writer_elsewhere() {
    let config = read(&[
        ("DATABASE_URL", "postgres://ann:x@db.test:6543/shop"),
        ("DATABASE_READER_HOST", "reader.test"),
        ("REDIS_URL", "rediss://:hunter2@cache.test:6380"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/"),
    ])
    .unwrap();
    let reader = config.database.replica.as_ref().expect("one was named");
    assert_eq!(reader.pool.options.get_host(), "reader.test");
    assert_eq!(reader.pool.options.get_port(), 6543);
    assert_eq!(reader.pool.options.get_database(), Some("shop"));
    let traces = config.telemetry.traces.as_ref().map(Url::as_str);
    assert_eq!(traces, Some("http://127.0.0.1:4318/v1/traces"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn tasks_spread_over_the_readers() {
    let chosen = || {
        let config = read(&[
            ("DATABASE_URL", "postgres://ann:x@db.test/shop"),
            ("DATABASE_READER_HOST", "one.test, two.test,"),
        ]);
        let reader = config.unwrap().database.replica.expect("two were named");
        reader.pool.options.get_host().to_owned()
    };
    // The chance that one is never chosen is 2^-99.
    let hosts: std::collections::BTreeSet<_> = (0..100).map(|_| chosen()).collect();
    assert_eq!(
        hosts.into_iter().collect::<Vec<_>>(),
        ["one.test", "two.test"]
    );
}
