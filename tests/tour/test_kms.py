"""KMS: keys, aliases, grants, and what they encrypt."""

import json

import pytest
from botocore.exceptions import ClientError

from tour import ACCOUNT, REGION, TAGS, every, refused, tag_list, tags_of


@pytest.fixture
def kms(aws):
    return aws("kms")


@pytest.fixture
def key(kms):
    return kms.create_key(Description="tour", Tags=tag_list("TagKey", "TagValue"))["KeyMetadata"]["KeyId"]


def test_a_key_lives(kms, key):
    seen = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert seen["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
    assert (seen["KeyState"], seen["KeyManager"], seen["KeySpec"], seen["Enabled"]) == ("Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", True)
    assert tags_of(every(kms, "list_resource_tags", "Tags", KeyId=key), "TagKey", "TagValue") == TAGS
    kms.untag_resource(KeyId=key, TagKeys=["team"])
    kms.update_key_description(KeyId=key, Description="changed")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "changed"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 90
    kms.disable_key_rotation(KeyId=key)
    assert every(kms, "list_key_policies", "PolicyNames", KeyId=key) == ["default"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append({"Sid": "more", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]) == policy
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy="{")
    kms.disable_key(KeyId=key)
    with refused("DisabledException", f"{seen['Arn']} is disabled."):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.enable_key(KeyId=key)
    with refused("ValidationException"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=3)
    gone = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert gone["KeyState"] == "PendingDeletion"
    with refused("KMSInvalidStateException", "pending deletion"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    absent = "00000000-0000-0000-0000-000000000000"
    with refused("NotFoundException", f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/{absent}' does not exist"):
        kms.describe_key(KeyId=absent)
    with refused("NotFoundException", "Invalid keyId 'nonsense'"):
        kms.describe_key(KeyId="nonsense")


def test_it_really_encrypts(aws, kms, key):
    context = {"purpose": "tour"}
    sealed = kms.encrypt(KeyId=key, Plaintext=b"a secret", EncryptionContext=context)["CiphertextBlob"]
    again = kms.encrypt(KeyId=key, Plaintext=b"a secret", EncryptionContext=context)["CiphertextBlob"]
    assert b"a secret" not in sealed and sealed != again
    opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    assert opened["Plaintext"] == b"a secret" and opened["KeyId"].endswith(key)
    for blob, given in [
        (sealed, {"purpose": "other"}),
        (sealed, {}),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), context),
        (sealed[:20], context),
        (b"nonsense", context),
    ]:
        with refused("InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=given)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context, KeyId=other)
    moved = kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=context, DestinationKeyId=other)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved)["Plaintext"] == b"a secret"
    # What an older version of the key sealed can still be opened.
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"a secret"
    with refused("ValidationException", "4096"):
        aws.unchecked("kms").encrypt(KeyId=key, Plaintext=b"x" * 4097)


def test_data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    sealed = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in sealed
    assert len(kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"]) == 64
    assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16
    with refused("ValidationException"):
        kms.generate_data_key(KeyId=key)


def test_an_alias_lives(kms, key):
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    with refused("AlreadyExistsException", "alias/app"):
        kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    for name in ("app", "alias/aws/app"):
        with pytest.raises(ClientError):
            kms.create_alias(AliasName=name, TargetKeyId=key)
    sealed = kms.encrypt(KeyId="alias/app", Plaintext=b"x")
    assert sealed["KeyId"].endswith(key)
    assert [one["TargetKeyId"] for one in every(kms, "list_aliases", "Aliases", KeyId=key)] == [key]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == other
    kms.delete_alias(AliasName="alias/app")
    with refused("NotFoundException", "alias/app"):
        kms.describe_key(KeyId="alias/app")


def test_a_grant_lives(kms, key):
    made = kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root", Operations=["Decrypt"])
    [seen] = every(kms, "list_grants", "Grants", KeyId=key)
    assert (seen["GrantId"], seen["Operations"]) == (made["GrantId"], ["Decrypt"])
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert every(kms, "list_grants", "Grants", KeyId=key) == []


def test_lists_come_in_pages(kms):
    keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["Keys"]) == 2 for page in pages[:-1])
    assert keys <= {one["KeyId"] for page in pages for one in page["Keys"]}


def test_what_is_not_there_is_refused_by_name(kms, key):
    with refused("NotImplemented", "Sign"):
        kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
