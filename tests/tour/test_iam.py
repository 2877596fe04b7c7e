"""IAM: roles, policies of both kinds, users and keys, groups, instance profiles, OIDC providers."""

import json

import pytest

from tour import ACCOUNT, TAGS, every, refused, tag_list, tags_of

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ECS = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


@pytest.fixture
def iam(aws):
    return aws("iam")


def trust(service="ecs-tasks.amazonaws.com"):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allow(*actions):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def test_a_role_lives(iam):
    made = iam.create_role(
        RoleName="app", Path="/service/", AssumeRolePolicyDocument=json.dumps(trust()), Tags=tag_list(), MaxSessionDuration=7200
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service/app"
    assert made["AssumeRolePolicyDocument"] == trust()
    assert made["RoleId"].startswith("AROA")
    iam.get_waiter("role_exists").wait(RoleName="app")
    with refused("EntityAlreadyExists", "Role with name app already exists.", status=409):
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust()))
    iam.update_role(RoleName="app", Description="of the tour", MaxSessionDuration=3600)
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
    seen = iam.get_role(RoleName="app")["Role"]
    assert (seen["Description"], seen["MaxSessionDuration"]) == ("of the tour", 3600)
    assert seen["AssumeRolePolicyDocument"] == trust("ec2.amazonaws.com")
    assert tags_of(every(iam, "list_role_tags", "Tags", RoleName="app")) == TAGS
    iam.untag_role(RoleName="app", TagKeys=["team"])
    iam.tag_role(RoleName="app", Tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(iam.list_role_tags(RoleName="app")["Tags"]) == {"stage": "changed"}

    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=json.dumps(allow("s3:GetObject")))
    assert every(iam, "list_role_policies", "PolicyNames", RoleName="app") == ["own"]
    assert iam.get_role_policy(RoleName="app", PolicyName="own")["PolicyDocument"] == allow("s3:GetObject")
    iam.attach_role_policy(RoleName="app", PolicyArn=ECS)
    iam.attach_role_policy(RoleName="app", PolicyArn=ECS)
    [attached] = every(iam, "list_attached_role_policies", "AttachedPolicies", RoleName="app")
    assert attached == {"PolicyName": "AmazonECSTaskExecutionRolePolicy", "PolicyArn": ECS}
    with refused("NoSuchEntity", "does not exist or is not attachable", status=404):
        iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/Absent")
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=ADMIN)
    assert iam.get_role(RoleName="app")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == ADMIN
    iam.delete_role_permissions_boundary(RoleName="app")
    with refused("DeleteConflict", "Cannot delete entity, must detach all policies first.", status=409):
        iam.delete_role(RoleName="app")
    iam.detach_role_policy(RoleName="app", PolicyArn=ECS)
    with refused("NoSuchEntity", f"Policy {ECS} was not found."):
        iam.detach_role_policy(RoleName="app", PolicyArn=ECS)
    with refused("DeleteConflict", "Cannot delete entity, must delete policies first."):
        iam.delete_role(RoleName="app")
    iam.delete_role_policy(RoleName="app", PolicyName="own")
    iam.delete_role(RoleName="app")
    with refused("NoSuchEntity", "The role with name app cannot be found.", status=404):
        iam.get_role(RoleName="app")


def test_a_managed_policy_lives(iam):
    made = iam.create_policy(PolicyName="read", PolicyDocument=json.dumps(allow("s3:Get*")), Tags=tag_list())["Policy"]
    arn = made["Arn"]
    assert (arn, made["DefaultVersionId"]) == (f"arn:aws:iam::{ACCOUNT}:policy/read", "v1")
    iam.get_waiter("policy_exists").wait(PolicyArn=arn)
    with refused("EntityAlreadyExists"):
        iam.create_policy(PolicyName="read", PolicyDocument=json.dumps(allow("s3:*")))
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("s3:*")), SetAsDefault=number == 5)
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    with refused("LimitExceeded", "A managed policy can have up to 5 versions", status=409):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("s3:*")))
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == allow("s3:Get*")
    assert [one["Arn"] for one in every(iam, "list_policies", "Policies", Scope="Local")] == [arn]
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust()))
    iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert [one["RoleName"] for one in every(iam, "list_entities_for_policy", "PolicyRoles", PolicyArn=arn)] == ["app"]
    for number in range(2, 6):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{number}")
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_role_policy(RoleName="app", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam.get_policy(PolicyArn=arn)
    assert iam.get_policy(PolicyArn=ADMIN)["Policy"]["PolicyName"] == "AdministratorAccess"
    with refused("AccessDenied"):
        iam.delete_policy(PolicyArn=ADMIN)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Version": "2012-10-17"}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "nonsense", "Resource": "*"}]}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"}]}',
        '{"Version": "2020-01-01", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
    ],
)
def test_policies_that_are_none(iam, document):
    with refused("MalformedPolicyDocument", status=400):
        iam.create_policy(PolicyName="bad", PolicyDocument=document)


def test_users_keys_and_groups_live(iam):
    iam.create_user(UserName="somebody", Tags=tag_list())
    iam.get_waiter("user_exists").wait(UserName="somebody")
    assert tags_of(every(iam, "list_user_tags", "Tags", UserName="somebody")) == TAGS
    keys = [iam.create_access_key(UserName="somebody")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    with refused("LimitExceeded", "AccessKeysPerUser", status=409):
        iam.create_access_key(UserName="somebody")
    assert {one["AccessKeyId"] for one in every(iam, "list_access_keys", "AccessKeyMetadata", UserName="somebody")} == set(keys)
    iam.create_group(GroupName="people")
    iam.add_user_to_group(GroupName="people", UserName="somebody")
    iam.attach_group_policy(GroupName="people", PolicyArn=ADMIN)
    iam.put_user_policy(UserName="somebody", PolicyName="own", PolicyDocument=json.dumps(allow("s3:*")))
    assert [one["GroupName"] for one in every(iam, "list_groups_for_user", "Groups", UserName="somebody")] == ["people"]
    assert [one["UserName"] for one in every(iam, "get_group", "Users", GroupName="people")] == ["somebody"]
    for refusal in (lambda: iam.delete_user(UserName="somebody"), lambda: iam.delete_group(GroupName="people")):
        with refused("DeleteConflict"):
            refusal()
    iam.remove_user_from_group(GroupName="people", UserName="somebody")
    iam.detach_group_policy(GroupName="people", PolicyArn=ADMIN)
    iam.delete_group(GroupName="people")
    iam.delete_user_policy(UserName="somebody", PolicyName="own")
    for key in keys:
        iam.delete_access_key(UserName="somebody", AccessKeyId=key)
    iam.delete_user(UserName="somebody")
    with refused("NoSuchEntity", "The user with name somebody cannot be found."):
        iam.get_user(UserName="somebody")


def test_an_instance_profile_lives(iam):
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
    arn = iam.create_instance_profile(InstanceProfileName="app", Tags=tag_list())["InstanceProfile"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:instance-profile/app"
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    with refused("LimitExceeded"):
        iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
        iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="other")
    [seen] = every(iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName="app")
    assert seen["InstanceProfileName"] == "app"
    for refusal in (lambda: iam.delete_instance_profile(InstanceProfileName="app"), lambda: iam.delete_role(RoleName="app")):
        with refused("DeleteConflict"):
            refusal()
    iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.delete_instance_profile(InstanceProfileName="app")
    with refused("NoSuchEntity"):
        iam.get_instance_profile(InstanceProfileName="app")


def test_an_oidc_provider_lives(iam):
    arn = iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"], Tags=tag_list()
    )["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    with refused("EntityAlreadyExists"):
        iam.create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com")
    with refused("ValidationError"):
        iam.create_open_id_connect_provider(Url="http://example.org")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["0" * 40])
    seen = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (seen["Url"], seen["ClientIDList"], seen["ThumbprintList"]) == (
        "token.actions.githubusercontent.com",
        ["other"],
        ["0" * 40],
    )
    assert [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]] == [arn]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("NoSuchEntity"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_a_service_linked_role_lives(iam):
    made = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert made["RoleName"] == "AWSServiceRoleForECS" and made["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    with refused("InvalidInput", "has been taken in this account"):
        iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    with refused("UnmodifiableEntity"):
        iam.delete_role(RoleName="AWSServiceRoleForECS")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_the_account(iam):
    iam.create_account_alias(AccountAlias="tour-links")
    assert every(iam, "list_account_aliases", "AccountAliases") == ["tour-links"]
    iam.delete_account_alias(AccountAlias="tour-links")
    with refused("NoSuchEntity"):
        iam.get_account_password_policy()
    iam.update_account_password_policy(MinimumPasswordLength=14)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    assert iam.get_account_summary()["SummaryMap"]["Roles"] >= 0


def test_lists_come_in_pages(iam):
    for number in range(5):
        iam.create_role(RoleName=f"app-{number}", Path="/tour/", AssumeRolePolicyDocument=json.dumps(trust()))
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/tour/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 2, 1]
    assert [one["RoleName"] for page in pages for one in page["Roles"]] == [f"app-{number}" for number in range(5)]
    with refused("ValidationError"):
        iam.list_roles(Marker="nonsense")


def test_what_is_not_there_is_refused_by_name(iam):
    with refused("NotImplemented", "CreateSAMLProvider"):
        iam.create_saml_provider(SAMLMetadataDocument="x" * 1000, Name="x")
