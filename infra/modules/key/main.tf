# A key of ours in KMS, under an alias. Who may use it is decided by IAM in this
# account; services that act for nobody are named here, each for its own purpose.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name
}

data "aws_iam_policy_document" "this" {
  # checkov:skip=CKV_AWS_109:A key's policy that did not give the account its rights could never be changed again.
  # checkov:skip=CKV_AWS_111:As above; what the account's principals may do is said by their own policies.
  # checkov:skip=CKV_AWS_356:In a key's policy the resource "*" is this key.
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = contains(var.users, "logs") ? ["logs"] : []

    content {
      sid = "CloudWatchLogsOfThisAccount"
      actions = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["logs.${local.region}.amazonaws.com"]
      }

      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*"]
      }
    }
  }

  # AWS's own key for SNS does not let CloudWatch in, so an encrypted topic for
  # alarms needs a key that does.
  dynamic "statement" {
    for_each = contains(var.users, "alarms") ? ["alarms"] : []

    content {
      sid = "AlarmsOfThisAccount"
      actions = [
        "kms:Decrypt",
        "kms:GenerateDataKey*",
      ]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = data.aws_iam_policy_document.this.json

  lifecycle {
    # Without the key, what it encrypted is gone.
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
