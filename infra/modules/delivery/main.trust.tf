# Who may take a role. GitHub signs a token for each job, whose subject names the
# repository and either the environment that the job runs in (where its approvals
# are kept) or the branch or tag.
#
# GitHub writes the repository in two ways: owner/name, and since 2026
# owner@id/name@id. Both are taken. A name alone can be somebody else's after a
# rename, so the repository's id is asked for too.

locals {
  github = "token.actions.githubusercontent.com"

  repositories = [
    "repo:${var.github.owner}/${var.github.repository}",
    "repo:${var.github.owner}@${var.github.owner_id}/${var.github.repository}@${var.github.repository_id}",
  ]

  provider_arn = "${local.iam_arn}:oidc-provider/${local.github}"

  # A job in an environment has that as its subject, whatever its ref, so the ref
  # is a condition of its own.
  subjects_apply = [for repository in local.repositories : "${repository}:environment:${var.apply.environment}"]
  subjects_plan = flatten([
    for repository in local.repositories : [for subject in var.plan_subjects : "${repository}:${subject}"]
  ])
}

data "aws_iam_policy_document" "trust_plan" {
  # checkov:skip=CKV_AWS_358:Seen only with the values in: tests/rights.tftest.hcl holds the whole condition to its letter.
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:repository_id"
      values   = [var.github.repository_id]
    }

    condition {
      test     = "StringLike"
      variable = "${local.github}:sub"
      values   = local.subjects_plan
    }
  }
}

data "aws_iam_policy_document" "trust_apply" {
  # checkov:skip=CKV_AWS_358:Seen only with the values in: tests/rights.tftest.hcl holds the whole condition to its letter.
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:repository_id"
      values   = [var.github.repository_id]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:sub"
      values   = local.subjects_apply
    }

    condition {
      test     = "StringLike"
      variable = "${local.github}:ref"
      values   = var.apply.refs
    }
  }
}
