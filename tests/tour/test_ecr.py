"""ECR: repositories and what they hold, by the API; the registry's protocol has tests of its own."""

import base64
import hashlib
import json
import urllib.error

import pytest

from image import Registry
from tour import ACCOUNT, REGION, TAGS, every, refused, tag_list, tags_of


@pytest.fixture
def ecr(aws):
    return aws("ecr")


def test_a_repository_lives(ecr):
    made = ecr.create_repository(
        repositoryName="team/app",
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        tags=tag_list(),
    )["repository"]
    assert made["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/app"
    assert made["repositoryUri"].endswith("/team/app")
    with refused("RepositoryAlreadyExistsException", "'team/app' already exists in the registry with id '000000000000'"):
        ecr.create_repository(repositoryName="team/app")
    [seen] = every(ecr, "describe_repositories", "repositories", repositoryNames=["team/app"])
    assert seen["imageTagMutability"] == "IMMUTABLE" and seen["imageScanningConfiguration"] == {"scanOnPush": True}
    assert tags_of(ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]) == TAGS
    ecr.untag_resource(resourceArn=made["repositoryArn"], tagKeys=["team"])
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]) == {"stage": "changed"}
    ecr.put_image_tag_mutability(repositoryName="team/app", imageTagMutability="MUTABLE")
    ecr.put_image_scanning_configuration(repositoryName="team/app", imageScanningConfiguration={"scanOnPush": False})
    assert every(ecr, "list_images", "imageIds", repositoryName="team/app") == []
    ecr.delete_repository(repositoryName="team/app")
    for call in (
        lambda: ecr.describe_repositories(repositoryNames=["team/app"]),
        lambda: ecr.delete_repository(repositoryName="team/app"),
        lambda: ecr.list_images(repositoryName="team/app"),
    ):
        with refused("RepositoryNotFoundException", "team/app"):
            call()


def test_policies_live(ecr):
    ecr.create_repository(repositoryName="app")
    with refused("LifecyclePolicyNotFoundException"):
        ecr.get_lifecycle_policy(repositoryName="app")
    lifecycle = {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
                "action": {"type": "expire"},
            }
        ]
    }
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=json.dumps(lifecycle))
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="app")["lifecyclePolicyText"]) == lifecycle
    for text in ("{}", '{"rules": []}', "[" * 200):
        with refused("InvalidParameterException"):
            ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=text.ljust(100))
    ecr.delete_lifecycle_policy(repositoryName="app")
    with refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName="app")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "ecr:BatchGetImage"}],
    }
    ecr.set_repository_policy(repositoryName="app", policyText=json.dumps(policy))
    assert json.loads(ecr.get_repository_policy(repositoryName="app")["policyText"])["Statement"][0]["Sid"] == "pull"
    ecr.delete_repository_policy(repositoryName="app")


def test_an_image_whose_layers_are_not_there(ecr):
    ecr.create_repository(repositoryName="app")
    digest = "sha256:" + hashlib.sha256(b"{}").hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": digest},
        "layers": [],
    }
    with refused("LayersNotFoundException"):
        ecr.put_image(repositoryName="app", imageManifest=json.dumps(manifest), imageTag="1")
    got = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    assert [one["failureCode"] for one in got["failures"]] == ["ImageNotFound"]
    with refused("ImageNotFoundException"):
        ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "1"}])


def test_images_live(aws, ecr):
    ecr.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE")
    registry = Registry(aws)
    first, second = registry.push("app", "1", Cmd=["one"]), registry.push("app", "2", Cmd=["two"])
    [seen] = every(ecr, "describe_images", "imageDetails", repositoryName="app", imageIds=[{"imageTag": "1"}])
    assert (seen["imageDigest"], seen["imageTags"]) == (first, ["1"])
    got = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "2"}])["images"][0]
    assert got["imageId"] == {"imageDigest": second, "imageTag": "2"}
    with refused("ImageTagAlreadyExistsException", "'1' already exists in the 'app' repository"):
        ecr.put_image(repositoryName="app", imageManifest=got["imageManifest"], imageTag="1")
    with pytest.raises(urllib.error.HTTPError) as caught:
        registry.push("app", "1", Cmd=["three"])
    assert caught.value.code == 400 and b"TAG_INVALID" in caught.value.read()
    # Another name for the same image.
    ecr.put_image(repositoryName="app", imageManifest=got["imageManifest"], imageTag="latest")
    with refused("ImageAlreadyExistsException"):
        ecr.put_image(repositoryName="app", imageManifest=got["imageManifest"], imageTag="latest")
    assert {one.get("imageTag") for one in every(ecr, "list_images", "imageIds", repositoryName="app")} >= {"1", "2", "latest"}
    with refused("RepositoryNotEmptyException", "'app'"):
        ecr.delete_repository(repositoryName="app")
    gone = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": second}, {"imageTag": "absent"}])
    assert {one["imageDigest"] for one in gone["imageIds"]} == {second}
    assert [one["failureCode"] for one in gone["failures"]] == ["ImageNotFound"]
    ecr.delete_repository(repositoryName="app", force=True)


def test_a_login_for_the_registry(ecr):
    [given] = ecr.get_authorization_token()["authorizationData"]
    user, password = base64.b64decode(given["authorizationToken"]).decode().split(":", 1)
    assert user == "AWS" and len(password) > 20
    assert given["proxyEndpoint"].startswith("http")


def test_lists_come_in_pages(ecr):
    for number in range(5):
        ecr.create_repository(repositoryName=f"app-{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["repositories"]) for page in pages] == [2, 2, 1]


def test_names_that_ecr_does_not_take(aws, ecr):
    for name in ("Upper", "a", "-app", "app//x"):
        with refused("InvalidParameterException", "repositoryName"):
            aws.unchecked("ecr").create_repository(repositoryName=name)
    with refused("NotImplemented", "StartImageScan"):
        ecr.start_image_scan(repositoryName="app", imageId={"imageTag": "1"})
