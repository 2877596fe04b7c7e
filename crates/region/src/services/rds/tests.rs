//! RDS as its callers see it, with a world played by hand.

use jiff::SignedDuration;
use wire::rds as api;
use wire::rds::op;
use wire::{ec2, secretsmanager};
use world::database::Role;
use world::event::{DatabasePhase, DatabaseStatus, SnapshotFacts};
use world::{ActionKind, Event};

use crate::testing::Bench;

const GROUP: &str = "main";

/// A region with a VPC of three zones and a subnet group over them.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let vpc = ec2::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".into()),
        ..Default::default()
    };
    let vpc = bench
        .call::<ec2::op::CreateVpc>("ec2", vpc)
        .expect("it is made")
        .vpc
        .expect("it is told");
    let vpc = vpc.vpc_id.expect("it has an id");
    let mut subnets = Vec::new();
    for (at, zone) in ["a", "b", "c"].iter().enumerate() {
        let subnet = ec2::CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some(format!("10.0.{at}.0/24")),
            availability_zone: Some(format!("eu-central-1{zone}")),
            ..Default::default()
        };
        let made = bench
            .call::<ec2::op::CreateSubnet>("ec2", subnet)
            .expect("it is made")
            .subnet;
        subnets.push(made.and_then(|one| one.subnet_id).expect("it has an id"));
    }
    let group = api::CreateDBSubnetGroupMessage {
        db_subnet_group_name: GROUP.into(),
        db_subnet_group_description: "d".into(),
        subnet_ids: subnets,
        tags: None,
    };
    bench
        .call::<op::CreateDBSubnetGroup>("rds", group)
        .expect("it is made");
    bench
}

fn request(name: &str) -> api::CreateDBInstanceMessage {
    api::CreateDBInstanceMessage {
        db_instance_identifier: name.into(),
        db_instance_class: "db.t4g.micro".into(),
        engine: "postgres".into(),
        engine_version: Some("15".into()),
        master_username: Some("links".into()),
        master_user_password: Some("correct-horse".into()),
        allocated_storage: Some(20),
        db_name: Some("links".into()),
        db_subnet_group_name: Some(GROUP.into()),
        backup_retention_period: Some(0),
        ..Default::default()
    }
}

fn create(bench: &mut Bench, input: api::CreateDBInstanceMessage) -> api::DBInstance {
    let answer = bench
        .call::<op::CreateDBInstance>("rds", input)
        .expect("it is made");
    answer.db_instance.expect("it is told")
}

fn describe(bench: &mut Bench, name: &str) -> api::DBInstance {
    let input = api::DescribeDBInstancesMessage {
        db_instance_identifier: Some(name.into()),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeDBInstances>("rds", input)
        .expect("it is there");
    answer.db_instances.expect("a list").swap_remove(0)
}

fn status(bench: &mut Bench, name: &str) -> String {
    describe(bench, name)
        .db_instance_status
        .expect("it is told")
}

fn say(bench: &mut Bench, name: &str, phase: DatabasePhase) {
    let id = describe(bench, name).dbi_resource_id.expect("it has one");
    bench.observe(&Event::Database(DatabaseStatus {
        database: id.into(),
        phase,
        version: Some("15.18".into()),
        active_interface: None,
        pending_restart: Vec::new(),
        refused: Vec::new(),
        local: None,
    }));
}

/// Answers every act that is asked for.
fn play(bench: &mut Bench) -> Vec<ActionKind> {
    let actions = bench.actions();
    for action in &actions {
        let snapshot = match &action.kind {
            ActionKind::TakeSnapshot { snapshot, .. } => Some(SnapshotFacts {
                snapshot: snapshot.clone(),
                bytes: 1,
                engine_version: "15.18".into(),
            }),
            _ => None,
        };
        bench.observe(&Event::ActionDone {
            id: action.id.clone(),
            failure: None,
            snapshot,
        });
    }
    actions.into_iter().map(|action| action.kind).collect()
}

fn running(bench: &mut Bench, input: api::CreateDBInstanceMessage) -> api::DBInstance {
    let name = input.db_instance_identifier.clone();
    create(bench, input);
    say(bench, &name, DatabasePhase::Available);
    play(bench);
    assert_eq!(status(bench, &name), "available");
    describe(bench, &name)
}

fn modify(bench: &mut Bench, input: api::ModifyDBInstanceMessage) -> api::DBInstance {
    let answer = bench
        .call::<op::ModifyDBInstance>("rds", input)
        .expect("it is changed");
    answer.db_instance.expect("it is told")
}

fn change(name: &str, now: bool) -> api::ModifyDBInstanceMessage {
    api::ModifyDBInstanceMessage {
        db_instance_identifier: name.into(),
        apply_immediately: Some(now),
        ..Default::default()
    }
}

#[test]
fn an_instance_is_told_as_the_provider_needs_it() {
    let mut bench = bench();
    let made = create(&mut bench, request("links"));
    assert_eq!(made.db_instance_status.as_deref(), Some("creating"));
    assert!(
        made.endpoint.is_none(),
        "there is no endpoint before there is a server"
    );
    say(&mut bench, "links", DatabasePhase::Available);
    bench.restart();
    let one = describe(&mut bench, "links");
    assert_eq!(one.db_instance_status.as_deref(), Some("available"));
    let id = one.dbi_resource_id.clone().expect("it has one");
    assert!(
        id.starts_with("db-")
            && id.len() == 29
            && id[3..]
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
        "{id}"
    );
    assert_eq!(
        one.db_instance_arn.as_deref(),
        Some("arn:aws:rds:eu-central-1:000000000000:db:links")
    );
    let endpoint = one
        .endpoint
        .expect("it has one")
        .address
        .expect("it is told");
    let parts: Vec<&str> = endpoint.split('.').collect();
    assert_eq!(
        (parts[0], parts[1].len(), &parts[2..]),
        (
            "links",
            12,
            &["eu-central-1", "rds", "amazonaws", "com"][..]
        )
    );
    assert_eq!(
        one.engine_version.as_deref(),
        Some("15.18"),
        "the server's own version"
    );
    assert_eq!(one.performance_insights_enabled, Some(false));
    assert_eq!(one.max_allocated_storage, None);
    assert_eq!(one.enabled_cloudwatch_logs_exports, None);
    assert_eq!(one.master_user_secret.map(|_| ()), None);
    assert_eq!(one.read_replica_source_db_instance_identifier, None);
    assert_eq!(one.db_cluster_identifier, None);
    let group = &one.db_parameter_groups.expect("a list")[0];
    assert_eq!(
        group.db_parameter_group_name.as_deref(),
        Some("default.postgres15")
    );
    assert_eq!(group.parameter_apply_status.as_deref(), Some("in-sync"));
    assert_eq!(
        one.vpc_security_groups.map(|all| all.len()),
        Some(1),
        "the VPC's default one"
    );

    let by_id = |value: &str| api::DescribeDBInstancesMessage {
        filters: Some(vec![api::Filter {
            name: "dbi-resource-id".into(),
            values: vec![value.into()],
        }]),
        ..Default::default()
    };
    let count = |bench: &mut Bench, value: &str| {
        let answer = bench
            .call::<op::DescribeDBInstances>("rds", by_id(value))
            .expect("it is a filter");
        answer.db_instances.expect("a list").len()
    };
    assert_eq!(count(&mut bench, &id), 1);
    assert_eq!(count(&mut bench, "db-NONE"), 0);
}

#[test]
fn the_world_is_told_what_to_run() {
    let mut bench = bench();
    let one = running(
        &mut bench,
        api::CreateDBInstanceMessage {
            multi_az: Some(true),
            ..request("links")
        },
    );
    let id = one.dbi_resource_id.expect("it has one");
    let world = bench.world();
    let database = &world.databases[&id.into()];
    assert_eq!(database.major_version, 15);
    assert_eq!(
        (
            database.memory_mib,
            database.cpu_units,
            database.allocated_gib
        ),
        (1024, 2048, 20)
    );
    assert_eq!(database.master_password.reveal(), "correct-horse");
    assert_eq!(database.role, Role::Writer);
    assert_eq!(
        database
            .parameters
            .get("max_connections")
            .map(String::as_str),
        Some("112")
    );
    let standby = database.standby.clone().expect("Multi-AZ has one");
    let vpc = &world.vpcs[&database.vpc];
    let zone = |interface| &vpc.subnets[&vpc.interfaces[interface].subnet].availability_zone;
    assert_ne!(zone(&database.interface), zone(&standby));
    assert_eq!(
        one.availability_zone.as_ref(),
        Some(zone(&database.interface))
    );
    assert_eq!(
        one.secondary_availability_zone.as_ref(),
        Some(zone(&standby))
    );
    let endpoint = one
        .endpoint
        .and_then(|one| one.address)
        .expect("it has one");
    assert_eq!(
        world.internet.names[&endpoint],
        [vpc.interfaces[&database.interface].address]
    );
    assert_eq!(database.names, std::slice::from_ref(&endpoint));

    // After a failover the name leads to the other side.
    let reboot = api::RebootDBInstanceMessage {
        db_instance_identifier: "links".into(),
        force_failover: Some(true),
    };
    bench
        .call::<op::RebootDBInstance>("rds", reboot)
        .expect("there is a standby");
    assert_eq!(status(&mut bench, "links"), "rebooting");
    let resource = database.id.clone();
    assert_eq!(
        play(&mut bench),
        [ActionKind::FailOverDatabase(resource.clone())]
    );
    bench.observe(&Event::Database(DatabaseStatus {
        database: resource,
        phase: DatabasePhase::Available,
        version: None,
        active_interface: Some(standby.clone()),
        pending_restart: Vec::new(),
        refused: Vec::new(),
        local: None,
    }));
    assert_eq!(status(&mut bench, "links"), "available");
    let world = bench.world();
    assert_eq!(
        world.internet.names[&endpoint],
        [vpc.interfaces[&standby].address]
    );
    let rows = format!("{:?}", bench.region.rds.instances);
    assert!(
        !rows.contains("correct-horse"),
        "passwords are stored sealed"
    );
}

#[test]
fn a_first_backup_is_taken_and_does_not_hold_the_instance_up() {
    let mut bench = bench();
    for (name, answered) in [("one", true), ("two", false)] {
        create(
            &mut bench,
            api::CreateDBInstanceMessage {
                backup_retention_period: Some(7),
                ..request(name)
            },
        );
        assert_eq!(status(&mut bench, name), "creating");
        say(&mut bench, name, DatabasePhase::Available);
        assert_eq!(status(&mut bench, name), "backing-up");
        if answered {
            assert!(matches!(
                play(&mut bench).as_slice(),
                [ActionKind::TakeSnapshot { .. }]
            ));
        } else {
            bench.pass(SignedDuration::from_secs(20));
        }
        assert_eq!(status(&mut bench, name), "available", "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let mut bench = bench();
    let base = || request("x");
    let cases: Vec<(api::CreateDBInstanceMessage, &str, &str)> = vec![
        (
            api::CreateDBInstanceMessage {
                engine: "mysql".into(),
                ..base()
            },
            "InvalidParameterValue",
            "Invalid DB engine: mysql",
        ),
        (
            api::CreateDBInstanceMessage {
                engine: "aurora-postgresql".into(),
                ..base()
            },
            "NotImplemented",
            "Terrella has no Aurora clusters yet",
        ),
        (
            api::CreateDBInstanceMessage {
                engine_version: Some("9.6".into()),
                ..base()
            },
            "InvalidParameterCombination",
            "Cannot find version 9.6 for postgres",
        ),
        (
            api::CreateDBInstanceMessage {
                db_instance_class: "db.huge".into(),
                ..base()
            },
            "InvalidParameterValue",
            "Invalid DB Instance class: db.huge",
        ),
        (
            api::CreateDBInstanceMessage {
                master_username: Some("admin".into()),
                ..base()
            },
            "InvalidParameterValue",
            "MasterUsername admin cannot be used",
        ),
        (
            api::CreateDBInstanceMessage {
                master_user_password: Some("short".into()),
                ..base()
            },
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password",
        ),
        (
            api::CreateDBInstanceMessage {
                master_user_password: None,
                ..base()
            },
            "InvalidParameterValue",
            "The parameter MasterUserPassword must be provided",
        ),
        (
            api::CreateDBInstanceMessage {
                manage_master_user_password: Some(true),
                ..base()
            },
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword when",
        ),
        (
            api::CreateDBInstanceMessage {
                allocated_storage: Some(5),
                ..base()
            },
            "InvalidParameterValue",
            "Invalid storage size for engine name postgres",
        ),
        (
            api::CreateDBInstanceMessage {
                max_allocated_storage: Some(21),
                ..base()
            },
            "InvalidParameterCombination",
            "Max storage size must be at least 110%",
        ),
        (
            api::CreateDBInstanceMessage {
                db_subnet_group_name: Some("none".into()),
                ..base()
            },
            "DBSubnetGroupNotFoundFault",
            "DB subnet group 'none' does not exist.",
        ),
        (
            api::CreateDBInstanceMessage {
                db_parameter_group_name: Some("none".into()),
                ..base()
            },
            "DBParameterGroupNotFound",
            "DBParameterGroup not found: none",
        ),
        (
            api::CreateDBInstanceMessage {
                vpc_security_group_ids: Some(vec!["sg-none".into()]),
                ..base()
            },
            "InvalidParameterValue",
            "Invalid security group , groupId= sg-none",
        ),
        (
            api::CreateDBInstanceMessage {
                backup_retention_period: Some(36),
                ..base()
            },
            "InvalidParameterValue",
            "Invalid backup retention period",
        ),
        (
            api::CreateDBInstanceMessage {
                monitoring_interval: Some(60),
                ..base()
            },
            "InvalidParameterCombination",
            "A MonitoringRoleARN value is required",
        ),
        (
            api::CreateDBInstanceMessage {
                db_instance_identifier: "a--b".into(),
                ..base()
            },
            "InvalidParameterValue",
            "The parameter DBInstanceIdentifier is not a valid identifier.",
        ),
        (
            api::CreateDBInstanceMessage {
                multi_az: Some(true),
                availability_zone: Some("eu-central-1a".into()),
                ..base()
            },
            "InvalidParameterCombination",
            "Requesting a specific availability zone",
        ),
    ];
    for (input, code, begins) in cases {
        let refused = bench.refused::<op::CreateDBInstance>("rds", input);
        assert_eq!(refused.0, code, "{}", refused.1);
        assert!(refused.1.starts_with(begins), "{}", refused.1);
    }
    create(&mut bench, base());
    assert_eq!(
        bench.refused::<op::CreateDBInstance>("rds", base()).0,
        "DBInstanceAlreadyExists"
    );
    let none = api::DescribeDBInstancesMessage {
        db_instance_identifier: Some("none".into()),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::DescribeDBInstances>("rds", none),
        (
            "DBInstanceNotFound".into(),
            "DBInstance none not found.".into()
        )
    );
    let reboot = api::RebootDBInstanceMessage {
        db_instance_identifier: "x".into(),
        force_failover: None,
    };
    assert_eq!(
        bench.refused::<op::RebootDBInstance>("rds", reboot).0,
        "InvalidDBInstanceState"
    );
}

#[test]
fn protection_and_the_final_snapshot_keep_data() {
    let mut bench = bench();
    running(
        &mut bench,
        api::CreateDBInstanceMessage {
            deletion_protection: Some(true),
            ..request("links")
        },
    );
    let delete = |skip: bool, last: Option<&str>| api::DeleteDBInstanceMessage {
        db_instance_identifier: "links".into(),
        skip_final_snapshot: Some(skip),
        final_db_snapshot_identifier: last.map(str::to_owned),
        delete_automated_backups: Some(true),
    };
    let combination =
        |message: &str| ("InvalidParameterCombination".to_owned(), message.to_owned());
    assert_eq!(
        bench.refused::<op::DeleteDBInstance>("rds", delete(true, None)),
        combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    );
    modify(
        &mut bench,
        api::ModifyDBInstanceMessage {
            deletion_protection: Some(false),
            ..change("links", true)
        },
    );
    assert_eq!(
        bench.refused::<op::DeleteDBInstance>("rds", delete(false, None)),
        combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    );
    assert_eq!(
        bench
            .refused::<op::DeleteDBInstance>("rds", delete(true, Some("last")))
            .0,
        "InvalidParameterCombination"
    );

    bench
        .call::<op::DeleteDBInstance>("rds", delete(false, Some("last")))
        .expect("it may go");
    assert_eq!(status(&mut bench, "links"), "deleting");
    bench.pass(SignedDuration::from_secs(30));
    assert_eq!(
        status(&mut bench, "links"),
        "deleting",
        "it waits for its snapshot"
    );
    assert_eq!(bench.world().databases.len(), 1);
    assert!(matches!(
        play(&mut bench).as_slice(),
        [ActionKind::TakeSnapshot { .. }]
    ));
    assert!(bench.region.rds.instances.is_empty());
    assert!(bench.world().databases.is_empty());
    let interfaces = bench
        .region
        .ec2
        .interfaces
        .values()
        .filter(|one| one.description == "RDSNetworkInterface");
    assert_eq!(interfaces.count(), 0);

    // The snapshot can become an instance again.
    let restore = api::RestoreDBInstanceFromDBSnapshotMessage {
        db_instance_identifier: "again".into(),
        db_snapshot_identifier: Some("last".into()),
        db_subnet_group_name: Some(GROUP.into()),
        ..Default::default()
    };
    bench
        .call::<op::RestoreDBInstanceFromDBSnapshot>("rds", restore)
        .expect("it is there");
    let world = bench.world();
    let database = world.databases.values().next().expect("it is wanted");
    assert!(matches!(
        database.origin,
        world::database::Origin::Snapshot(_)
    ));
    assert_eq!(database.master_password.reveal(), "correct-horse");
    let gone = api::DeleteDBSnapshotMessage {
        db_snapshot_identifier: "last".into(),
    };
    bench
        .call::<op::DeleteDBSnapshot>("rds", gone.clone())
        .expect("it goes");
    assert_eq!(
        bench.refused::<op::DeleteDBSnapshot>("rds", gone).0,
        "DBSnapshotNotFound"
    );
    assert!(matches!(
        play(&mut bench).as_slice(),
        [ActionKind::DeleteSnapshot(_)]
    ));
    assert!(bench.region.rds.snapshots.is_empty());
}

#[test]
fn a_final_snapshot_that_fails_keeps_the_instance() {
    let mut bench = bench();
    running(&mut bench, request("links"));
    let delete = api::DeleteDBInstanceMessage {
        db_instance_identifier: "links".into(),
        final_db_snapshot_identifier: Some("last".into()),
        ..Default::default()
    };
    bench
        .call::<op::DeleteDBInstance>("rds", delete)
        .expect("it may go");
    let action = bench.actions().swap_remove(0);
    bench.observe(&Event::ActionDone {
        id: action.id,
        failure: Some("disk full".into()),
        snapshot: None,
    });
    bench.pass(SignedDuration::from_secs(3));
    assert_eq!(status(&mut bench, "links"), "available");
}

#[test]
fn changes_apply_at_once_or_in_the_window() {
    let mut bench = bench();
    // 2026-01-05 is a Monday, 08:00.
    let window = Some("mon:09:00-mon:10:00".to_owned());
    running(
        &mut bench,
        api::CreateDBInstanceMessage {
            preferred_maintenance_window: window,
            ..request("links")
        },
    );
    let class = api::ModifyDBInstanceMessage {
        db_instance_class: Some("db.t4g.small".into()),
        ..change("links", false)
    };
    let answer = modify(&mut bench, class);
    assert_eq!(answer.db_instance_class.as_deref(), Some("db.t4g.micro"));
    let waiting = answer.pending_modified_values.expect("it is told");
    assert_eq!(waiting.db_instance_class.as_deref(), Some("db.t4g.small"));
    assert_eq!(status(&mut bench, "links"), "available");
    bench.pass(SignedDuration::from_mins(61));
    assert_eq!(status(&mut bench, "links"), "modifying");
    assert!(matches!(
        play(&mut bench).as_slice(),
        [ActionKind::RestartDatabase(_)]
    ));
    bench.pass(SignedDuration::from_secs(3));
    let after = describe(&mut bench, "links");
    assert_eq!(after.db_instance_status.as_deref(), Some("available"));
    assert_eq!(after.db_instance_class.as_deref(), Some("db.t4g.small"));
    assert_eq!(
        after
            .pending_modified_values
            .expect("it is told")
            .db_instance_class,
        None
    );

    // Storage grows by a tenth at least, and never shrinks.
    let storage = |gib| api::ModifyDBInstanceMessage {
        allocated_storage: Some(gib),
        ..change("links", true)
    };
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", storage(19)).0,
        "InvalidParameterCombination"
    );
    assert_eq!(modify(&mut bench, storage(21)).allocated_storage, Some(22));
    assert_eq!(status(&mut bench, "links"), "modifying");
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", storage(40)).0,
        "InvalidDBInstanceState"
    );
    bench.pass(SignedDuration::from_secs(3));
    assert_eq!(status(&mut bench, "links"), "available");

    // A new password is the server's at once.
    let password = api::ModifyDBInstanceMessage {
        master_user_password: Some("battery-staple".into()),
        ..change("links", false)
    };
    let answer = modify(&mut bench, password);
    assert_eq!(
        answer.db_instance_status.as_deref(),
        Some("resetting-master-credentials")
    );
    assert_eq!(
        answer
            .pending_modified_values
            .and_then(|one| one.master_user_password)
            .as_deref(),
        Some("****")
    );
    let world = bench.world();
    assert_eq!(
        world
            .databases
            .values()
            .next()
            .expect("it is there")
            .master_password
            .reveal(),
        "battery-staple"
    );
    bench.pass(SignedDuration::from_secs(3));
    let after = describe(&mut bench, "links");
    assert_eq!(
        after
            .pending_modified_values
            .and_then(|one| one.master_user_password),
        None
    );

    let upgrade = api::ModifyDBInstanceMessage {
        engine_version: Some("14".into()),
        ..change("links", true)
    };
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", upgrade).0,
        "InvalidParameterCombination"
    );
    let rotate = api::ModifyDBInstanceMessage {
        rotate_master_user_password: Some(true),
        ..change("links", true)
    };
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", rotate).0,
        "InvalidParameterCombination"
    );
}

#[test]
fn a_replica_takes_from_its_source_what_aws_lets_it_take() {
    let mut bench = bench();
    let source = api::CreateDBInstanceMessage {
        enable_cloudwatch_logs_exports: Some(vec!["postgresql".into()]),
        max_allocated_storage: Some(100),
        storage_encrypted: Some(true),
        ..request("links")
    };
    running(&mut bench, source);
    let ask = || api::CreateDBInstanceReadReplicaMessage {
        db_instance_identifier: "replica".into(),
        source_db_instance_identifier: Some("links".into()),
        ..Default::default()
    };
    assert_eq!(
        bench
            .refused::<op::CreateDBInstanceReadReplica>("rds", ask())
            .0,
        "InvalidDBInstanceState"
    );
    modify(
        &mut bench,
        api::ModifyDBInstanceMessage {
            backup_retention_period: Some(7),
            ..change("links", true)
        },
    );
    play(&mut bench);
    bench.pass(SignedDuration::from_secs(20));
    assert_eq!(status(&mut bench, "links"), "available");

    let answer = bench
        .call::<op::CreateDBInstanceReadReplica>("rds", ask())
        .expect("it has backups");
    let replica = answer.db_instance.expect("it is told");
    let parameters = replica.db_parameter_groups.expect("a list");
    assert_eq!(
        parameters[0].db_parameter_group_name.as_deref(),
        Some("default.postgres15")
    );
    assert_eq!(replica.backup_retention_period, Some(0));
    assert_eq!(replica.max_allocated_storage, None);
    assert_eq!(replica.enabled_cloudwatch_logs_exports, None);
    assert_eq!(replica.storage_encrypted, Some(true));
    assert_eq!(replica.db_instance_class.as_deref(), Some("db.t4g.micro"));
    assert_eq!(
        replica
            .read_replica_source_db_instance_identifier
            .as_deref(),
        Some("links")
    );
    assert_eq!(
        describe(&mut bench, "links").read_replica_db_instance_identifiers,
        Some(vec!["replica".into()])
    );
    say(&mut bench, "replica", DatabasePhase::Available);
    assert_eq!(
        status(&mut bench, "replica"),
        "available",
        "a replica has no first backup"
    );

    let off = api::ModifyDBInstanceMessage {
        backup_retention_period: Some(0),
        ..change("links", true)
    };
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", off).0,
        "InvalidParameterCombination"
    );
    let last = api::DeleteDBInstanceMessage {
        db_instance_identifier: "replica".into(),
        final_db_snapshot_identifier: Some("s".into()),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::DeleteDBInstance>("rds", last).0,
        "InvalidParameterCombination"
    );

    // When its source goes, it goes on alone.
    let delete = api::DeleteDBInstanceMessage {
        db_instance_identifier: "links".into(),
        skip_final_snapshot: Some(true),
        ..Default::default()
    };
    bench
        .call::<op::DeleteDBInstance>("rds", delete)
        .expect("it may go");
    bench.pass(SignedDuration::from_secs(3));
    assert_eq!(
        describe(&mut bench, "replica").read_replica_source_db_instance_identifier,
        None
    );
    let world = bench.world();
    assert_eq!(world.databases.len(), 1);
    assert!(world.databases.values().all(|one| one.role == Role::Writer));
}

#[test]
fn a_managed_password_lives_in_a_secret_and_turns_every_week() {
    let mut bench = bench();
    let managed = api::CreateDBInstanceMessage {
        master_user_password: None,
        manage_master_user_password: Some(true),
        backup_retention_period: Some(0),
        ..request("links")
    };
    let one = running(&mut bench, managed);
    let secret = one.master_user_secret.expect("there is one");
    assert_eq!(secret.secret_status.as_deref(), Some("active"));
    assert!(secret.kms_key_id.is_some());
    let arn = secret.secret_arn.expect("it has one");
    assert!(arn.contains(":secret:rds!db-"), "{arn}");
    let read = |bench: &mut Bench| -> serde_json::Value {
        let input = secretsmanager::GetSecretValueRequest {
            secret_id: arn.clone(),
            ..Default::default()
        };
        let answer = bench
            .call::<secretsmanager::op::GetSecretValue>("secretsmanager", input)
            .expect("it is there");
        serde_json::from_str(&answer.secret_string.expect("it is text")).expect("it is JSON")
    };
    let server = |bench: &Bench| {
        let world = bench.world();
        world
            .databases
            .values()
            .next()
            .expect("it is there")
            .master_password
            .reveal()
            .to_owned()
    };
    let first = read(&mut bench);
    assert_eq!(first["username"], "links");
    assert_eq!(first["password"], server(&bench).as_str());
    assert_eq!(first.as_object().map(serde_json::Map::len), Some(2));

    bench.pass(SignedDuration::from_hours(7 * 24 + 1));
    let second = read(&mut bench);
    assert_ne!(first, second);
    assert_eq!(second["password"], server(&bench).as_str());
    let rotate = secretsmanager::RotateSecretRequest {
        secret_id: arn.clone(),
        ..Default::default()
    };
    bench
        .call::<secretsmanager::op::RotateSecret>("secretsmanager", rotate)
        .expect("RDS does it");
    let third = read(&mut bench);
    assert_ne!(second, third);
    assert_eq!(third["password"], server(&bench).as_str());

    let by_hand = api::ModifyDBInstanceMessage {
        master_user_password: Some("battery-staple".into()),
        ..change("links", true)
    };
    assert_eq!(
        bench.refused::<op::ModifyDBInstance>("rds", by_hand).0,
        "InvalidParameterCombination"
    );
    modify(
        &mut bench,
        api::ModifyDBInstanceMessage {
            backup_retention_period: Some(1),
            ..change("links", true)
        },
    );
    play(&mut bench);
    bench.pass(SignedDuration::from_secs(20));
    let replica = api::CreateDBInstanceReadReplicaMessage {
        db_instance_identifier: "r".into(),
        source_db_instance_identifier: Some("links".into()),
        ..Default::default()
    };
    assert_eq!(
        bench
            .refused::<op::CreateDBInstanceReadReplica>("rds", replica)
            .0,
        "InvalidParameterValue"
    );
    let delete = api::DeleteDBInstanceMessage {
        db_instance_identifier: "links".into(),
        skip_final_snapshot: Some(true),
        ..Default::default()
    };
    bench
        .call::<op::DeleteDBInstance>("rds", delete)
        .expect("it may go");
    bench.pass(SignedDuration::from_secs(3));
    assert!(
        bench.region.secretsmanager.secrets.is_empty(),
        "its secret goes with it"
    );
}

#[test]
fn parameters_apply_at_once_or_after_a_reboot() {
    use api::ApplyMethod::{Immediate, PendingReboot};
    let mut bench = bench();
    let group = api::CreateDBParameterGroupMessage {
        db_parameter_group_family: "postgres15".into(),
        db_parameter_group_name: "tuned".into(),
        description: "d".into(),
        tags: Some(vec![api::Tag {
            key: Some("env".into()),
            value: Some("dev".into()),
        }]),
    };
    bench
        .call::<op::CreateDBParameterGroup>("rds", group.clone())
        .expect("it is made");
    assert_eq!(
        bench
            .refused::<op::CreateDBParameterGroup>("rds", group.clone())
            .0,
        "DBParameterGroupAlreadyExists"
    );
    let odd = api::CreateDBParameterGroupMessage {
        db_parameter_group_family: "mysql8.0".into(),
        db_parameter_group_name: "odd".into(),
        ..group
    };
    assert_eq!(
        bench.refused::<op::CreateDBParameterGroup>("rds", odd).0,
        "InvalidParameterValue"
    );
    running(
        &mut bench,
        api::CreateDBInstanceMessage {
            db_parameter_group_name: Some("tuned".into()),
            ..request("links")
        },
    );

    let set = |name: &str, value: &str, method| api::ModifyDBParameterGroupMessage {
        db_parameter_group_name: "tuned".into(),
        parameters: vec![api::Parameter {
            parameter_name: Some(name.into()),
            parameter_value: Some(value.into()),
            apply_method: Some(method),
            ..Default::default()
        }],
    };
    for (input, code, message) in [
        (
            set("no_such", "1", Immediate),
            "InvalidParameterValue",
            "Could not find parameter with name: no_such",
        ),
        (
            set("log_statement", "loud", Immediate),
            "InvalidParameterValue",
            "Invalid parameter value: loud for: log_statement allowed values are: none,ddl,mod,all",
        ),
        (
            set("max_connections", "50", Immediate),
            "InvalidParameterCombination",
            "cannot use immediate apply method for static parameter max_connections",
        ),
    ] {
        let refused = bench.refused::<op::ModifyDBParameterGroup>("rds", input);
        assert_eq!(refused, (code.into(), message.into()));
    }
    let told = |bench: &Bench, name: &str| {
        let world = bench.world();
        world
            .databases
            .values()
            .next()
            .expect("it is there")
            .parameters
            .get(name)
            .cloned()
    };
    let tls_only = |bench: &Bench| {
        let world = bench.world();
        world
            .databases
            .values()
            .next()
            .expect("it is there")
            .tls_only
    };
    assert!(tls_only(&bench), "it is the default from version 15 on");
    let apply_status = |bench: &mut Bench| {
        let groups = describe(bench, "links")
            .db_parameter_groups
            .expect("a list");
        groups[0]
            .parameter_apply_status
            .clone()
            .expect("it is told")
    };
    for input in [
        set("log_statement", "ddl", Immediate),
        set("work_mem", "8192", PendingReboot),
        set("rds.force_ssl", "0", Immediate),
    ] {
        bench
            .call::<op::ModifyDBParameterGroup>("rds", input)
            .expect("it is set");
    }
    assert_eq!(told(&bench, "log_statement").as_deref(), Some("ddl"));
    assert_eq!(told(&bench, "work_mem"), None, "it waits for a reboot");
    assert_eq!(
        told(&bench, "rds.force_ssl"),
        None,
        "PostgreSQL knows no such setting"
    );
    assert!(!tls_only(&bench));
    assert_eq!(apply_status(&mut bench), "pending-reboot");
    bench
        .call::<op::ModifyDBParameterGroup>("rds", set("max_connections", "50", PendingReboot))
        .expect("it is set");
    bench
        .call::<op::ModifyDBParameterGroup>("rds", set("rds.force_ssl", "1", PendingReboot))
        .expect("it is set");
    assert!(!tls_only(&bench), "it waits for a reboot");
    let reboot = api::RebootDBInstanceMessage {
        db_instance_identifier: "links".into(),
        force_failover: None,
    };
    bench
        .call::<op::RebootDBInstance>("rds", reboot)
        .expect("it is available");
    play(&mut bench);
    say(&mut bench, "links", DatabasePhase::Available);
    assert_eq!(status(&mut bench, "links"), "available");
    assert_eq!(apply_status(&mut bench), "in-sync");
    assert_eq!(told(&bench, "work_mem").as_deref(), Some("8192"));
    assert_eq!(told(&bench, "max_connections").as_deref(), Some("50"));
    assert!(tls_only(&bench));

    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let input = api::DescribeDBParametersMessage {
            db_parameter_group_name: "tuned".into(),
            marker,
            ..Default::default()
        };
        let answer = bench
            .call::<op::DescribeDBParameters>("rds", input)
            .expect("they are listed");
        all.extend(answer.parameters.expect("a list"));
        marker = answer.marker;
        if marker.is_none() {
            break;
        }
    }
    let found = |name: &str| {
        all.iter()
            .find(|one| one.parameter_name.as_deref() == Some(name))
            .expect(name)
    };
    let one = found("max_connections");
    assert_eq!(
        (
            one.source.as_deref(),
            one.apply_method,
            one.apply_type.as_deref()
        ),
        (Some("user"), Some(PendingReboot), Some("static"))
    );
    assert_eq!(found("shared_buffers").source.as_deref(), Some("system"));
    assert_eq!(
        found("statement_timeout").source.as_deref(),
        Some("engine-default")
    );
    let users = api::DescribeDBParametersMessage {
        db_parameter_group_name: "tuned".into(),
        source: Some("user".into()),
        ..Default::default()
    };
    let users = bench
        .call::<op::DescribeDBParameters>("rds", users)
        .expect("they are listed");
    assert_eq!(users.parameters.map(|all| all.len()), Some(4));

    let gone = api::DeleteDBParameterGroupMessage {
        db_parameter_group_name: "tuned".into(),
    };
    assert_eq!(
        bench.refused::<op::DeleteDBParameterGroup>("rds", gone).0,
        "InvalidDBParameterGroupState"
    );
    let default = api::DeleteDBParameterGroupMessage {
        db_parameter_group_name: "default.postgres15".into(),
    };
    assert_eq!(
        bench
            .refused::<op::DeleteDBParameterGroup>("rds", default)
            .0,
        "InvalidDBParameterGroupState"
    );
    let tags = api::ListTagsForResourceMessage {
        resource_name: "arn:aws:rds:eu-central-1:000000000000:pg:tuned".into(),
        ..Default::default()
    };
    let tags = bench
        .call::<op::ListTagsForResource>("rds", tags)
        .expect("it is there")
        .tag_list
        .expect("a list");
    assert_eq!(tags.len(), 1);
}

#[test]
fn subnet_groups_cover_zones_and_stay_while_they_are_used() {
    let mut bench = bench();
    let group = bench
        .region
        .rds
        .subnet_groups
        .get(GROUP)
        .expect("it is there")
        .clone();
    let make = |subnets: &[String]| api::CreateDBSubnetGroupMessage {
        db_subnet_group_name: "other".into(),
        db_subnet_group_description: "d".into(),
        subnet_ids: subnets.to_vec(),
        tags: None,
    };
    assert_eq!(
        bench
            .refused::<op::CreateDBSubnetGroup>("rds", make(&group.subnets[..1]))
            .0,
        "DBSubnetGroupDoesNotCoverEnoughAZs"
    );
    assert_eq!(
        bench
            .refused::<op::CreateDBSubnetGroup>("rds", make(&["subnet-none".into()]))
            .0,
        "InvalidSubnet"
    );
    running(&mut bench, request("links"));
    let delete = || api::DeleteDBSubnetGroupMessage {
        db_subnet_group_name: GROUP.into(),
    };
    assert_eq!(
        bench.refused::<op::DeleteDBSubnetGroup>("rds", delete()).0,
        "InvalidDBSubnetGroupStateFault"
    );
    let end = api::DeleteDBInstanceMessage {
        db_instance_identifier: "links".into(),
        skip_final_snapshot: Some(true),
        ..Default::default()
    };
    bench
        .call::<op::DeleteDBInstance>("rds", end)
        .expect("it may go");
    bench.pass(SignedDuration::from_secs(3));
    bench
        .call::<op::DeleteDBSubnetGroup>("rds", delete())
        .expect("nobody uses it");
    assert_eq!(
        bench.refused::<op::DeleteDBSubnetGroup>("rds", delete()).0,
        "DBSubnetGroupNotFoundFault"
    );
}

#[test]
fn a_stopped_instance_starts_again_after_a_week() {
    let mut bench = bench();
    running(&mut bench, request("links"));
    let stop = api::StopDBInstanceMessage {
        db_instance_identifier: "links".into(),
        db_snapshot_identifier: None,
    };
    bench
        .call::<op::StopDBInstance>("rds", stop)
        .expect("it is available");
    assert_eq!(status(&mut bench, "links"), "stopping");
    assert!(bench.world().databases.values().all(|one| one.stopped));
    say(&mut bench, "links", DatabasePhase::Stopped);
    assert_eq!(status(&mut bench, "links"), "stopped");
    bench.pass(SignedDuration::from_hours(7 * 24));
    assert_eq!(status(&mut bench, "links"), "starting");
    assert!(bench.world().databases.values().all(|one| !one.stopped));
    say(&mut bench, "links", DatabasePhase::Available);
    assert_eq!(status(&mut bench, "links"), "available");
    let events = api::DescribeEventsMessage {
        source_identifier: Some("links".into()),
        source_type: Some(api::SourceType::DbInstance),
        ..Default::default()
    };
    let events = bench
        .call::<op::DescribeEvents>("rds", events)
        .expect("they are listed")
        .events
        .expect("a list");
    assert!(
        events
            .iter()
            .any(|one| one.message.as_deref() == Some("DB instance started"))
    );
}

#[test]
fn a_failed_server_is_told() {
    let mut bench = bench();
    create(&mut bench, request("links"));
    say(
        &mut bench,
        "links",
        DatabasePhase::Failed {
            reason: "no disk".into(),
        },
    );
    assert_eq!(status(&mut bench, "links"), "failed");
    say(&mut bench, "links", DatabasePhase::Available);
    assert_eq!(
        status(&mut bench, "links"),
        "available",
        "the world tries again"
    );
}

#[test]
fn a_rotation_that_cannot_be_done_is_tried_again_later() {
    use wire::kms;
    let mut bench = bench();
    let key = bench
        .call::<kms::op::CreateKey>("kms", kms::CreateKeyRequest::default())
        .expect("it is made")
        .key_metadata
        .and_then(|key| key.key_id)
        .expect("it has an id");
    let managed = api::CreateDBInstanceMessage {
        master_user_password: None,
        manage_master_user_password: Some(true),
        master_user_secret_kms_key_id: Some(key.clone()),
        ..request("links")
    };
    let one = running(&mut bench, managed);
    let arn = one
        .master_user_secret
        .and_then(|one| one.secret_arn)
        .expect("there is one");
    let value = |bench: &Bench| {
        let world = bench.world();
        world
            .databases
            .values()
            .next()
            .expect("it is there")
            .master_password
            .reveal()
            .to_owned()
    };
    let before = value(&bench);
    let disable = kms::DisableKeyRequest {
        key_id: key.clone(),
    };
    bench
        .call::<kms::op::DisableKey>("kms", disable)
        .expect("it is disabled");
    bench.pass(SignedDuration::from_hours(7 * 24 + 2));
    assert_eq!(value(&bench), before, "server and secret stay together");
    let enable = kms::EnableKeyRequest { key_id: key };
    bench
        .call::<kms::op::EnableKey>("kms", enable)
        .expect("it is enabled");
    bench.pass(SignedDuration::from_hours(2));
    let after = value(&bench);
    assert_ne!(after, before);
    let input = secretsmanager::GetSecretValueRequest {
        secret_id: arn,
        ..Default::default()
    };
    let told = bench
        .call::<secretsmanager::op::GetSecretValue>("secretsmanager", input)
        .expect("it is there");
    assert!(
        told.secret_string
            .expect("it is text")
            .contains(&serde_json::json!(after).to_string())
    );
}

#[test]
fn what_a_database_uses_is_told_to_cloudwatch() {
    use crate::services::cloudwatch::metric::{self, Question};
    use world::measure::{DatabaseRates, DatabaseUsage, Measured, Usage};

    let mut bench = bench();
    let made = running(&mut bench, request("links"));
    let id = made.dbi_resource_id.expect("it has an id");
    let minute = bench.now.as_second() - bench.now.as_second().rem_euclid(60);
    let minute = jiff::Timestamp::from_second(minute).expect("a moment");
    let mut measured = Measured::new(minute + SignedDuration::from_secs(40));
    measured.databases.insert(
        id.as_str().into(),
        DatabaseUsage {
            usage: Usage {
                cpu_units: Some(512.0),
                memory_bytes: 1 << 28,
            },
            connections: 7,
            storage_bytes: 1 << 30,
            transaction_log_bytes: 1 << 24,
            rates: Some(DatabaseRates {
                reads: 2.5,
                writes: 4.0,
                read_bytes: 20_480.0,
                write_bytes: 32_768.0,
            }),
            replica_lag: None,
            transaction_ids: 731,
        },
    );
    bench.observe(&Event::Measured(Box::new(measured)));
    let dimensions = [("DBInstanceIdentifier".to_owned(), "links".to_owned())];
    let told = |bench: &mut Bench, name: &str| {
        bench
            .write(|region, context| {
                let question = Question {
                    namespace: "AWS/RDS",
                    name,
                    dimensions: &dimensions,
                    statistic: "Average",
                    unit: None,
                    start: minute,
                    end: minute + SignedDuration::from_mins(1),
                    period: 60,
                };
                let points = metric::statistic(region, context, &question);
                Ok(points.first().map(|(_, value)| *value))
            })
            .expect("to look refuses nothing")
    };
    // A `db.t4g.micro` has two virtual CPUs and 1 GiB; it was given 20 GiB of storage.
    for (name, wanted) in [
        ("CPUUtilization", Some(25.0)),
        ("DatabaseConnections", Some(7.0)),
        ("FreeableMemory", Some(f64::from(3 << 28))),
        ("FreeStorageSpace", Some(19.0 * f64::from(1 << 30))),
        ("ReadIOPS", Some(2.5)),
        ("WriteIOPS", Some(4.0)),
        ("WriteThroughput", Some(32_768.0)),
        ("ReplicaLag", None),
    ] {
        assert_eq!(told(&mut bench, name), wanted, "{name}");
    }
}
