"""SNS as Terraform's own provider uses it: made, planned again without changes, changed, removed."""

import os
import pathlib
import shutil
import subprocess

import pytest

from test_sns import mails, web_server
from tour import REGION, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  default_tags {
    tags = { project = "links" }
  }
}

variable "name" {}
variable "kind" {}
variable "hook" {}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "topic" {
  deletion_window_in_days = 7
}

resource "aws_sns_topic" "alarms" {
  name              = "alarms"
  display_name      = var.name
  kms_master_key_id = aws_kms_key.topic.id
  signature_version = 2
  tags              = { stage = "tour" }
  delivery_policy = jsonencode({ http = { disableSubscriptionOverrides = false, defaultHealthyRetryPolicy = {
    minDelayTarget = 5, maxDelayTarget = 20, numRetries = 4, numMaxDelayRetries = 0, numNoDelayRetries = 1
    numMinDelayRetries = 0, backoffFunction = "linear"
  } } })
}

data "aws_iam_policy_document" "alarms" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.me.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "mail" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = "terraform@example.org"
}

resource "aws_sns_topic_subscription" "hook" {
  topic_arn              = aws_sns_topic.alarms.arn
  protocol               = "http"
  endpoint               = var.hook
  endpoint_auto_confirms = true
  filter_policy          = jsonencode({ kind = [var.kind] })
  redrive_policy         = jsonencode({ deadLetterTargetArn = "arn:aws:sqs:eu-central-1:000000000000:dead" })
  delivery_policy = jsonencode({ healthyRetryPolicy = {
    minDelayTarget = 1, maxDelayTarget = 2, numRetries = 3, numMaxDelayRetries = 0, numNoDelayRetries = 0
    numMinDelayRetries = 0, backoffFunction = "exponential"
  } })
}
"""


@pytest.fixture
def terraform(server, region, tmp_path):
    """Runs a command of Terraform with variables; its exit status has to be the one that is wanted."""
    if not shutil.which("terraform"):
        pytest.fail("terraform is missing: install Terraform 1.11 or newer")
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }

    def run(*arguments, status=0, **variables):
        named = [f"-var={name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [ROOT / "scripts" / "terraform", "terraform", *arguments, *named],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == status, done.stdout + done.stderr

    run("init", "-no-color")
    return run


@pytest.mark.timeout(600)
def test_topic_policy_and_subscriptions(terraform, server, aws):
    with web_server(confirms=True) as (hook, _):
        first = {"name": "Links", "kind": "error", "hook": hook}
        terraform("apply", "-auto-approve", "-no-color", **first)
        terraform("plan", "-detailed-exitcode", "-no-color", **first)
        wait_until(lambda: mails(server, "terraform@example.org"), "a mail that asks for a confirmation")
        second = {**first, "name": "Other", "kind": "warning"}
        terraform("plan", "-detailed-exitcode", "-no-color", status=2, **second)
        terraform("apply", "-auto-approve", "-no-color", **second)
        terraform("plan", "-detailed-exitcode", "-no-color", **second)
        terraform("destroy", "-auto-approve", "-no-color", **second)
    assert aws("sns").list_topics()["Topics"] == []
    assert aws("sns").list_subscriptions()["Subscriptions"] == []
