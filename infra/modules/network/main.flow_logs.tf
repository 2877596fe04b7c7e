# Records of who talked to whom, accepted and refused, where an environment
# wants them. They are paid for by the gigabyte.

locals {
  flow_logs = var.flow_log_retention_days == null ? toset([]) : toset(["this"])
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_cloudwatch_log_group" "flow" {
  for_each = local.flow_logs

  name              = "/vpc/${var.name}/flow"
  retention_in_days = var.flow_log_retention_days
  kms_key_id        = var.logs_kms_key_arn
}

data "aws_iam_policy_document" "flow_assume" {
  for_each = local.flow_logs

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    # The service may act for this account's flow logs, not for a stranger's.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:vpc-flow-log/*"]
    }
  }
}

data "aws_iam_policy_document" "flow" {
  for_each = local.flow_logs

  statement {
    actions = [
      "logs:CreateLogStream",
      "logs:DescribeLogStreams",
      "logs:PutLogEvents",
    ]
    resources = ["${aws_cloudwatch_log_group.flow[each.key].arn}:*"]
  }
}

resource "aws_iam_role" "flow" {
  for_each = local.flow_logs

  name                 = "${var.name}-flow-logs"
  description          = "Lets VPC flow logs write their log group"
  assume_role_policy   = data.aws_iam_policy_document.flow_assume[each.key].json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "flow" {
  for_each = local.flow_logs

  name   = "write-log-group"
  role   = aws_iam_role.flow[each.key].id
  policy = data.aws_iam_policy_document.flow[each.key].json
}

resource "aws_flow_log" "this" {
  for_each = local.flow_logs

  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  log_destination = aws_cloudwatch_log_group.flow[each.key].arn
  iam_role_arn    = aws_iam_role.flow[each.key].arn

  tags = { Name = var.name }

  depends_on = [aws_iam_role_policy.flow]
}
