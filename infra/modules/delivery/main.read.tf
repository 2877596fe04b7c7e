# What a plan looks at. Describing and listing is mostly for a whole service,
# because AWS knows no narrower resource there; what can be named is named.

locals {
  secret_arns = [
    "${local.arn.secretsmanager}:secret:${var.name}-*",
    # RDS names the ones that it keeps.
    "${local.arn.secretsmanager}:secret:rds!db-*",
  ]

  # Actions that AWS knows no resource for, and actions on named things.
  describes = {
    network = [
      "ec2:DescribeAddresses",
      "ec2:DescribeAddressesAttribute",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeFlowLogs",
      "ec2:DescribeInternetGateways",
      "ec2:DescribeNatGateways",
      "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribePrefixLists",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcAttribute",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeVpcs",
      "logs:DescribeLogGroups",
    ]
    registry = []
    domain   = ["route53:GetChange", "route53:ListHostedZones"]
    database = [
      "logs:DescribeLogGroups",
      "rds:DescribeDBInstances",
      "rds:DescribeDBParameterGroups",
      "rds:DescribeDBParameters",
      "rds:DescribeDBSubnetGroups",
      "secretsmanager:GetRandomPassword",
    ]
    service = [
      "application-autoscaling:DescribeScalableTargets",
      "application-autoscaling:DescribeScalingActivities",
      "application-autoscaling:DescribeScalingPolicies",
      "application-autoscaling:DescribeScheduledActions",
      "ec2:DescribeNetworkInterfaces",
      "ecs:DescribeTaskDefinition",
      "elasticloadbalancing:DescribeCapacityReservation",
      "elasticloadbalancing:DescribeListenerAttributes",
      "elasticloadbalancing:DescribeListenerCertificates",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancerAttributes",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeRules",
      "elasticloadbalancing:DescribeTags",
      "elasticloadbalancing:DescribeTargetGroupAttributes",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
      "logs:DescribeLogGroups",
      "route53:GetChange",
    ]
    observability = ["cloudwatch:DescribeAlarms"]
  }

  reads = {
    network = {
      "logs:ListTagsForResource" = ["${local.arn.logs}:log-group:/vpc/${var.name}/*"]
    }
    registry = {
      "ecr:DescribeRepositories" = ["${local.arn.ecr}:repository/${var.name}"]
      "ecr:GetLifecyclePolicy"   = ["${local.arn.ecr}:repository/${var.name}"]
      "ecr:ListTagsForResource"  = ["${local.arn.ecr}:repository/${var.name}"]
    }
    domain = {
      "acm:DescribeCertificate"        = ["${local.arn.acm}:certificate/*"]
      "acm:ListTagsForCertificate"     = ["${local.arn.acm}:certificate/*"]
      "route53:GetHostedZone"          = ["arn:${local.partition}:route53:::hostedzone/*"]
      "route53:ListResourceRecordSets" = ["arn:${local.partition}:route53:::hostedzone/*"]
      "route53:ListTagsForResource"    = ["arn:${local.partition}:route53:::hostedzone/*"]
    }
    database = {
      "logs:ListTagsForResource" = ["${local.arn.logs}:log-group:/aws/rds/instance/${var.name}/*", "${local.arn.logs}:log-group:/aws/rds/instance/${var.name}-replica-*"]
      "rds:ListTagsForResource" = [
        "${local.arn.rds}:db:${var.name}",
        "${local.arn.rds}:db:${var.name}-*",
        "${local.arn.rds}:pg:${var.name}-*",
        "${local.arn.rds}:subgrp:${var.name}",
      ]
      "secretsmanager:DescribeSecret"    = ["${local.arn.secretsmanager}:secret:${var.name}-*"]
      "secretsmanager:GetResourcePolicy" = ["${local.arn.secretsmanager}:secret:${var.name}-*"]
      # Terraform reads a secret's version to see that it is there, also where it
      # keeps nothing of it. This is why the database's plans run only for refs
      # that are trusted with its password (README).
      "secretsmanager:GetSecretValue" = ["${local.arn.secretsmanager}:secret:${var.name}-database-*"]
    }
    service = {
      "application-autoscaling:ListTagsForResource" = ["${local.arn.application-autoscaling}:scalable-target/*"]
      "ecs:DescribeClusters"                        = ["${local.arn.ecs}:cluster/${var.name}"]
      "ecs:DescribeServices"                        = ["${local.arn.ecs}:service/${var.name}/*"]
      "ecs:ListTagsForResource"                     = ["${local.arn.ecs}:cluster/${var.name}", "${local.arn.ecs}:service/${var.name}/*", "${local.arn.ecs}:task-definition/${var.name}:*"]
      "logs:ListTagsForResource"                    = ["${local.arn.logs}:log-group:/ecs/${var.name}", "${local.arn.logs}:log-group:/ecs/${var.name}:*"]
      "route53:GetHostedZone"                       = ["arn:${local.partition}:route53:::hostedzone/*"]
      "route53:ListResourceRecordSets"              = ["arn:${local.partition}:route53:::hostedzone/*"]
    }
    observability = {
      "cloudwatch:GetDashboard"        = ["arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${var.name}"]
      "cloudwatch:ListTagsForResource" = ["${local.arn.cloudwatch}:alarm:${var.name}-*"]
      "sns:GetSubscriptionAttributes"  = ["${local.arn.sns}:${var.name}-*"]
      "sns:GetTopicAttributes"         = ["${local.arn.sns}:${var.name}-*"]
      "sns:ListSubscriptionsByTopic"   = ["${local.arn.sns}:${var.name}-*"]
      "sns:ListTagsForResource"        = ["${local.arn.sns}:${var.name}-*"]
    }
  }

  # Statements for one list of resources are one.
  reads_by_resources = {
    for stack, actions in local.reads : stack => {
      for resources in distinct([for list in values(actions) : jsonencode(list)]) :
      resources => [for action, list in actions : action if jsonencode(list) == resources]
    }
  }
}

data "aws_iam_policy_document" "read" {
  # checkov:skip=CKV_AWS_356:AWS knows no narrower resource for what is described with "*".
  # checkov:skip=CKV_AWS_108:The database's secret, see main.read.tf; nothing else is read but settings.
  for_each = local.stacks

  source_policy_documents = [data.aws_iam_policy_document.read_state[each.key].json]

  dynamic "statement" {
    for_each = length(local.describes[each.key]) > 0 ? [local.describes[each.key]] : []

    content {
      sid       = "Describe"
      actions   = statement.value
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.reads_by_resources[each.key]

    content {
      actions   = statement.value
      resources = jsondecode(statement.key)
    }
  }

  dynamic "statement" {
    for_each = contains(keys(local.workload_roles), each.key) ? [local.workload_roles[each.key]] : []

    content {
      sid = "ReadRoles"
      actions = [
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
      ]
      resources = [for name in flatten(values(statement.value)) : "${local.iam_arn}:role/${name}"]
    }
  }
}
