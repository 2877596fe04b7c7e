//! The engine's parameters: those that stacks set and that databases of this kind live by.

use super::class::Class;

/// One parameter of PostgreSQL, as RDS lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// RDS's own default, maybe a formula; `None`: the engine's.
    pub(super) default: Option<&'static str>,
    /// Takes effect only after a reboot.
    pub(super) is_static: bool,
    pub(super) data_type: &'static str,
    pub(super) allowed: &'static str,
    pub(super) modifiable: bool,
}

impl Parameter {
    pub(super) fn apply_type(&self) -> &'static str {
        if self.is_static { "static" } else { "dynamic" }
    }
}

const fn entry(
    name: &'static str,
    default: Option<&'static str>,
    is_static: bool,
    data_type: &'static str,
    allowed: &'static str,
) -> Parameter {
    Parameter {
        name,
        default,
        is_static,
        data_type,
        allowed,
        modifiable: true,
    }
}

const DYNAMIC: bool = false;
const STATIC: bool = true;

#[rustfmt::skip]
static PARAMETERS: &[Parameter] = &[
    entry("application_name", None, DYNAMIC, "string", ""),
    entry("archive_timeout", Some("300"), DYNAMIC, "integer", "0-2147483647"),
    entry("auto_explain.log_analyze", None, DYNAMIC, "boolean", "0,1"),
    entry("auto_explain.log_min_duration", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("autovacuum", Some("1"), DYNAMIC, "boolean", "0,1"),
    entry("autovacuum_analyze_scale_factor", Some("0.05"), DYNAMIC, "float", "0-100"),
    entry("autovacuum_analyze_threshold", None, DYNAMIC, "integer", "0-2147483647"),
    entry("autovacuum_freeze_max_age", None, STATIC, "integer", "100000-2000000000"),
    entry("autovacuum_max_workers", Some("GREATEST({DBInstanceClassMemory/64371566592},3)"), STATIC, "integer", "1-262143"),
    entry("autovacuum_naptime", Some("15"), DYNAMIC, "integer", "1-2147483"),
    entry("autovacuum_vacuum_cost_delay", None, DYNAMIC, "float", "-1-100"),
    entry("autovacuum_vacuum_cost_limit", Some("GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)"), DYNAMIC, "integer", "-1-10000"),
    entry("autovacuum_vacuum_scale_factor", Some("0.1"), DYNAMIC, "float", "0-100"),
    entry("autovacuum_vacuum_threshold", None, DYNAMIC, "integer", "0-2147483647"),
    entry("autovacuum_work_mem", Some("GREATEST({DBInstanceClassMemory/32768},131072)"), DYNAMIC, "integer", "-1-2147483647"),
    entry("bgwriter_delay", None, DYNAMIC, "integer", "10-10000"),
    entry("bgwriter_lru_maxpages", None, DYNAMIC, "integer", "0-1073741823"),
    entry("checkpoint_completion_target", Some("0.9"), DYNAMIC, "float", "0-1"),
    entry("checkpoint_timeout", Some("300"), DYNAMIC, "integer", "30-86400"),
    entry("checkpoint_warning", None, DYNAMIC, "integer", "0-2147483647"),
    entry("client_encoding", None, DYNAMIC, "string", ""),
    entry("client_min_messages", None, DYNAMIC, "string", "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error"),
    entry("commit_delay", None, DYNAMIC, "integer", "0-100000"),
    entry("cpu_tuple_cost", None, DYNAMIC, "float", "0-1.79769e+308"),
    entry("cron.database_name", None, STATIC, "string", ""),
    entry("datestyle", None, DYNAMIC, "string", ""),
    entry("deadlock_timeout", None, DYNAMIC, "integer", "1-2147483647"),
    entry("default_statistics_target", None, DYNAMIC, "integer", "1-10000"),
    entry("default_transaction_isolation", None, DYNAMIC, "string", "serializable,repeatable read,read committed,read uncommitted"),
    entry("default_transaction_read_only", None, DYNAMIC, "boolean", "0,1"),
    entry("effective_cache_size", Some("{DBInstanceClassMemory/16384}"), DYNAMIC, "integer", "1-2147483647"),
    entry("effective_io_concurrency", None, DYNAMIC, "integer", "0-1000"),
    entry("enable_hashjoin", None, DYNAMIC, "boolean", "0,1"),
    entry("enable_seqscan", None, DYNAMIC, "boolean", "0,1"),
    entry("hot_standby_feedback", None, DYNAMIC, "boolean", "0,1"),
    entry("huge_pages", Some("on"), STATIC, "string", "on,off,try"),
    entry("idle_in_transaction_session_timeout", Some("86400000"), DYNAMIC, "integer", "0-2147483647"),
    entry("idle_session_timeout", None, DYNAMIC, "integer", "0-2147483647"),
    entry("intervalstyle", None, DYNAMIC, "string", "postgres,postgres_verbose,sql_standard,iso_8601"),
    entry("jit", None, DYNAMIC, "boolean", "0,1"),
    entry("lc_messages", None, DYNAMIC, "string", ""),
    entry("lock_timeout", None, DYNAMIC, "integer", "0-2147483647"),
    entry("log_autovacuum_min_duration", Some("10000"), DYNAMIC, "integer", "-1-2147483647"),
    entry("log_checkpoints", Some("1"), DYNAMIC, "boolean", "0,1"),
    entry("log_connections", None, DYNAMIC, "boolean", "0,1"),
    entry("log_disconnections", None, DYNAMIC, "boolean", "0,1"),
    entry("log_duration", None, DYNAMIC, "boolean", "0,1"),
    entry("log_error_verbosity", None, DYNAMIC, "string", "terse,default,verbose"),
    entry("log_hostname", Some("0"), DYNAMIC, "boolean", "0,1"),
    entry("log_lock_waits", None, DYNAMIC, "boolean", "0,1"),
    entry("log_min_duration_statement", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("log_min_error_statement", None, DYNAMIC, "string", "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"),
    entry("log_min_messages", None, DYNAMIC, "string", "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"),
    entry("log_parser_stats", None, DYNAMIC, "boolean", "0,1"),
    entry("log_rotation_age", Some("60"), DYNAMIC, "integer", "1-1440"),
    entry("log_rotation_size", None, DYNAMIC, "integer", "50000-1000000"),
    entry("log_statement", None, DYNAMIC, "string", "none,ddl,mod,all"),
    entry("log_statement_stats", None, DYNAMIC, "boolean", "0,1"),
    entry("log_temp_files", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("logical_decoding_work_mem", None, DYNAMIC, "integer", "64-2147483647"),
    entry("maintenance_io_concurrency", None, DYNAMIC, "integer", "0-1000"),
    entry("maintenance_work_mem", Some("GREATEST({DBInstanceClassMemory*1024/63963136},65536)"), DYNAMIC, "integer", "1024-2147483647"),
    entry("max_connections", Some("LEAST({DBInstanceClassMemory/9531392},5000)"), STATIC, "integer", "6-262143"),
    entry("max_locks_per_transaction", None, STATIC, "integer", "10-2147483647"),
    entry("max_logical_replication_workers", None, STATIC, "integer", "0-262143"),
    entry("max_parallel_maintenance_workers", None, DYNAMIC, "integer", "0-1024"),
    entry("max_parallel_workers", Some("GREATEST({DBInstanceVCPU/2},8)"), DYNAMIC, "integer", "0-1024"),
    entry("max_parallel_workers_per_gather", None, DYNAMIC, "integer", "0-1024"),
    entry("max_prepared_transactions", Some("0"), STATIC, "integer", "0-262143"),
    entry("max_replication_slots", Some("20"), STATIC, "integer", "5-262143"),
    entry("max_slot_wal_keep_size", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("max_standby_archive_delay", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("max_standby_streaming_delay", Some("30000"), DYNAMIC, "integer", "-1-2147483647"),
    entry("max_wal_senders", Some("20"), STATIC, "integer", "5-262143"),
    entry("max_wal_size", Some("2048"), DYNAMIC, "integer", "128-201326592"),
    entry("max_worker_processes", Some("GREATEST({DBInstanceVCPU*2},8)"), STATIC, "integer", "0-262143"),
    entry("min_wal_size", Some("192"), DYNAMIC, "integer", "128-201326592"),
    entry("password_encryption", Some("scram-sha-256"), DYNAMIC, "string", "md5,scram-sha-256"),
    entry("pg_stat_statements.max", None, STATIC, "integer", "100-2147483647"),
    entry("pg_stat_statements.track", None, DYNAMIC, "string", "none,top,all"),
    entry("pg_stat_statements.track_utility", None, DYNAMIC, "boolean", "0,1"),
    entry("pgaudit.log", None, DYNAMIC, "string", ""),
    entry("random_page_cost", None, DYNAMIC, "float", "0-1.79769e+308"),
    entry("rds.accepted_password_auth_method", Some("md5+scram"), DYNAMIC, "string", "scram,md5+scram"),
    entry("rds.force_admin_logging_level", None, DYNAMIC, "string", "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"),
    entry("rds.force_autovacuum_logging_level", Some("warning"), DYNAMIC, "string", "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"),
    entry("rds.force_ssl", Some("1"), DYNAMIC, "boolean", "0,1"),
    entry("rds.log_retention_period", Some("4320"), DYNAMIC, "integer", "1440-10080"),
    entry("rds.logical_replication", Some("0"), STATIC, "boolean", "0,1"),
    entry("rds.restrict_password_commands", None, STATIC, "boolean", "0,1"),
    entry("row_security", None, DYNAMIC, "boolean", "0,1"),
    entry("search_path", None, DYNAMIC, "string", ""),
    entry("seq_page_cost", None, DYNAMIC, "float", "0-1.79769e+308"),
    entry("session_replication_role", None, DYNAMIC, "string", "origin,replica,local"),
    entry("shared_buffers", Some("{DBInstanceClassMemory/32768}"), STATIC, "integer", "16-1073741823"),
    entry("shared_preload_libraries", Some("pg_stat_statements"), STATIC, "list", "auto_explain,orafce,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,pg_stat_statements,pg_tle,pg_transport,pgaudit,pgauth,pglogical,plprofiler,plrust"),
    entry("ssl_min_protocol_version", None, DYNAMIC, "string", "TLSv1,TLSv1.1,TLSv1.2,TLSv1.3"),
    entry("standard_conforming_strings", None, DYNAMIC, "boolean", "0,1"),
    entry("statement_timeout", None, DYNAMIC, "integer", "0-2147483647"),
    entry("superuser_reserved_connections", None, STATIC, "integer", "0-262143"),
    entry("synchronous_commit", Some("on"), DYNAMIC, "string", "local,on,off"),
    entry("tcp_keepalives_count", None, DYNAMIC, "integer", "0-2147483647"),
    entry("tcp_keepalives_idle", None, DYNAMIC, "integer", "0-2147483647"),
    entry("tcp_keepalives_interval", None, DYNAMIC, "integer", "0-2147483647"),
    entry("temp_buffers", None, DYNAMIC, "integer", "100-1073741823"),
    entry("temp_file_limit", None, DYNAMIC, "integer", "-1-2147483647"),
    entry("timezone", Some("UTC"), DYNAMIC, "string", ""),
    entry("track_activities", None, DYNAMIC, "boolean", "0,1"),
    entry("track_activity_query_size", Some("4096"), STATIC, "integer", "100-1048576"),
    entry("track_commit_timestamp", None, STATIC, "boolean", "0,1"),
    entry("track_counts", None, DYNAMIC, "boolean", "0,1"),
    entry("track_functions", Some("pl"), DYNAMIC, "string", "none,pl,all"),
    entry("track_io_timing", Some("1"), DYNAMIC, "boolean", "0,1"),
    entry("track_wal_io_timing", Some("1"), DYNAMIC, "boolean", "0,1"),
    entry("vacuum_cost_delay", None, DYNAMIC, "float", "0-100"),
    entry("vacuum_cost_limit", None, DYNAMIC, "integer", "1-10000"),
    entry("vacuum_freeze_min_age", None, DYNAMIC, "integer", "0-1000000000"),
    entry("wal_buffers", None, STATIC, "integer", "-1-262143"),
    entry("wal_compression", Some("2"), DYNAMIC, "string", "0,1,2,3,4,off,on,pglz,lz4,zstd"),
    entry("wal_keep_size", Some("2048"), DYNAMIC, "integer", "0-2147483647"),
    entry("wal_receiver_status_interval", None, DYNAMIC, "integer", "0-2147483"),
    entry("wal_receiver_timeout", Some("30000"), DYNAMIC, "integer", "0-3600000"),
    entry("wal_sender_timeout", Some("30000"), DYNAMIC, "integer", "0-3600000"),
    entry("work_mem", None, DYNAMIC, "integer", "64-2147483647"),
    entry("xmlbinary", None, DYNAMIC, "string", "base64,hex"),
    Parameter { name: "listen_addresses", default: Some("*"), is_static: STATIC, data_type: "string", allowed: "", modifiable: false },
    Parameter { name: "port", default: Some("{EndPointPort}"), is_static: STATIC, data_type: "integer", allowed: "1-65535", modifiable: false },
    Parameter { name: "ssl", default: Some("1"), is_static: DYNAMIC, data_type: "boolean", allowed: "0,1", modifiable: false },
    Parameter { name: "wal_level", default: None, is_static: STATIC, data_type: "string", allowed: "", modifiable: false },
];

/// Every parameter, by name.
pub(super) fn all() -> Vec<&'static Parameter> {
    let mut all: Vec<_> = PARAMETERS.iter().collect();
    all.sort_by_key(|parameter| parameter.name);
    all
}

pub(super) fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

impl Parameter {
    /// The default in force for a major version: some changed over time.
    pub(super) fn default_for(&self, major: u32) -> Option<&'static str> {
        match self.name {
            "rds.force_ssl" if major < 15 => Some("0"),
            "password_encryption" if major < 14 => Some("md5"),
            _ => self.default,
        }
    }

    /// Why a value cannot be; formulas are checked when they are worked out.
    pub(super) fn refuses(&self, value: &str) -> bool {
        if value.contains('{') || self.allowed.is_empty() {
            return false;
        }
        match self.data_type {
            "integer" | "float" => !number_in(self.allowed, value),
            "list" => {
                let mut wanted = value
                    .split(',')
                    .map(str::trim)
                    .filter(|one| !one.is_empty());
                !wanted.all(|one| self.allowed.split(',').any(|known| known == one))
            }
            _ => !self
                .allowed
                .split(',')
                .any(|known| known.eq_ignore_ascii_case(value)),
        }
    }
}

/// Whether a number is in a range such as `-1-100`.
fn number_in(range: &str, value: &str) -> bool {
    let Some(cut) = range
        .char_indices()
        .skip(1)
        .find(|(_, one)| *one == '-')
        .map(|(at, _)| at)
    else {
        return false;
    };
    let (low, high) = (&range[..cut], &range[cut + 1..]);
    match (
        low.parse::<f64>(),
        high.parse::<f64>(),
        value.parse::<f64>(),
    ) {
        (Ok(low), Ok(high), Ok(value)) => low <= value && value <= high,
        _ => false,
    }
}

/// What a value means on an instance of a class: a plain one itself, a formula its result.
pub(super) fn worked_out(value: &str, class: Class, port: u16) -> Option<String> {
    if !value.contains('{') {
        return Some(value.to_owned());
    }
    let text: String = value
        .chars()
        .filter(|one| !matches!(one, '{' | '}' | ' '))
        .collect();
    let mut reader = Formula {
        rest: &text,
        class,
        port,
    };
    let result = reader.sum()?;
    // Formulas give whole numbers, cut down.
    (reader.rest.is_empty() && result.is_finite()).then(|| format!("{:.0}", result.floor()))
}

struct Formula<'a> {
    rest: &'a str,
    class: Class,
    port: u16,
}

impl Formula<'_> {
    fn sum(&mut self) -> Option<f64> {
        let mut total = self.product()?;
        loop {
            if self.eat('+') {
                total += self.product()?;
            } else if self.eat('-') {
                total -= self.product()?;
            } else {
                return Some(total);
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut total = self.atom()?;
        loop {
            if self.eat('*') {
                total *= self.atom()?;
            } else if self.eat('/') {
                total /= self.atom()?;
            } else {
                return Some(total);
            }
        }
    }

    fn atom(&mut self) -> Option<f64> {
        if self.eat('(') {
            let inner = self.sum()?;
            return self.eat(')').then_some(inner);
        }
        let end = self
            .rest
            .find(|one: char| !one.is_ascii_alphanumeric() && one != '.');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if let Ok(number) = word.parse() {
            return Some(number);
        }
        match word {
            "DBInstanceClassMemory" => return Some(f64::from(self.class.memory_mib) * 1_048_576.0),
            "DBInstanceVCPU" => return Some(f64::from(self.class.virtual_cpus)),
            "EndPointPort" => return Some(f64::from(self.port)),
            _ => {}
        }
        let mut arguments = Vec::new();
        if !self.eat('(') {
            return None;
        }
        loop {
            arguments.push(self.sum()?);
            if self.eat(')') {
                break;
            }
            if !self.eat(',') {
                return None;
            }
        }
        match word {
            "GREATEST" => arguments.into_iter().reduce(f64::max),
            "LEAST" => arguments.into_iter().reduce(f64::min),
            "SUM" => Some(arguments.into_iter().sum()),
            "log" => arguments.first().map(|value| value.log2()),
            _ => None,
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::class;
    use super::*;

    #[test]
    fn formulas_follow_the_class() {
        let check = |formula: &str, class: &str| {
            worked_out(formula, class::find(class).expect(class), 5432)
        };
        for (formula, class, expected) in [
            (
                "LEAST({DBInstanceClassMemory/9531392},5000)",
                "db.t4g.micro",
                Some("112"),
            ),
            (
                "LEAST({DBInstanceClassMemory/9531392},5000)",
                "db.r6g.16xlarge",
                Some("5000"),
            ),
            (
                "{DBInstanceClassMemory/32768}",
                "db.t4g.micro",
                Some("32768"),
            ),
            (
                "GREATEST({DBInstanceClassMemory*1024/63963136},65536)",
                "db.t4g.micro",
                Some("65536"),
            ),
            (
                "{DBInstanceClassMemory*3/4/8192}",
                "db.t4g.micro",
                Some("98304"),
            ),
            ("{EndPointPort}", "db.t4g.micro", Some("5432")),
            ("100", "db.t4g.micro", Some("100")),
            ("{Nothing}", "db.t4g.micro", None),
            ("{DBInstanceClassMemory/}", "db.t4g.micro", None),
        ] {
            assert_eq!(check(formula, class).as_deref(), expected, "{formula}");
        }
    }

    #[test]
    fn every_default_is_allowed_and_can_be_worked_out() {
        let class = class::find("db.t4g.micro").expect("it is one");
        for parameter in all() {
            let Some(default) = parameter.default else {
                continue;
            };
            assert!(!parameter.refuses(default), "{}", parameter.name);
            assert!(
                worked_out(default, class, 5432).is_some(),
                "{}",
                parameter.name
            );
        }
    }

    #[test]
    fn values_outside_what_is_allowed_are_refused() {
        for (name, value, refused) in [
            ("log_statement", "ddl", false),
            ("log_statement", "some", true),
            ("max_connections", "5", true),
            ("max_connections", "100", false),
            ("log_min_duration_statement", "-1", false),
            ("random_page_cost", "1.1", false),
            ("random_page_cost", "cheap", true),
            (
                "shared_preload_libraries",
                "pg_stat_statements,auto_explain",
                false,
            ),
            ("shared_preload_libraries", "pg_stat_statements,mine", true),
            ("rds.force_ssl", "1", false),
            ("rds.force_ssl", "yes", true),
        ] {
            let parameter = find(name).expect(name);
            assert_eq!(parameter.refuses(value), refused, "{name}={value}");
        }
    }
}
