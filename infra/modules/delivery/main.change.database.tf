data "aws_iam_policy_document" "change_database" {
  source_policy_documents = [data.aws_iam_policy_document.change_roles["database"].json]

  statement {
    sid = "Database"
    actions = [
      "rds:AddTagsToResource",
      "rds:CreateDBInstance",
      "rds:CreateDBInstanceReadReplica",
      "rds:CreateDBParameterGroup",
      "rds:CreateDBSnapshot",
      "rds:CreateDBSubnetGroup",
      "rds:DeleteDBInstance",
      "rds:DeleteDBParameterGroup",
      "rds:DeleteDBSubnetGroup",
      "rds:ModifyDBInstance",
      "rds:ModifyDBParameterGroup",
      "rds:ModifyDBSubnetGroup",
      "rds:PromoteReadReplica",
      "rds:RebootDBInstance",
      "rds:RemoveTagsFromResource",
      "rds:ResetDBParameterGroup",
    ]
    resources = [
      "${local.arn.rds}:db:${var.name}",
      "${local.arn.rds}:db:${var.name}-replica-*",
      "${local.arn.rds}:pg:${var.name}-*",
      "${local.arn.rds}:snapshot:${var.name}-final",
      "${local.arn.rds}:subgrp:${var.name}",
      # What every instance has without having asked.
      "${local.arn.rds}:og:default:*",
    ]
  }

  statement {
    sid = "Password"
    actions = [
      "secretsmanager:CreateSecret",
      "secretsmanager:DeleteSecret",
      "secretsmanager:PutSecretValue",
      "secretsmanager:TagResource",
      "secretsmanager:UntagResource",
      "secretsmanager:UpdateSecret",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = ["${local.arn.secretsmanager}:secret:${var.name}-database-*"]
  }

  # RDS makes its secret in the caller's name.
  statement {
    sid = "PasswordKeptByRds"
    actions = [
      "secretsmanager:CreateSecret",
      "secretsmanager:TagResource",
    ]
    resources = ["${local.arn.secretsmanager}:secret:rds!db-*"]
  }

  statement {
    sid = "DataKey"
    actions = [
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:GenerateDataKey",
    ]
    resources = [var.data_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["rds.${local.region}.amazonaws.com", "secretsmanager.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid = "ExportedLogs"
    actions = [
      "logs:AssociateKmsKey",
      "logs:CreateLogGroup",
      "logs:DeleteLogGroup",
      "logs:DeleteRetentionPolicy",
      "logs:DisassociateKmsKey",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = ["${local.arn.logs}:log-group:/aws/rds/instance/${var.name}/*", "${local.arn.logs}:log-group:/aws/rds/instance/${var.name}-replica-*"]
  }
}
