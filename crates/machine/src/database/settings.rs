//! The text of a server's configuration files and of what is said to it, as pure functions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use world::database::Database;

/// The superuser that only the machine itself is, over the local socket.
pub(crate) const ADMIN: &str = "rdsadmin";
/// Whom standbys and replicas connect as, over the local socket too.
pub(crate) const REPLICATION: &str = "rdsrepladmin";

/// Where a server finds things: see `enter` for why these are not their real paths.
pub(crate) struct Inside {
    pub(crate) sockets: String,
    pub(crate) tls: String,
}

/// What does not come from the parameter group.
pub(crate) fn base(database: &Database, inside: &Inside) -> String {
    let bytes = u64::from(database.memory_mib.max(256)) << 20;
    let connections = connections(database);
    // RDS gives a quarter of the memory. It is all in memory only once it is used, but a small
    // machine has several databases.
    let buffers = (bytes >> 20) / 4;
    let buffers = buffers.clamp(32, 256);
    let cache = (bytes >> 20) / 2;
    format!(
        "listen_addresses = '*'\n\
         port = {port}\n\
         unix_socket_directories = {sockets}\n\
         unix_socket_permissions = 0777\n\
         max_connections = {connections}\n\
         superuser_reserved_connections = 3\n\
         shared_buffers = {buffers}MB\n\
         effective_cache_size = {cache}MB\n\
         huge_pages = off\n\
         wal_level = replica\n\
         max_wal_senders = 20\n\
         max_replication_slots = 20\n\
         max_slot_wal_keep_size = 2GB\n\
         hot_standby = on\n\
         password_encryption = 'scram-sha-256'\n\
         ssl = on\n\
         ssl_cert_file = {certificate}\n\
         ssl_key_file = {key}\n\
         logging_collector = off\n\
         log_line_prefix = '%t:%r:%u@%d:[%p]:'\n\
         log_timezone = 'UTC'\n\
         timezone = 'UTC'\n",
        port = database.port,
        sockets = quote(&inside.sockets),
        certificate = quote(&format!("{}/server.crt", inside.tls)),
        key = quote(&format!("{}/server.key", inside.tls)),
    )
}

/// The parameter group's part that is PostgreSQL's, without those that were refused and those
/// that would lock the machine itself out.
pub(crate) fn parameters<'a>(
    database: &'a Database,
    refused: &[String],
) -> BTreeMap<&'a str, &'a str> {
    database
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !name.starts_with("rds.") && !OURS.contains(name))
        .filter(|(name, _)| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
        })
        .filter(|(name, _)| !refused.iter().any(|other| other == name))
        .collect()
}

/// Decided by the machine, as RDS decides them.
const OURS: [&str; 17] = [
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "logging_collector",
    "log_destination",
    "log_directory",
    "port",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
    "synchronous_standby_names",
    "unix_socket_directories",
    "unix_socket_permissions",
    "primary_conninfo",
];

pub(crate) fn file(settings: &BTreeMap<&str, &str>) -> String {
    let mut text = String::new();
    for (name, value) in settings {
        let _ = writeln!(text, "{name} = {}", quote(value));
    }
    text
}

/// Who may connect how. Nobody is the administrator over a network, and nobody at all reaches a
/// Multi-AZ standby over one.
pub(crate) fn access(database: &Database, standby: bool) -> String {
    let master = identifier(&database.master_username);
    if standby {
        return format!("local all {ADMIN} peer map=machine\nhost all all all reject\n");
    }
    let host = if database.tls_only { "hostssl" } else { "host" };
    format!(
        "local all {ADMIN} peer map=machine\n\
         local all {master} peer map=machine\n\
         local replication {REPLICATION} peer map=machine\n\
         local all all scram-sha-256\n\
         host all {ADMIN},{REPLICATION} all reject\n\
         {host} all all all scram-sha-256\n"
    )
}

/// The machine's own processes are root, or the user that servers run as.
pub(crate) fn identities(database: &Database, server_user: &str) -> String {
    let master = identifier(&database.master_username);
    let mut text = String::new();
    for user in ["root", server_user] {
        for role in [ADMIN, REPLICATION, &master] {
            let _ = writeln!(text, "machine {user} {role}");
        }
    }
    text
}

/// The connections that RDS gives an instance of this memory.
fn connections(database: &Database) -> u64 {
    let bytes = u64::from(database.memory_mib.max(256)) << 20;
    (bytes / 9_531_392).clamp(20, 5000)
}

/// A follower's settings, raised to what its source has.
pub(crate) fn at_least(database: &Database, room: &[(String, u64)]) -> String {
    let mut text = String::new();
    for (name, value) in room {
        let own = match database
            .parameters
            .get(name)
            .and_then(|own| own.parse().ok())
        {
            Some(own) => own,
            None if name == "max_connections" => connections(database),
            None => 0,
        };
        let _ = writeln!(text, "{name} = {}", own.max(*value));
    }
    text
}

/// A value in a configuration file.
pub(crate) fn quote(value: &str) -> String {
    let clean: String = value
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    format!("'{}'", clean.replace('\\', "\\\\").replace('\'', "''"))
}

/// A name in SQL, and in access rules.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

/// A text in SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('\0', ""))
}

/// What a new server is told first: the roles that RDS makes.
pub(crate) fn first_words(database: &Database) -> String {
    let master = identifier(&database.master_username);
    let checkpoint = if database.major_version >= 15 {
        ", pg_checkpoint"
    } else {
        ""
    };
    format!(
        "{QUIET}\
         CREATE ROLE rds_superuser NOLOGIN;\n\
         CREATE ROLE rds_replication NOLOGIN;\n\
         CREATE ROLE rds_iam NOLOGIN;\n\
         CREATE ROLE rds_password NOLOGIN;\n\
         CREATE ROLE {REPLICATION} LOGIN REPLICATION;\n\
         GRANT pg_monitor, pg_signal_backend{checkpoint} TO rds_superuser WITH ADMIN OPTION;\n\
         GRANT rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION;\n\
         CREATE ROLE {master} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity' IN ROLE rds_superuser;\n"
    )
}

/// The password, which no log may hold.
pub(crate) fn set_password(database: &Database) -> String {
    format!(
        "{QUIET}ALTER ROLE {} PASSWORD {};\n",
        identifier(&database.master_username),
        literal(database.master_password.reveal())
    )
}

/// Lines that keep a session out of the server's log.
const QUIET: &str = "SET log_statement = 'none';\n\
     SET log_min_duration_statement = -1;\n\
     SET log_min_error_statement = 'panic';\n\
     SET log_duration = off;\n";

#[cfg(test)]
mod tests {
    use world::database::{Origin, Role, Secret};

    use super::*;

    pub(crate) fn database() -> Database {
        Database {
            id: "db-1".into(),
            vpc: "vpc-1".into(),
            major_version: 15,
            port: 5432,
            names: Vec::new(),
            role: Role::Writer,
            interface: "eni-1".into(),
            standby: None,
            master_username: "app\"admin".into(),
            master_password: Secret::new("it's"),
            database_name: None,
            tls_only: true,
            parameters: BTreeMap::new(),
            allocated_gib: 20,
            memory_mib: 1024,
            cpu_units: 2048,
            stopped: false,
            origin: Origin::Empty,
        }
    }

    #[test]
    fn what_users_write_stays_inside_its_quotes() {
        assert_eq!(quote("a'b\\c\nd"), "'a''b\\\\cd'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert!(
            set_password(&database()).ends_with("ALTER ROLE \"app\"\"admin\" PASSWORD 'it''s';\n")
        );
    }

    #[test]
    fn parameters_that_are_not_postgresqls_are_kept_from_it() {
        let mut database = database();
        for (name, value) in [
            ("work_mem", "4096"),
            ("rds.force_ssl", "0"),
            ("port", "1"),
            ("bad name", "1"),
            ("log_statement", "all"),
        ] {
            database.parameters.insert(name.into(), value.into());
        }
        let given = parameters(&database, &["work_mem".into()]);
        assert_eq!(file(&given), "log_statement = 'all'\n");
    }

    #[test]
    fn encryption_can_be_asked_of_all_who_come_over_the_network() {
        let mut database = database();
        assert!(access(&database, false).contains("\nhostssl all all all scram-sha-256\n"));
        database.tls_only = false;
        assert!(access(&database, false).contains("\nhost all all all scram-sha-256\n"));
    }

    #[test]
    fn a_follower_has_room_for_all_that_its_source_may_do() {
        let room = [
            ("max_connections".to_owned(), 200),
            ("max_worker_processes".to_owned(), 8),
        ];
        let text = at_least(&database(), &room);
        assert_eq!(text, "max_connections = 200\nmax_worker_processes = 8\n");
        let text = at_least(&database(), &[("max_connections".to_owned(), 50)]);
        assert_eq!(text, "max_connections = 112\n");
    }

    #[test]
    fn a_small_instance_is_light() {
        let inside = Inside {
            sockets: "/tmp/pg/1".into(),
            tls: "/tmp/databases/db-1/tls".into(),
        };
        let text = base(&database(), &inside);
        assert!(text.contains("shared_buffers = 256MB\n"), "{text}");
        assert!(text.contains("max_connections = 112\n"), "{text}");
    }
}
