"""S3: buckets, objects, versions, conditional writes, uploads in parts, signed addresses, and the bytes."""

import base64
import hashlib
import io
import json
import os
import urllib.error
import urllib.request

import pytest

from tour import REGION, TAGS, Aws, every, refused, tag_list, tags_of

PART = 5 << 20


@pytest.fixture
def s3(aws):
    return aws("s3")


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="tour", CreateBucketConfiguration={"LocationConstraint": REGION})
    return "tour"


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def put(s3, bucket, key, body=b"", **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def test_a_bucket_lives(s3, bucket):
    s3.get_waiter("bucket_exists").wait(Bucket=bucket)
    assert [one["Name"] for one in every(s3, "list_buckets", "Buckets")] == [bucket]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == REGION
    with refused("BucketAlreadyOwnedByYou", status=409):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    put(s3, bucket, "a")
    with refused("BucketNotEmpty", status=409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)
    with refused("NoSuchBucket", status=404):
        s3.list_objects_v2(Bucket=bucket)
    with refused("NoSuchBucket"):
        put(s3, bucket, "a")
    with refused("404"):
        s3.head_bucket(Bucket=bucket)
    for name in ("Upper", "ab", "1.2.3.4", "a..b", "xn--a", "-a-"):
        with refused("InvalidBucketName"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def test_how_a_bucket_is_set_up(s3, bucket):
    for look, code in [
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ]:
        with refused(code, status=404):
            look(Bucket=bucket)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    # New buckets are closed to the public, and have no access control lists.
    closed = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == closed
    [rule] = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}

    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]
        },
    )
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" and rule["BucketKeyEnabled"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:PrincipalTag/none": "x"}},
            }
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    with refused("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy="{not json")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list()})
    assert tags_of(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == TAGS
    s3.delete_bucket_tagging(Bucket=bucket)
    lifecycle = {
        "Rules": [
            {
                "ID": "old",
                "Status": "Enabled",
                "Filter": {"Prefix": "logs/"},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            }
        ]
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=lifecycle)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == lifecycle["Rules"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    [rule] = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerPreferred"}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**closed, "BlockPublicPolicy": False})
    assert not s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    s3.delete_public_access_block(Bucket=bucket)
    with refused("NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=bucket)


def test_an_object_lives(s3, bucket):
    body = os.urandom(100_000)
    told = put(s3, bucket, "a/ü+ %/key", body, ContentType="image/png", Metadata={"who": "tour"}, CacheControl="max-age=1")
    assert told["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="a/ü+ %/key")
    got = s3.get_object(Bucket=bucket, Key="a/ü+ %/key")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == ("image/png", {"who": "tour"}, "max-age=1")
    part = s3.get_object(Bucket=bucket, Key="a/ü+ %/key", Range="bytes=10-19")
    assert (part["Body"].read(), part["ContentRange"]) == (body[10:20], "bytes 10-19/100000")
    assert s3.get_object(Bucket=bucket, Key="a/ü+ %/key", Range="bytes=-5")["Body"].read() == body[-5:]
    with refused("InvalidRange", status=416):
        s3.get_object(Bucket=bucket, Key="a/ü+ %/key", Range="bytes=100000-")
    with refused("304"):
        s3.get_object(Bucket=bucket, Key="a/ü+ %/key", IfNoneMatch=told["ETag"])
    with refused("PreconditionFailed", status=412):
        s3.get_object(Bucket=bucket, Key="a/ü+ %/key", IfMatch='"other"')
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a/ü+ %/key"})
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"who": "tour"}
    s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": tag_list()})
    assert tags_of(s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"]) == TAGS
    s3.delete_object_tagging(Bucket=bucket, Key="copy")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == []
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "a/ü+ %/key"}, {"Key": "absent"}]})
    assert {one["Key"] for one in gone["Deleted"]} == {"copy", "a/ü+ %/key", "absent"}
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="copy")
    with refused("NoSuchKey", status=404):
        s3.get_object(Bucket=bucket, Key="copy")
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="copy")


def test_bytes_that_are_not_what_was_said(s3, bucket):
    with refused("BadDigest"):
        put(s3, bucket, "a", b"hello", ContentMD5=base64.b64encode(hashlib.md5(b"other").digest()).decode())
    with refused("BadDigest"):
        put(s3, bucket, "a", b"hello", ChecksumSHA256=base64.b64encode(hashlib.sha256(b"other").digest()).decode())
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRC32", "NhCmhg=="),
        ("CRC32C", "mnG7TA=="),
        ("CRC64NVME", "M3eFcAZSQlc="),
        ("SHA1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ("SHA256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ],
)
def test_checksums_are_kept_and_told(s3, bucket, name, value):
    put(s3, bucket, "a", b"hello", **{f"Checksum{name}": value})
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")[f"Checksum{name}"] == value
    assert f"Checksum{name}" not in s3.head_object(Bucket=bucket, Key="a")
    with refused("BadDigest"):
        put(s3, bucket, "a", b"other", **{f"Checksum{name}": value})


def test_a_body_of_unknown_length_is_signed_in_chunks(aws, bucket):
    # Sent as aws-chunked with a trailing checksum, which is what every SDK does today.
    body = os.urandom(3 << 20)
    aws("s3", request_checksum_calculation="when_supported").upload_fileobj(io.BytesIO(body), bucket, "chunks")
    assert aws("s3").get_object(Bucket=bucket, Key="chunks")["Body"].read() == body


def test_versions(s3, versioned):
    versions = [put(s3, versioned, "a", text)["VersionId"] for text in (b"one", b"two")]
    assert s3.get_object(Bucket=versioned, Key="a")["Body"].read() == b"two"
    assert s3.get_object(Bucket=versioned, Key="a", VersionId=versions[0])["Body"].read() == b"one"
    marker = s3.delete_object(Bucket=versioned, Key="a")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="a")
    with refused("MethodNotAllowed", status=405):
        s3.get_object(Bucket=versioned, Key="a", VersionId=marker["VersionId"])
    with refused("NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="a", VersionId="0" * 32)
    listed = s3.list_object_versions(Bucket=versioned)
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [(versions[1], False), (versions[0], False)]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    with refused("BucketNotEmpty", "You must delete all versions in the bucket."):
        s3.delete_bucket(Bucket=versioned)
    s3.delete_object(Bucket=versioned, Key="a", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=versioned, Key="a")["Body"].read() == b"two"
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    put(s3, versioned, "a", b"three")
    assert s3.head_object(Bucket=versioned, Key="a")["VersionId"] == "null"
    assert len(every(s3, "list_object_versions", "Versions", Bucket=versioned)) == 3


def test_versions_in_pages_and_folders(s3, versioned):
    for key in ("a", "logs/1", "logs/2", "tmp/x/1", "z"):
        for _ in range(2):
            put(s3, versioned, key)
    s3.delete_object(Bucket=versioned, Key="logs/1")
    listed = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [one["Key"] for one in listed["Versions"]] == ["a", "a", "z", "z"]
    assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["logs/", "tmp/"]
    assert "DeleteMarkers" not in listed
    listed = s3.list_object_versions(Bucket=versioned, Delimiter="/", Prefix="logs/")
    assert [one["Key"] for one in listed["Versions"]] == ["logs/1", "logs/1", "logs/2", "logs/2"]
    assert [one["Key"] for one in listed["DeleteMarkers"]] == ["logs/1"]
    for size in (1, 2, 3):
        for delimiter in ({}, {"Delimiter": "/"}):
            pages = list(
                s3.get_paginator("list_object_versions").paginate(
                    Bucket=versioned, PaginationConfig={"PageSize": size}, **delimiter
                )
            )
            seen = [
                [one.get("Prefix") or (one["Key"], one["VersionId"]) for kind in ("Versions", "DeleteMarkers", "CommonPrefixes") for one in page.get(kind, [])]
                for page in pages
            ]
            assert all(len(page) == size for page in seen[:-1])
            together = [one for page in seen for one in page]
            assert len(together) == len(set(together)) == (6 if delimiter else 11)


def test_lists_in_pages_and_folders(s3, bucket):
    keys = ["a", "b/1", "b/2", "b/c/3", "d", "ä/ö"]
    for key in keys:
        put(s3, bucket, key)
    for operation in ("list_objects_v2", "list_objects"):
        assert [one["Key"] for one in every(s3, operation, "Contents", 2, Bucket=bucket)] == keys
        listed = getattr(s3, operation)(Bucket=bucket, Delimiter="/")
        assert [one["Key"] for one in listed["Contents"]] == ["a", "d"]
        assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["b/", "ä/"]
        assert [one["Key"] for one in every(s3, operation, "Contents", 1, Bucket=bucket, Prefix="b/", Delimiter="/")] == ["b/1", "b/2"]
        assert [one["Prefix"] for one in every(s3, operation, "CommonPrefixes", 1, Bucket=bucket, Delimiter="/")] == ["b/", "ä/"]
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="b/2", MaxKeys=1)
    assert (after["Contents"][0]["Key"], after["IsTruncated"], after["KeyCount"]) == ("b/c/3", True, 1)
    with refused("InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="nonsense!")


def test_conditional_writes_are_locks(s3, versioned):
    told = put(s3, versioned, "state.tflock", b"mine", IfNoneMatch="*")
    with refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", status=412) as caught:
        put(s3, versioned, "state.tflock", b"theirs", IfNoneMatch="*")
    assert caught.value.response["Error"]["Condition"] == "If-None-Match"
    put(s3, versioned, "state.tflock", b"mine again", IfMatch=told["ETag"])
    with refused("PreconditionFailed", status=412):
        put(s3, versioned, "state.tflock", b"late", IfMatch=told["ETag"])
    with refused("NoSuchKey", status=404):
        put(s3, versioned, "absent", b"x", IfMatch=told["ETag"])
    with refused("NotImplemented", status=501):
        put(s3, versioned, "state.tflock", b"x", IfNoneMatch='"some"')
    # A delete marker counts as nothing there.
    s3.delete_object(Bucket=versioned, Key="state.tflock")
    put(s3, versioned, "state.tflock", b"next", IfNoneMatch="*")


def test_uploads_in_parts(s3, bucket):
    parts = [os.urandom(PART), os.urandom(PART), b"end"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="text/plain")["UploadId"]
    told = [
        {"PartNumber": at, "ETag": s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=at, Body=part)["ETag"]}
        for at, part in enumerate(parts, 1)
    ]
    assert [one["Size"] for one in every(s3, "list_parts", "Parts", 2, Bucket=bucket, Key="big", UploadId=upload)] == [PART, PART, 3]
    assert [one["UploadId"] for one in every(s3, "list_multipart_uploads", "Uploads", Bucket=bucket)] == [upload]
    complete = lambda given, of=upload: s3.complete_multipart_upload(
        Bucket=bucket, Key="big", UploadId=of, MultipartUpload={"Parts": given}
    )
    with refused("InvalidPartOrder"):
        complete(told[::-1])
    with refused("InvalidPart"):
        complete([*told[:2], {"PartNumber": 3, "ETag": told[0]["ETag"]}])
    with refused("NoSuchUpload"):
        complete(told, "absent")
    done = complete(told)
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == b"".join(parts) and got["ContentType"] == "text/plain"
    assert every(s3, "list_multipart_uploads", "Uploads", Bucket=bucket) == []

    small = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    told = [
        {"PartNumber": at, "ETag": s3.upload_part(Bucket=bucket, Key="big", UploadId=small, PartNumber=at, Body=b"x")["ETag"]}
        for at in (1, 2)
    ]
    with refused("EntityTooSmall"):
        complete(told, small)
    s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=small)
    with refused("NoSuchUpload"):
        s3.list_parts(Bucket=bucket, Key="big", UploadId=small)


def test_parts_that_are_copied(s3, bucket):
    body = os.urandom(PART + 100)
    told = put(s3, bucket, "source", body)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    arguments = dict(Bucket=bucket, Key="copy", UploadId=upload, CopySource={"Bucket": bucket, "Key": "source"})
    parts = [
        {"PartNumber": at, "ETag": s3.upload_part_copy(**arguments, PartNumber=at, CopySourceRange=f"bytes={ends}")["CopyPartResult"]["ETag"]}
        for at, ends in [(1, f"0-{PART - 1}"), (2, f"{PART}-{PART + 99}")]
    ]
    for ends in ("0-", f"0-{PART + 100}", "9-1"):
        with refused("InvalidArgument"):
            s3.upload_part_copy(**arguments, PartNumber=3, CopySourceRange=f"bytes={ends}")
    with refused("PreconditionFailed", status=412) as caught:
        s3.upload_part_copy(**arguments, PartNumber=3, CopySourceIfMatch='"other"')
    assert caught.value.response["Error"]["Condition"] == "x-amz-copy-source-If-Match"
    s3.complete_multipart_upload(Bucket=bucket, Key="copy", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    with refused("PreconditionFailed"):
        s3.copy_object(Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "source"}, CopySourceIfNoneMatch=told["ETag"])
    s3.copy_object(
        Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "source"}, TaggingDirective="REPLACE", Tagging="a=b"
    )
    assert s3.get_object_tagging(Bucket=bucket, Key="x")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_uploads_in_pages_and_folders(s3, bucket):
    ids = {}
    for key in ("a", "a", "b/1", "b/2", "c"):
        ids.setdefault(key, []).append(s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
    for size in (1, 2, 3):
        seen = [(one["Key"], one["UploadId"]) for one in every(s3, "list_multipart_uploads", "Uploads", size, Bucket=bucket)]
        assert [key for key, _ in seen] == ["a", "a", "b/1", "b/2", "c"]
        assert {one for _, one in seen} == {one for many in ids.values() for one in many}
    listed = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["b/"]
    assert [one["Key"] for one in listed["Uploads"]] == ["a", "a", "c"]
    for name in ("tour-b", "tour-c"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    assert [[one["Name"] for one in page["Buckets"]] for page in pages] == [["tour", "tour-b"], ["tour-c"]]


def test_signed_addresses(aws, s3, bucket):
    def ask(url, method="GET", body=None):
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=30) as answer:
            return answer.read()

    sign = lambda operation, seconds=60, **more: s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": "a b/ü", **more}, ExpiresIn=seconds
    )
    ask(sign("put_object"), "PUT", b"by address")
    assert ask(sign("get_object")) == b"by address"
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(sign("get_object").replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    assert caught.value.code == 403 and b"SignatureDoesNotMatch" in caught.value.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(sign("get_object", seconds=700_000))
    assert caught.value.code == 400 and b"AuthorizationQueryParametersError" in caught.value.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{aws.server.url}/{bucket}/a")
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()


def test_keys_that_are_not_good_are_refused(aws, bucket):
    with refused("InvalidAccessKeyId", status=403):
        Aws(aws.server, "AKIAABSENT0000000000", "x")("s3").list_buckets()
    with refused("SignatureDoesNotMatch", status=403):
        Aws(aws.server, "test", "wrong")("s3").list_buckets()


def test_a_session_is_held_to_its_token(aws, bucket):
    user = aws("iam").create_user(UserName="somebody")["User"]["UserName"]
    aws("iam").attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    somebody = Aws(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    given = somebody("sts").get_session_token()["Credentials"]
    keys = (aws.server, given["AccessKeyId"], given["SecretAccessKey"])
    assert Aws(*keys, given["SessionToken"])("s3").list_buckets()["Buckets"]
    for token in ("another", None):
        with refused("InvalidToken", status=400):
            Aws(*keys, token)("s3").list_buckets()


def test_answers_can_be_asked_after(s3, bucket):
    told = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]
    assert told["RequestId"] and told["HostId"]
    with refused("NoSuchKey") as caught:
        s3.get_object(Bucket=bucket, Key="absent")
    error = caught.value.response
    assert error["ResponseMetadata"]["RequestId"] and error["Error"]["Resource"] == f"/{bucket}/absent"


def test_a_file_goes_up_and_comes_down(aws, s3, bucket, tmp_path):
    # boto3's transfer manager: parts in parallel, ranged downloads.
    body = os.urandom(20 << 20)
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(body)
    s3.upload_file(str(source), bucket, "file")
    s3.download_file(bucket, "file", str(back))
    assert back.read_bytes() == body


def test_what_is_not_there_is_refused_by_name(s3, bucket):
    with refused("NotImplemented", status=501):
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    with refused("NotImplemented", status=501):
        s3.select_object_content(
            Bucket=bucket,
            Key="a",
            Expression="select 1",
            ExpressionType="SQL",
            InputSerialization={"JSON": {"Type": "LINES"}},
            OutputSerialization={"JSON": {}},
        )
