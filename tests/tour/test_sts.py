"""STS: who calls, and for whom."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from tour import ACCOUNT, Aws, refused


def trust(principal, **condition):
    """A trust policy for one principal."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **condition}]})


def test_the_root_of_the_account_is_told_who_it_is(aws):
    identity = aws("sts").get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert identity["UserId"] == ACCOUNT


def test_a_role_is_assumed_by_whom_it_trusts(aws):
    iam, sts = aws("iam"), aws("sts")
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:root"))["Role"]["Arn"]
    got = sts.assume_role(RoleArn=arn, RoleSessionName="pipeline", DurationSeconds=900)
    assert got["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/pipeline"
    left = got["Credentials"]["Expiration"].timestamp() - time.time()
    assert 840 < left <= 900
    session = aws.as_role(arn, "pipeline")
    assert session("sts").get_caller_identity()["Arn"] == got["AssumedRoleUser"]["Arn"]

    nobody = iam.create_role(
        RoleName="closed", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:role/deployer")
    )["Role"]["Arn"]
    user = iam.create_user(UserName="somebody")["User"]["UserName"]
    key = iam.create_access_key(UserName=user)["AccessKey"]
    somebody = Aws(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    with refused("AccessDenied", "sts:AssumeRole", status=403):
        somebody("sts").assume_role(RoleArn=nobody, RoleSessionName="tour")
    with refused("AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/absent", RoleSessionName="tour")
    with refused("ValidationError", "roleSessionName"):
        sts.assume_role(RoleArn=arn, RoleSessionName="no spaces")
    with refused("ValidationError", "durationSeconds"):
        aws.unchecked("sts").assume_role(RoleArn=arn, RoleSessionName="tour", DurationSeconds=60)


def test_keys_that_are_not_good_are_refused(aws):
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", status=403):
        Aws(aws.server, "AKIAABSENT0000000000", "x")("sts").get_caller_identity()
    with refused("SignatureDoesNotMatch", status=403):
        Aws(aws.server, "test", "wrong")("sts").get_caller_identity()
    user = aws("iam").create_user(UserName="somebody")["User"]["UserName"]
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    somebody = Aws(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    assert somebody("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/somebody"
    aws("iam").update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId"):
        somebody("sts").get_caller_identity()


def test_a_session_of_the_caller_itself(aws):
    user = aws("iam").create_user(UserName="somebody")["User"]["UserName"]
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    somebody = Aws(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    got = somebody("sts").get_session_token(DurationSeconds=900)["Credentials"]
    session = Aws(aws.server, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    assert session("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/somebody"
    with pytest.raises(ClientError):
        Aws(aws.server, got["AccessKeyId"], got["SecretAccessKey"], "another")("sts").get_caller_identity()
    assert aws("sts").get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == ACCOUNT
