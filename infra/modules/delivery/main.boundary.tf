# Two boundaries. A role can do only what both its policies and its boundary
# allow, so a mistake in a policy, or a policy that somebody managed to widen,
# stays inside.
#
# `delivery` holds the pipeline's own roles. They make no roles but those of the
# stacks, and those only inside the other boundary, `workload`; they cannot touch
# what bootstrap made: the states' bucket, the keys, these roles and policies.

locals {
  boundary_names = {
    delivery = "${var.name}-delivery-boundary"
    workload = "${var.name}-workload-boundary"
  }
  # Written out, because a boundary speaks of itself.
  boundary_arns = { for kind, name in local.boundary_names : kind => "${local.iam_arn}:policy/${name}" }

  workload_role_arns = [for name in flatten([for roles in values(local.workload_roles) : values(roles)]) : "${local.iam_arn}:role/${name}"]
}

data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_107:A boundary grants nothing; what is read is said by each role's policies.
  # checkov:skip=CKV_AWS_108:As above.
  # checkov:skip=CKV_AWS_109:As above.
  # checkov:skip=CKV_AWS_111:As above.
  # checkov:skip=CKV_AWS_356:As above.
  statement {
    sid = "WhatStacksAreMadeOf"
    actions = [
      "acm:*",
      "application-autoscaling:*",
      "cloudwatch:*",
      "ec2:*",
      "ecr:*",
      "ecs:*",
      "elasticloadbalancing:*",
      "logs:*",
      "rds:*",
      "route53:*",
      "secretsmanager:*",
      "sns:*",
    ]
    resources = ["*"]
  }

  statement {
    sid = "KeysAreUsedAndNotManaged"
    actions = [
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
      "kms:RetireGrant",
    ]
    resources = ["${local.arn.kms}:key/*"]
  }

  statement {
    sid = "StatesAreWrittenAndTheirBucketNotManaged"
    actions = [
      "s3:DeleteObject",
      "s3:GetObject",
      "s3:ListBucket",
      "s3:PutObject",
    ]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]
  }

  statement {
    sid = "RolesOfTheStacksAlone"
    actions = [
      "iam:DeleteRole",
      "iam:DeleteRolePolicy",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:PassRole",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = local.workload_role_arns
  }

  statement {
    sid       = "TheirRightsInsideTheirBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = local.workload_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary_arns.workload]
    }
  }

  statement {
    sid       = "RolesOfAwssOwnServices"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam_arn}:role/aws-service-role/*"]
  }

  statement {
    sid       = "BootstrapIsAPersons"
    effect    = "Deny"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["${local.bucket_arn}/bootstrap/*"]
  }

  # A tag that is not there is no other environment's.
  statement {
    sid       = "NothingOfAnotherEnvironment"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/environment"
      values   = ["false"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment_tag]
    }
  }

  statement {
    sid       = "NothingMadeForAnotherEnvironment"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]

    condition {
      test     = "Null"
      variable = "aws:RequestTag/environment"
      values   = ["false"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment_tag]
    }
  }

  statement {
    sid       = "WhoseAThingIsIsNotForgotten"
    effect    = "Deny"
    actions   = ["*:DeleteTags", "*:RemoveTags*", "*:Untag*"]
    resources = ["*"]

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "aws:TagKeys"
      values   = ["environment", "state"]
    }
  }
}

resource "aws_iam_policy" "boundary" {
  name        = local.boundary_names.delivery
  description = "What the pipeline of ${var.name} can do at most"
  policy      = data.aws_iam_policy_document.boundary.json
}

# What tasks and AWS's services need that act for them, at most.
data "aws_iam_policy_document" "workload" {
  # checkov:skip=CKV_AWS_111:A boundary grants nothing.
  # checkov:skip=CKV_AWS_356:The registry's token is the account's; AWS knows no narrower resource.
  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = ["${local.arn.ecr}:repository/${var.name}"]
  }

  statement {
    sid       = "RegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:CreateLogStream",
      "logs:DescribeLogStreams",
      "logs:PutLogEvents",
    ]
    resources = [
      "${local.arn.logs}:log-group:/ecs/${var.name}:*",
      "${local.arn.logs}:log-group:/vpc/${var.name}/*",
    ]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = local.secret_arns
  }

  statement {
    sid       = "SecretsKeys"
    actions   = ["kms:Decrypt"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "workload" {
  name        = local.boundary_names.workload
  description = "What the roles that the stacks of ${var.name} make can do at most"
  policy      = data.aws_iam_policy_document.workload.json
}
