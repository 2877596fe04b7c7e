//! The running of instances: what their servers are told, what the world says of them, and how
//! one status follows another. Driven by events and time alone, so it may be run again at any
//! moment.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::rds as api;
use world::database::{Database, Role, Secret};
use world::event::{DatabasePhase, DatabaseStatus};
use world::{Action, ActionKind, DatabaseId, World};

use super::describe::shown;
use super::{available, change, get, modify};
use crate::services::ec2;
use crate::services::rds::class::{self, Class};
use crate::services::rds::error::{invalid_combination, invalid_instance_state};
use crate::services::rds::state::{
    Act, ActKind, Instance, Observed, Origin, Pending, SnapshotKind, SnapshotStatus, Status,
};
use crate::services::rds::{engine, event, parameter, parameter_group, password, snapshot};
use crate::services::secretsmanager::managed;
use crate::{Context, Region};

/// How long a change that is done at once still shows. Long enough to be seen, far shorter than
/// any client waits between two looks.
pub(in crate::services::rds) const MOMENT: SignedDuration = SignedDuration::from_secs(2);
/// A first backup that takes longer than this goes on behind an instance that is available.
const LONGEST_BACKUP: SignedDuration = SignedDuration::from_secs(15);
const STOPPED_AT_MOST: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(in crate::services::rds) fn reboot_db_instance(
    region: &mut Region,
    context: &Context,
    input: api::RebootDBInstanceMessage,
) -> Result<api::RebootDBInstanceResult, Error> {
    let instance = available(region, &input.db_instance_identifier)?.clone();
    let kind = if input.force_failover == Some(true) {
        if instance.standby.is_none() {
            return Err(invalid_combination(
                "ForceFailover cannot be specified since the instance is not configured for MultiAZ.",
            ));
        }
        event::of_instance(
            region,
            context,
            &instance,
            "failover",
            "Multi-AZ instance failover started.",
        );
        ActKind::FailOver
    } else {
        ActKind::Restart
    };
    act(region, context, &instance.resource_id, kind);
    change(region, &instance.resource_id, |row| {
        row.status = Status::Rebooting;
    });
    let instance = get(region, &input.db_instance_identifier)?;
    Ok(api::RebootDBInstanceResult {
        db_instance: Some(shown(region, instance)),
    })
}

pub(in crate::services::rds) fn stop_db_instance(
    region: &mut Region,
    context: &Context,
    input: api::StopDBInstanceMessage,
) -> Result<api::StopDBInstanceResult, Error> {
    let instance = available(region, &input.db_instance_identifier)?.clone();
    if instance.replica_of.is_some()
        || super::followers(region, &instance.resource_id)
            .next()
            .is_some()
    {
        return Err(invalid_combination(
            "Cannot stop or start a read replica instance, or an instance that has read replicas.",
        ));
    }
    if let Some(name) = input.db_snapshot_identifier {
        let name = snapshot::free_name(region, &name)?;
        snapshot::take(
            region,
            context,
            &instance,
            name,
            SnapshotKind::Manual,
            crate::Tags::new(),
        );
    }
    change(region, &instance.resource_id, |row| {
        row.status = Status::Stopping;
        row.changed_at = context.now;
    });
    let instance = get(region, &input.db_instance_identifier)?;
    Ok(api::StopDBInstanceResult {
        db_instance: Some(shown(region, instance)),
    })
}

pub(in crate::services::rds) fn start_db_instance(
    region: &mut Region,
    _: &Context,
    input: api::StartDBInstanceMessage,
) -> Result<api::StartDBInstanceResult, Error> {
    let instance = get(region, &input.db_instance_identifier)?;
    if !matches!(instance.status, Status::Stopped { .. }) {
        return Err(invalid_instance_state(format!(
            "Instance {} is not stopped.",
            instance.name
        )));
    }
    let id = instance.resource_id.clone();
    change(region, &id, |row| row.status = Status::Starting);
    let instance = get(region, &input.db_instance_identifier)?;
    Ok(api::StartDBInstanceResult {
        db_instance: Some(shown(region, instance)),
    })
}

/// Asks the world to do something once.
pub(in crate::services::rds) fn act(
    region: &mut Region,
    context: &Context,
    id: &str,
    kind: ActKind,
) {
    let act = Act {
        id: format!("{id}/{}", context.uuid()),
        kind,
    };
    change(region, id, |row| row.act = Some(act));
}

/// Takes an automated backup; the instance shows it while it lasts.
pub(in crate::services::rds) fn back_up(region: &mut Region, context: &Context, id: &str) {
    let Some(row) = region.rds.instances.get(id).cloned() else {
        return;
    };
    let day = context.now.strftime("%Y-%m-%d-%H-%M").to_string();
    let name = format!("rds:{}-{day}", row.name);
    if !region.rds.snapshots.contains(&name) {
        snapshot::take(
            region,
            context,
            &row,
            name,
            SnapshotKind::Automated,
            row.tags.clone(),
        );
    }
    event::of_instance(region, context, &row, "backup", "Backing up DB instance");
    change(region, id, |row| {
        row.status = Status::BackingUp {
            until: context.now + LONGEST_BACKUP,
        }
    });
}

fn class_of(instance: &Instance) -> Class {
    // Only classes that are known come in.
    class::find(&instance.settings.class).unwrap_or(Class {
        virtual_cpus: 1,
        memory_mib: 1024,
    })
}

/// What the instance's group says now, worked out for its class, with whether it has to wait for
/// a reboot. Only what was set, and what RDS sets for clients to feel.
fn wanted(region: &Region, instance: &Instance) -> BTreeMap<String, (String, bool)> {
    let class = class_of(instance);
    let mut wanted = BTreeMap::new();
    let connections = parameter::find("max_connections").and_then(|one| one.default);
    if let Some(value) =
        connections.and_then(|text| parameter::worked_out(text, class, instance.settings.port))
    {
        wanted.insert("max_connections".to_owned(), (value, true));
    }
    if let Ok(group) = parameter_group::get(region, &instance.settings.parameter_group) {
        for (name, set) in &group.values {
            let waits =
                set.pending_reboot || parameter::find(name).is_some_and(|one| one.is_static);
            if let Some(value) = parameter::worked_out(&set.value, class, instance.settings.port) {
                wanted.insert(name.clone(), (value, waits));
            }
        }
    }
    wanted
}

/// Whether something waits for a reboot.
pub(in crate::services::rds) fn reboot_is_due(region: &Region, instance: &Instance) -> bool {
    let wanted = wanted(region, instance);
    let changed = |(name, (value, waits)): (&String, &(String, bool))| {
        *waits && instance.loaded_parameters.get(name) != Some(value)
    };
    let dropped = |name: &String| {
        !wanted.contains_key(name) && parameter::find(name).is_some_and(|one| one.is_static)
    };
    wanted.iter().any(changed) || instance.loaded_parameters.keys().any(dropped)
}

/// Takes note that the server has read all parameters anew.
pub(in crate::services::rds) fn parameters_loaded(region: &mut Region, id: &str) {
    let Some(row) = region.rds.instances.get(id) else {
        return;
    };
    let loaded: BTreeMap<String, String> = wanted(region, row)
        .into_iter()
        .map(|(name, (value, _))| (name, value))
        .collect();
    if row.loaded_parameters != loaded {
        change(region, id, |row| row.loaded_parameters = loaded);
    }
}

/// Takes note of dynamic parameters that are in force at once: one of them that is to wait for a
/// reboot later keeps its value until then.
fn take_dynamic(region: &mut Region, instance: &Instance) {
    let wanted = wanted(region, instance);
    let mut loaded = instance.loaded_parameters.clone();
    loaded.retain(|name, _| {
        wanted.contains_key(name) || parameter::find(name).is_some_and(|one| one.is_static)
    });
    for (name, (value, waits)) in wanted {
        if !waits {
            loaded.insert(name, value);
        }
    }
    if loaded != instance.loaded_parameters {
        change(region, &instance.resource_id, |row| {
            row.loaded_parameters = loaded;
        });
    }
}

/// The parameters as PostgreSQL knows them. What waits for a reboot is told too where the server
/// itself keeps it waiting; a dynamic one that shall wait is held back here.
fn told(region: &Region, instance: &Instance) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for (name, (value, waits)) in wanted(region, instance) {
        let is_static = parameter::find(&name).is_some_and(|one| one.is_static);
        let value = if waits && !is_static {
            match instance.loaded_parameters.get(&name) {
                Some(loaded) => loaded.clone(),
                None => continue,
            }
        } else {
            value
        };
        match name.strip_prefix("rds.") {
            None => {
                told.insert(name, value);
            }
            Some("logical_replication") if value == "1" => {
                told.insert("wal_level".to_owned(), "logical".to_owned());
            }
            // The others steer RDS, not the server.
            Some(_) => {}
        }
    }
    told
}

/// Whether RDS lets nobody in without TLS: it does from PostgreSQL 15 on, unless told otherwise.
fn tls_only(region: &Region, instance: &Instance) -> bool {
    const NAME: &str = "rds.force_ssl";
    let set = wanted(region, instance).remove(NAME);
    let value = match set {
        // A change that shall wait is not felt before the reboot.
        Some((_, true)) => instance.loaded_parameters.get(NAME).cloned(),
        Some((value, false)) => Some(value),
        None => None,
    };
    let major = engine::major(&instance.settings.engine_version);
    let default = || parameter::find(NAME)?.default_for(major).map(str::to_owned);
    value.or_else(default).as_deref() == Some("1")
}

pub(in crate::services::rds) fn desire(region: &Region, world: &mut World) {
    for one in region.rds.instances.values() {
        let Some(password) = password::opened(region, one) else {
            continue;
        };
        let class = class_of(one);
        let endpoint = one.endpoint(region);
        let id = DatabaseId::new(&one.resource_id);
        let gib = u32::try_from(one.settings.allocated_storage).unwrap_or(u32::MAX);
        world.databases.insert(
            id.clone(),
            Database {
                id,
                vpc: one.vpc.as_str().into(),
                major_version: engine::major(&one.settings.engine_version),
                port: one.settings.port,
                names: vec![endpoint.clone()],
                role: match &one.replica_of {
                    Some(source) => Role::Replica {
                        of: DatabaseId::new(source),
                    },
                    None => Role::Writer,
                },
                interface: one.place.interface.clone(),
                standby: one.standby.as_ref().map(|place| place.interface.clone()),
                master_username: one.master_username.clone(),
                master_password: Secret::new(password),
                database_name: one.database_name.clone(),
                tls_only: tls_only(region, one),
                parameters: told(region, one),
                allocated_gib: gib,
                memory_mib: class.memory_mib,
                cpu_units: class.virtual_cpus * 1024,
                stopped: matches!(one.status, Status::Stopping | Status::Stopped { .. }),
                origin: match &one.origin {
                    Origin::Empty => world::database::Origin::Empty,
                    Origin::Source => world::database::Origin::Source,
                    Origin::Snapshot { id } => world::database::Origin::Snapshot(id.clone()),
                },
            },
        );
        if one.status != Status::Creating
            && let Ok(interface) = ec2::interface::get(region, one.active_interface())
        {
            world
                .internet
                .names
                .insert(endpoint, vec![interface.address]);
        }
    }
}

/// An instance that comes up or goes down.
pub(in crate::services::rds) fn awaits(region: &Region) -> Option<String> {
    let mut all = region.rds.instances.values();
    all.find_map(|one| match one.status {
        Status::Creating | Status::Rebooting | Status::Stopping | Status::Starting => {
            Some(format!("database {} is {}", one.name, one.status.name()))
        }
        _ => None,
    })
}

pub(in crate::services::rds) fn actions(region: &Region, actions: &mut Vec<Action>) {
    for one in region.rds.instances.values() {
        if let Some(act) = &one.act {
            let database = DatabaseId::new(&one.resource_id);
            actions.push(Action {
                id: act.id.clone(),
                kind: match act.kind {
                    ActKind::Restart => ActionKind::RestartDatabase(database),
                    ActKind::FailOver => ActionKind::FailOverDatabase(database),
                },
            });
        }
    }
}

/// What the world says of a server.
pub(in crate::services::rds) fn heard(region: &mut Region, status: &DatabaseStatus) {
    let id = status.database.as_str();
    let Some(row) = region.rds.instances.get(id) else {
        return;
    };
    let observed = Observed {
        available: status.phase == DatabasePhase::Available,
        stopped: status.phase == DatabasePhase::Stopped,
        failure: match &status.phase {
            DatabasePhase::Failed { reason } => Some(reason.clone()),
            _ => None,
        },
        version: status
            .version
            .clone()
            .or_else(|| row.observed.version.clone()),
        active_interface: status.active_interface.clone(),
        local: status.local.clone().or_else(|| row.observed.local.clone()),
    };
    if row.observed != observed {
        change(region, id, |row| row.observed = observed);
    }
}

/// The world has done what it was asked for.
pub(in crate::services::rds) fn acted(
    region: &mut Region,
    context: &Context,
    act: &str,
    failure: Option<&str>,
) {
    let asked = |one: &&Instance| one.act.as_ref().is_some_and(|one| one.id == act);
    let Some(row) = region.rds.instances.values().find(asked).cloned() else {
        return;
    };
    change(region, &row.resource_id, |row| row.act = None);
    let failed_over = row
        .act
        .as_ref()
        .is_some_and(|act| act.kind == ActKind::FailOver);
    let (category, message) = match (failure, failed_over) {
        (Some(reason), _) => (
            "failure",
            format!("The restart of the DB instance failed: {reason}"),
        ),
        (None, true) => (
            "failover",
            "Multi-AZ instance failover completed".to_owned(),
        ),
        (None, false) => ("availability", "DB instance restarted".to_owned()),
    };
    event::of_instance(region, context, &row, category, &message);
    if failure.is_none() {
        parameters_loaded(region, &row.resource_id);
    }
}

pub(in crate::services::rds) fn reconcile(region: &mut Region, context: &Context) {
    let ids: Vec<String> = region.rds.instances.keys().cloned().collect();
    for id in ids {
        step(region, context, &id);
    }
}

fn step(region: &mut Region, context: &Context, id: &str) {
    let Some(row) = region.rds.instances.get(id).cloned() else {
        return;
    };
    take_version(region, &row);
    take_dynamic(region, &row);
    let now = context.now;
    let ready = row.observed.available && row.act.is_none();
    let next = match &row.status {
        Status::Creating if row.observed.failure.is_some() => {
            let reason = row.observed.failure.clone().unwrap_or_default();
            event::of_instance(
                region,
                context,
                &row,
                "failure",
                &format!("DB instance could not be created: {reason}"),
            );
            Some(Status::Failed)
        }
        Status::Creating if ready => {
            if row.settings.backup_retention > 0 && row.replica_of.is_none() {
                back_up(region, context, id);
                return;
            }
            Some(Status::Available)
        }
        Status::BackingUp { until } => {
            let busy = snapshot::busy(region, id, SnapshotKind::Automated);
            if !busy {
                event::of_instance(
                    region,
                    context,
                    &row,
                    "backup",
                    "Finished DB Instance backup",
                );
            }
            (!busy || *until <= now).then_some(Status::Available)
        }
        Status::Modifying { until } | Status::ResettingMasterCredentials { until }
            if ready && *until <= now =>
        {
            Some(Status::Available)
        }
        Status::Rebooting if row.act.is_none() && (ready || row.observed.failure.is_some()) => {
            Some(if ready {
                Status::Available
            } else {
                Status::Failed
            })
        }
        Status::Stopping if row.observed.stopped => {
            event::of_instance(region, context, &row, "notification", "DB instance stopped");
            Some(Status::Stopped {
                restart_at: now + STOPPED_AT_MOST,
            })
        }
        Status::Stopped { restart_at } if *restart_at <= now => Some(Status::Starting),
        Status::Starting if ready => {
            event::of_instance(region, context, &row, "notification", "DB instance started");
            Some(Status::Available)
        }
        Status::Failed if ready => Some(Status::Available),
        Status::Deleting {
            until,
            last_snapshot,
        } if *until <= now => {
            end(region, context, &row, last_snapshot.as_deref());
            return;
        }
        Status::Available => {
            maintain(region, context, &row);
            None
        }
        _ => None,
    };
    if let Some(next) = next {
        change(region, id, |row| {
            row.status = next;
            row.pending.password = false;
        });
    }
}

/// Without a minor version asked for, the server's own is the instance's.
fn take_version(region: &mut Region, row: &Instance) {
    if let Some(version) = &row.observed.version
        && !row.settings.exact_version
        && row.settings.engine_version != *version
        && engine::major(version) == engine::major(&row.settings.engine_version)
    {
        change(region, &row.resource_id, |row| {
            row.settings.engine_version.clone_from(version);
        });
    }
}

/// Removes an instance once its last snapshot is taken. If that failed, the instance stays.
fn end(region: &mut Region, context: &Context, row: &Instance, last_snapshot: Option<&str>) {
    let taken = last_snapshot
        .and_then(|name| region.rds.snapshots.get(name))
        .map(|one| one.status.clone());
    match taken {
        Some(SnapshotStatus::Creating) => return,
        Some(SnapshotStatus::Failed) => {
            event::of_instance(
                region,
                context,
                row,
                "failure",
                "The final snapshot failed: the DB instance is not deleted",
            );
            change(region, &row.resource_id, |row| {
                row.status = Status::Available;
            });
            return;
        }
        _ => {}
    }
    password::unmanage(region, &row.resource_id);
    region.rds.instances.remove(&row.resource_id);
    for place in std::iter::once(&row.place).chain(row.standby.as_ref()) {
        ec2::interface::delete(region, &place.interface);
    }
}

/// What an available instance has to have done by itself.
fn maintain(region: &mut Region, context: &Context, row: &Instance) {
    let id = &row.resource_id;
    if waits(row) {
        // What was valid when it was asked for can be refused by now; then it is let go.
        if window(row, context.now).is_some_and(|start| start <= context.now) {
            if let Err(error) = modify::apply(region, context, id) {
                change(region, id, |row| row.pending = Pending::default());
                let text = format!("A pending modification failed: {}", error.message);
                event::of_instance(region, context, row, "failure", &text);
            }
        } else if window(row, row.changed_at).is_some_and(|start| start <= context.now) {
            // The window went by while the instance was busy: the next one counts.
            change(region, id, |row| row.changed_at = context.now);
        }
    }
    let Some(secret) = &row.secret else {
        return;
    };
    if managed::due(region, &secret.arn).is_none_or(|at| at > context.now) {
        return;
    }
    let (category, text) = match password::rotate(region, context, id) {
        Ok(()) => (
            "configuration change",
            "Reset master credentials".to_owned(),
        ),
        Err(error) => {
            managed::postpone(region, context, &secret.arn);
            let text = format!(
                "The master password could not be rotated: {}",
                error.message
            );
            ("failure", text)
        }
    };
    event::of_instance(region, context, row, category, &text);
}

fn waits(row: &Instance) -> bool {
    Pending {
        password: false,
        ..row.pending.clone()
    } != Pending::default()
}

/// The start of the maintenance window that is open now, or else of the next one.
fn window(row: &Instance, now: Timestamp) -> Option<Timestamp> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    const WEEK: i64 = 7 * 24 * 60;
    let minute = |text: &str| -> Option<i64> {
        let mut parts = text.split(':');
        let day = DAYS.iter().position(|day| Some(*day) == parts.next())?;
        let hour: i64 = parts.next()?.parse().ok()?;
        let minute: i64 = parts.next()?.parse().ok()?;
        Some(i64::try_from(day).ok()? * 24 * 60 + hour * 60 + minute)
    };
    let (start, end) = row.settings.maintenance_window.split_once('-')?;
    let (start, end) = (minute(start)?, minute(end)?);
    // The first of January 1970 was a Thursday.
    let in_week = (now.as_second().div_euclid(60) + 3 * 24 * 60).rem_euclid(WEEK);
    let length = (end - start).rem_euclid(WEEK);
    let since = (in_week - start).rem_euclid(WEEK);
    let minutes = if since < length { -since } else { WEEK - since };
    let whole = now.as_second().div_euclid(60) * 60;
    Timestamp::from_second(whole + minutes * 60).ok()
}

pub(in crate::services::rds) fn deadline(region: &Region) -> Option<Timestamp> {
    let rows = region.rds.instances.values();
    rows.filter_map(|row| match &row.status {
        Status::BackingUp { until } => Some(*until),
        Status::Modifying { until } | Status::ResettingMasterCredentials { until }
            if row.observed.available && row.act.is_none() =>
        {
            Some(*until)
        }
        Status::Deleting {
            until,
            last_snapshot,
        } => {
            let taken = last_snapshot
                .as_ref()
                .and_then(|name| region.rds.snapshots.get(name));
            taken
                .is_none_or(|one| one.status != SnapshotStatus::Creating)
                .then_some(*until)
        }
        Status::Stopped { restart_at } => Some(*restart_at),
        Status::Available => {
            let secret = row
                .secret
                .as_ref()
                .and_then(|secret| managed::due(region, &secret.arn));
            let pending = waits(row).then(|| window(row, row.changed_at)).flatten();
            secret.into_iter().chain(pending).min()
        }
        _ => None,
    })
    .min()
}
