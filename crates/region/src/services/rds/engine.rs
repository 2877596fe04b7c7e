//! The engine: which versions there are, and on what.

use wire::Error;
use wire::rds as api;

use super::common::{fits, piece};
use super::error::{invalid_combination, invalid_value};
use super::{class, option_group};
use crate::{Context, Region};

pub(super) const ENGINE: &str = "postgres";

/// Minor versions of each major one, first and last.
const MINORS: &[(u32, u32, u32)] = &[
    (13, 7, 22),
    (14, 3, 19),
    (15, 2, 18),
    (16, 1, 12),
    (17, 1, 8),
    (18, 1, 2),
];

/// `postgres15`
pub(super) fn family(major: u32) -> String {
    format!("{ENGINE}{major}")
}

pub(super) fn major_of_family(family: &str) -> u32 {
    family
        .strip_prefix(ENGINE)
        .and_then(|rest| rest.parse().ok())
        .unwrap_or_default()
}

pub(super) fn major(version: &str) -> u32 {
    version
        .split('.')
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// Every version on offer, oldest first.
fn versions(context: &Context) -> Vec<String> {
    let mut majors = context.settings.postgres_versions.clone();
    majors.sort_unstable();
    majors.dedup();
    majors.into_iter().flat_map(versions_of).collect()
}

fn versions_of(major: u32) -> Vec<String> {
    match MINORS.iter().find(|one| one.0 == major) {
        Some((_, first, last)) => (*first..=*last)
            .map(|minor| format!("{major}.{minor}"))
            .collect(),
        None => vec![format!("{major}.1")],
    }
}

/// A version as it was asked for: the full one, and whether its minor part was named.
pub(super) fn resolved(context: &Context, asked: Option<&str>) -> Result<(String, bool), Error> {
    let all = versions(context);
    let Some(asked) = asked.filter(|text| !text.is_empty()) else {
        let newest = all.last().ok_or_else(no_postgres)?;
        return Ok((newest.clone(), false));
    };
    if asked.contains('.') {
        if all.iter().any(|one| one == asked) {
            return Ok((asked.to_owned(), true));
        }
    } else if let Some(newest) = all.iter().rev().find(|one| major(one).to_string() == asked) {
        return Ok((newest.clone(), false));
    }
    if all.is_empty() {
        return Err(no_postgres());
    }
    Err(invalid_combination(format!(
        "Cannot find version {asked} for {ENGINE}"
    )))
}

fn no_postgres() -> Error {
    invalid_combination(
        "Cannot find version for postgres: no PostgreSQL is installed where this region runs. Install the package postgresql and start the region again.",
    )
}

/// Which engines there are; others are named.
pub(super) fn checked(engine: &str) -> Result<(), Error> {
    match engine {
        ENGINE => Ok(()),
        "aurora-postgresql" | "aurora-mysql" => Err(Error::new(
            "NotImplemented",
            501,
            format!("Terrella has no Aurora clusters yet: {engine}"),
        )),
        _ => Err(invalid_value(format!(
            "Invalid DB engine: {engine}. Terrella has {ENGINE} only."
        ))),
    }
}

pub(super) fn describe_db_engine_versions(
    _: &Region,
    context: &Context,
    input: api::DescribeDBEngineVersionsMessage,
) -> Result<api::DBEngineVersionMessage, Error> {
    let wanted = |version: &String| {
        input
            .engine
            .as_deref()
            .is_none_or(|engine| engine == ENGINE)
            && input
                .engine_version
                .as_deref()
                .is_none_or(|asked| version == asked || major(version).to_string() == asked)
            && input
                .db_parameter_group_family
                .as_deref()
                .is_none_or(|wanted| family(major(version)) == wanted)
    };
    let mut found: Vec<String> = versions(context).into_iter().filter(wanted).collect();
    if input.default_only == Some(true) {
        let newest = found.pop();
        found = newest.into_iter().collect();
    }
    let mut kept = Vec::new();
    for version in found {
        let has = |name: &str| match name {
            "engine" => Some(vec![ENGINE.to_owned()]),
            "engine-version" => Some(vec![version.clone()]),
            "db-parameter-group-family" => Some(vec![family(major(&version))]),
            "engine-mode" => Some(vec!["provisioned".to_owned()]),
            "status" => Some(vec!["available".to_owned()]),
            _ => None,
        };
        if fits(input.filters.as_deref(), has)? {
            kept.push(version);
        }
    }
    let order = |version: &String| {
        let minor: u32 = version
            .split('.')
            .nth(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        format!("{:04}.{minor:04}", major(version))
    };
    let piece = piece(kept, order, input.marker.as_deref(), input.max_records)?;
    let all = versions(context);
    Ok(api::DBEngineVersionMessage {
        db_engine_versions: Some(
            piece
                .items
                .iter()
                .map(|version| shown(&all, version))
                .collect(),
        ),
        marker: piece.next,
    })
}

fn shown(all: &[String], version: &str) -> api::DBEngineVersion {
    let later = all.iter().skip_while(|one| *one != version).skip(1);
    let target = |target: &String| api::UpgradeTarget {
        auto_upgrade: Some(false),
        description: Some(format!("PostgreSQL {target}-R1")),
        engine: Some(ENGINE.to_owned()),
        engine_version: Some(target.clone()),
        is_major_version_upgrade: Some(major(target) != major(version)),
        ..api::UpgradeTarget::default()
    };
    api::DBEngineVersion {
        db_engine_description: Some("PostgreSQL".to_owned()),
        db_engine_version_description: Some(format!("PostgreSQL {version}-R1")),
        db_parameter_group_family: Some(family(major(version))),
        engine: Some(ENGINE.to_owned()),
        engine_version: Some(version.to_owned()),
        exportable_log_types: Some(vec!["postgresql".to_owned(), "upgrade".to_owned()]),
        major_engine_version: Some(major(version).to_string()),
        status: Some("available".to_owned()),
        supported_ca_certificate_identifiers: Some(vec!["rds-ca-rsa2048-g1".to_owned()]),
        supports_log_exports_to_cloudwatch_logs: Some(true),
        supports_read_replica: Some(true),
        valid_upgrade_target: Some(later.map(target).collect()),
        ..api::DBEngineVersion::default()
    }
}

pub(super) fn describe_db_major_engine_versions(
    _: &Region,
    context: &Context,
    input: api::DescribeDBMajorEngineVersionsRequest,
) -> Result<api::DescribeDBMajorEngineVersionsResponse, Error> {
    let wanted = input
        .engine
        .as_deref()
        .is_none_or(|engine| engine == ENGINE);
    let majors = context.settings.postgres_versions.iter().filter(|major| {
        wanted
            && input
                .major_engine_version
                .as_ref()
                .is_none_or(|one| *one == major.to_string())
    });
    let one = |major: &u32| api::DBMajorEngineVersion {
        engine: Some(ENGINE.to_owned()),
        major_engine_version: Some(major.to_string()),
        supported_engine_lifecycles: None,
    };
    Ok(api::DescribeDBMajorEngineVersionsResponse {
        db_major_engine_versions: Some(majors.map(one).collect()),
        marker: None,
    })
}

pub(super) fn describe_orderable_db_instance_options(
    _: &Region,
    context: &Context,
    input: api::DescribeOrderableDBInstanceOptionsMessage,
) -> Result<api::OrderableDBInstanceOptionsMessage, Error> {
    checked(&input.engine)?;
    let wanted = |version: &String| {
        input
            .engine_version
            .as_deref()
            .is_none_or(|asked| version == asked || major(version).to_string() == asked)
    };
    let versions: Vec<String> = versions(context).into_iter().filter(wanted).collect();
    let mut options = Vec::new();
    for class in class::all().filter(|one| {
        input
            .db_instance_class
            .as_ref()
            .is_none_or(|class| class == one)
    }) {
        for version in &versions {
            for storage in ["gp2", "gp3", "io1"] {
                options.push((class.clone(), version.clone(), storage));
            }
        }
    }
    options.sort();
    let key =
        |(class, version, storage): &(String, String, &str)| format!("{class} {version} {storage}");
    options.sort_by_key(key);
    let piece = piece(options, key, input.marker.as_deref(), input.max_records)?;
    let zones: Vec<api::AvailabilityZone> = context
        .settings
        .zone_names()
        .map(|name| api::AvailabilityZone { name: Some(name) })
        .collect();
    let shown = |(class, version, storage): (String, String, &str)| {
        let iops = storage != "gp2";
        api::OrderableDBInstanceOption {
            availability_zones: Some(zones.clone()),
            db_instance_class: Some(class),
            engine: Some(ENGINE.to_owned()),
            engine_version: Some(version),
            license_model: Some(option_group::LICENSE.to_owned()),
            max_storage_size: Some(65_536),
            min_storage_size: Some(if storage == "io1" { 100 } else { 20 }),
            multi_az_capable: Some(true),
            outpost_capable: Some(false),
            read_replica_capable: Some(true),
            storage_type: Some(storage.to_owned()),
            supported_engine_modes: Some(vec!["provisioned".to_owned()]),
            supported_network_types: Some(vec!["IPV4".to_owned()]),
            supports_clusters: Some(false),
            supports_iam_database_authentication: Some(false),
            supports_iops: Some(iops),
            supports_storage_autoscaling: Some(false),
            supports_storage_encryption: Some(true),
            vpc: Some(true),
            ..api::OrderableDBInstanceOption::default()
        }
    };
    Ok(api::OrderableDBInstanceOptionsMessage {
        marker: piece.next,
        orderable_db_instance_options: Some(piece.items.into_iter().map(shown).collect()),
    })
}
