data "aws_iam_policy_document" "change_service" {
  # checkov:skip=CKV_AWS_111:A task definition's family is checked by the roles that it may be given; AWS takes no resource to deregister one.
  # checkov:skip=CKV_AWS_356:As above.
  source_policy_documents = [data.aws_iam_policy_document.change_roles["service"].json]

  statement {
    sid = "Balancer"
    actions = [
      "elasticloadbalancing:AddListenerCertificates",
      "elasticloadbalancing:AddTags",
      "elasticloadbalancing:CreateListener",
      "elasticloadbalancing:CreateLoadBalancer",
      "elasticloadbalancing:CreateTargetGroup",
      "elasticloadbalancing:DeleteListener",
      "elasticloadbalancing:DeleteLoadBalancer",
      "elasticloadbalancing:DeleteTargetGroup",
      "elasticloadbalancing:ModifyListener",
      "elasticloadbalancing:ModifyListenerAttributes",
      "elasticloadbalancing:ModifyLoadBalancerAttributes",
      "elasticloadbalancing:ModifyTargetGroup",
      "elasticloadbalancing:ModifyTargetGroupAttributes",
      "elasticloadbalancing:RemoveListenerCertificates",
      "elasticloadbalancing:RemoveTags",
      "elasticloadbalancing:SetIpAddressType",
      "elasticloadbalancing:SetSecurityGroups",
      "elasticloadbalancing:SetSubnets",
    ]
    resources = [
      "${local.arn.elasticloadbalancing}:listener/app/${var.name}/*",
      "${local.arn.elasticloadbalancing}:loadbalancer/app/${var.name}/*",
      "${local.arn.elasticloadbalancing}:targetgroup/${var.name}/*",
    ]
  }

  statement {
    sid = "Service"
    actions = [
      "ecs:CreateService",
      "ecs:DeleteCluster",
      "ecs:DeleteService",
      "ecs:PutClusterCapacityProviders",
      "ecs:TagResource",
      "ecs:UntagResource",
      "ecs:UpdateCluster",
      "ecs:UpdateClusterSettings",
      "ecs:UpdateService",
    ]
    resources = [
      "${local.arn.ecs}:cluster/${var.name}",
      "${local.arn.ecs}:service/${var.name}/*",
      "${local.arn.ecs}:task-definition/${var.name}:*",
    ]
  }

  # AWS takes no resource for these two.
  statement {
    sid       = "MakeClusterAndTaskDefinition"
    actions   = ["ecs:CreateCluster", "ecs:RegisterTaskDefinition"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.service]
    }
  }

  # The migration that runs before a version takes over, and what became of it.
  statement {
    sid       = "RunTask"
    actions   = ["ecs:RunTask"]
    resources = ["${local.arn.ecs}:task-definition/${var.name}:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.arn.ecs}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "WatchTasks"
    actions   = ["ecs:DescribeTasks", "ecs:ListTasks", "ecs:StopTask"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.arn.ecs}:cluster/${var.name}"]
    }
  }

  statement {
    sid       = "ReadLogs"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = ["${local.arn.logs}:log-group:/ecs/${var.name}:*"]
  }

  statement {
    sid       = "ForgetTaskDefinition"
    actions   = ["ecs:DeregisterTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid = "Logs"
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
    resources = ["${local.arn.logs}:log-group:/ecs/${var.name}", "${local.arn.logs}:log-group:/ecs/${var.name}:*"]
  }

  # A scalable target's ARN says nothing of the service that it scales, so it is
  # known by its tag.
  statement {
    sid       = "BeginToScale"
    actions   = ["application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource"]
    resources = ["${local.arn.application-autoscaling}:scalable-target/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.service]
    }
  }

  statement {
    sid = "Scale"
    actions = [
      "application-autoscaling:DeleteScalingPolicy",
      "application-autoscaling:DeleteScheduledAction",
      "application-autoscaling:DeregisterScalableTarget",
      "application-autoscaling:PutScalingPolicy",
      "application-autoscaling:PutScheduledAction",
      "application-autoscaling:RegisterScalableTarget",
      "application-autoscaling:TagResource",
      "application-autoscaling:UntagResource",
    ]
    resources = ["${local.arn.application-autoscaling}:scalable-target/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/state"
      values   = [local.state_tags.service]
    }
  }

  # A policy's alarms are made in its author's name.
  statement {
    sid       = "AlarmsOfTheScaling"
    actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
    resources = ["${local.arn.cloudwatch}:alarm:TargetTracking-service/${var.name}/*"]
  }

  dynamic "statement" {
    for_each = var.domain == null ? [] : [var.domain]

    content {
      sid       = "PointTheDomainHere"
      actions   = ["route53:ChangeResourceRecordSets"]
      resources = ["arn:${local.partition}:route53:::hostedzone/*"]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        values   = [statement.value]
      }

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsRecordTypes"
        values   = ["A"]
      }
    }
  }
}
