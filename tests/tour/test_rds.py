"""RDS for PostgreSQL: instances, replicas, groups, parameters, snapshots. Nothing runs here, so an instance stays
`creating`: its life beyond that is shown where there is a machine."""

import pytest

from tour import ACCOUNT, REGION, TAGS, Network, every, refused, tag_list, tags_of


@pytest.fixture
def rds(aws):
    return aws("rds")


@pytest.fixture
def network(aws):
    return Network(aws("ec2"))


@pytest.fixture
def subnets(rds, network):
    rds.create_db_subnet_group(DBSubnetGroupName="db", DBSubnetGroupDescription="tour", SubnetIds=network.subnets)
    return "db"


def engine(rds):
    """The newest PostgreSQL that this machine has."""
    return rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][-1]


def instance(rds, name="app", **more):
    arguments = {
        "Engine": "postgres",
        "EngineVersion": engine(rds)["EngineVersion"],
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "app",
        "MasterUserPassword": "a-long-password",
        "DBSubnetGroupName": "db",
        **more,
    }
    return rds.create_db_instance(DBInstanceIdentifier=name, **arguments)["DBInstance"]


def test_a_subnet_group_lives(rds, network):
    made = rds.create_db_subnet_group(
        DBSubnetGroupName="DB", DBSubnetGroupDescription="tour", SubnetIds=network.subnets, Tags=tag_list()
    )["DBSubnetGroup"]
    # Names are kept in lower case.
    assert (made["DBSubnetGroupName"], made["VpcId"], len(made["Subnets"])) == ("db", network.vpc, 3)
    with refused("DBSubnetGroupAlreadyExists", status=400):
        rds.create_db_subnet_group(DBSubnetGroupName="db", DBSubnetGroupDescription="x", SubnetIds=network.subnets)
    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        rds.create_db_subnet_group(DBSubnetGroupName="one", DBSubnetGroupDescription="x", SubnetIds=network.subnets[:1])
    with refused("InvalidSubnet"):
        rds.create_db_subnet_group(DBSubnetGroupName="none", DBSubnetGroupDescription="x", SubnetIds=["subnet-00000000000000000"])
    rds.modify_db_subnet_group(DBSubnetGroupName="db", SubnetIds=network.subnets[:2])
    [seen] = every(rds, "describe_db_subnet_groups", "DBSubnetGroups", DBSubnetGroupName="db")
    assert len(seen["Subnets"]) == 2
    arn = seen["DBSubnetGroupArn"]
    assert tags_of(rds.list_tags_for_resource(ResourceName=arn)["TagList"]) == TAGS
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["team"])
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(rds.list_tags_for_resource(ResourceName=arn)["TagList"]) == {"stage": "changed"}
    rds.delete_db_subnet_group(DBSubnetGroupName="db")
    with refused("DBSubnetGroupNotFoundFault", status=404):
        rds.describe_db_subnet_groups(DBSubnetGroupName="db")


def test_a_parameter_group_lives(rds):
    family = engine(rds)["DBParameterGroupFamily"]
    rds.create_db_parameter_group(DBParameterGroupName="db", DBParameterGroupFamily=family, Description="tour", Tags=tag_list())
    with refused("DBParameterGroupAlreadyExists"):
        rds.create_db_parameter_group(DBParameterGroupName="db", DBParameterGroupFamily=family, Description="x")
    with refused("InvalidParameterValue"):
        rds.create_db_parameter_group(DBParameterGroupName="x", DBParameterGroupFamily="postgres9999", Description="x")
    set_to = lambda name, value, method="immediate": rds.modify_db_parameter_group(
        DBParameterGroupName="db", Parameters=[{"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}]
    )
    set_to("log_min_duration_statement", "250")
    set_to("max_connections", "50", "pending-reboot")
    user = every(rds, "describe_db_parameters", "Parameters", DBParameterGroupName="db", Source="user")
    assert {one["ParameterName"]: one["ParameterValue"] for one in user} == {"log_min_duration_statement": "250", "max_connections": "50"}
    with refused("InvalidParameterCombination", "immediate"):
        set_to("max_connections", "60")
    for name, value in [("absent", "1"), ("log_min_duration_statement", "many")]:
        with refused("InvalidParameterValue", name):
            set_to(name, value)
    rds.reset_db_parameter_group(DBParameterGroupName="db", ResetAllParameters=True)
    assert every(rds, "describe_db_parameters", "Parameters", DBParameterGroupName="db", Source="user") == []
    assert len(every(rds, "describe_db_parameters", "Parameters", 20, DBParameterGroupName="db")) > 20
    rds.delete_db_parameter_group(DBParameterGroupName="db")
    with refused("DBParameterGroupNotFound", status=404):
        rds.describe_db_parameters(DBParameterGroupName="db")
    with refused("InvalidDBParameterGroupState"):
        rds.delete_db_parameter_group(DBParameterGroupName=f"default.{family}")


def test_an_instance_begins(aws, rds, network, subnets):
    made = instance(
        rds,
        VpcSecurityGroupIds=[network.group],
        DeletionProtection=True,
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        DBName="links",
        Tags=tag_list(),
    )
    assert (made["DBInstanceStatus"], made["DeletionProtection"], made["StorageEncrypted"]) == ("creating", True, True)
    assert made["DBInstanceArn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:db:app"
    assert [one["VpcSecurityGroupId"] for one in made["VpcSecurityGroups"]] == [network.group]
    with refused("DBInstanceAlreadyExists", "DB instance already exists"):
        instance(rds)
    [seen] = every(rds, "describe_db_instances", "DBInstances", DBInstanceIdentifier="app")
    assert (seen["Engine"], seen["DBName"], seen["MasterUsername"]) == ("postgres", "links", "app")
    assert "MasterUserPassword" not in str(seen)
    with refused("DBInstanceNotFound", "DBInstance absent not found.", status=404):
        rds.describe_db_instances(DBInstanceIdentifier="absent")
    for call in (
        lambda: rds.modify_db_instance(DBInstanceIdentifier="app", DBInstanceClass="db.t4g.small", ApplyImmediately=True),
        lambda: rds.reboot_db_instance(DBInstanceIdentifier="app"),
        lambda: rds.stop_db_instance(DBInstanceIdentifier="app"),
        lambda: rds.create_db_snapshot(DBInstanceIdentifier="app", DBSnapshotIdentifier="s"),
    ):
        with refused("InvalidDBInstanceState"):
            call()
    with refused("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection and try again."):
        rds.delete_db_instance(DBInstanceIdentifier="app", SkipFinalSnapshot=True)
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="db")
    with refused("DependencyViolation"):
        aws("ec2").delete_security_group(GroupId=network.group)


def test_a_final_snapshot_is_asked_for(rds, subnets):
    instance(rds)
    with refused("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."):
        rds.delete_db_instance(DBInstanceIdentifier="app")
    with refused("InvalidParameterCombination"):
        rds.delete_db_instance(DBInstanceIdentifier="app", SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last")
    assert rds.delete_db_instance(DBInstanceIdentifier="app", SkipFinalSnapshot=True)["DBInstance"]["DBInstanceStatus"] == "deleting"


def test_a_managed_password_is_a_secret(aws, rds, subnets):
    with refused("InvalidParameterCombination"):
        instance(rds, ManageMasterUserPassword=True)
    arguments = {
        "DBInstanceIdentifier": "app",
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "app",
        "ManageMasterUserPassword": True,
        "DBSubnetGroupName": "db",
    }
    made = rds.create_db_instance(**arguments)["DBInstance"]
    arn = made["MasterUserSecret"]["SecretArn"]
    assert f":secret:rds!db-" in arn
    secrets = aws("secretsmanager")
    assert secrets.describe_secret(SecretId=arn)["OwningService"] == "rds"
    assert '"username"' in secrets.get_secret_value(SecretId=arn)["SecretString"]
    with refused("InvalidRequestException"):
        secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DBInstanceClass": "db.nonsense"}, "InvalidParameterValue"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue"),
        ({"EngineVersion": "9.1"}, "InvalidParameterCombination"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "with/a/slash"}, "InvalidParameterValue"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"DBSubnetGroupName": "absent"}, "DBSubnetGroupNotFoundFault"),
        ({"DBParameterGroupName": "absent"}, "DBParameterGroupNotFound"),
        ({"VpcSecurityGroupIds": ["sg-00000000000000000"]}, "InvalidParameterValue"),
        ({"MultiAZ": True, "AvailabilityZone": "eu-central-1a"}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 99}, "InvalidParameterValue"),
    ],
)
def test_instances_that_make_no_sense(rds, subnets, change, code):
    with refused(code):
        instance(rds, **change)
    assert rds.describe_db_instances()["DBInstances"] == []


def test_names_that_rds_does_not_take(rds, subnets):
    for name in ("1app", "app-", "a--b", "a" * 64, "no spaces"):
        with refused("InvalidParameterValue"):
            instance(rds, name)


def test_a_replica_needs_a_source_with_backups(rds, subnets):
    instance(rds, BackupRetentionPeriod=0)
    with refused("InvalidDBInstanceState"):
        rds.create_db_instance_read_replica(DBInstanceIdentifier="reader", SourceDBInstanceIdentifier="app")
    with refused("DBInstanceNotFound"):
        rds.create_db_instance_read_replica(DBInstanceIdentifier="reader", SourceDBInstanceIdentifier="absent")


def test_what_may_be_ordered(rds):
    version = engine(rds)
    assert version["Engine"] == "postgres" and version["DBParameterGroupFamily"].startswith("postgres")
    options = every(
        rds, "describe_orderable_db_instance_options", "OrderableDBInstanceOptions", Engine="postgres", DBInstanceClass="db.t4g.micro"
    )
    assert options and all(one["DBInstanceClass"] == "db.t4g.micro" for one in options)
    with refused("DBSnapshotNotFound", status=404):
        rds.describe_db_snapshots(DBSnapshotIdentifier="absent")
    assert every(rds, "describe_db_snapshots", "DBSnapshots") == []


def test_what_is_not_there_is_refused_by_name(rds):
    with refused("NotImplemented", "CreateDBProxy"):
        rds.create_db_proxy(DBProxyName="x", EngineFamily="POSTGRESQL", Auth=[], RoleArn="x" * 20, VpcSubnetIds=["x"])
    with refused("NotImplemented", "CreateDBCluster"):
        rds.create_db_cluster(DBClusterIdentifier="x", Engine="aurora-postgresql")
