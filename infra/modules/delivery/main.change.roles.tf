# The part of each stack's changes that is about roles: only its own, only inside
# the boundary, passed only to the service that they are for.

data "aws_iam_policy_document" "change_roles" {
  for_each = local.stacks

  dynamic "statement" {
    for_each = try([flatten(values(local.workload_roles[each.key]))], [])

    content {
      sid       = "MakeRolesInsideTheBoundary"
      actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
      resources = [for name in statement.value : "${local.iam_arn}:role/${name}"]

      condition {
        test     = "StringEquals"
        variable = "iam:PermissionsBoundary"
        values   = [local.boundary_arns.workload]
      }
    }
  }

  dynamic "statement" {
    for_each = try([flatten(values(local.workload_roles[each.key]))], [])

    content {
      sid = "ChangeRoles"
      actions = [
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
      ]
      resources = [for name in statement.value : "${local.iam_arn}:role/${name}"]
    }
  }

  dynamic "statement" {
    for_each = try(local.workload_roles[each.key], {})

    content {
      actions   = ["iam:PassRole"]
      resources = [for name in statement.value : "${local.iam_arn}:role/${name}"]

      condition {
        test     = "StringEquals"
        variable = "iam:PassedToService"
        values   = [statement.key]
      }
    }
  }

  dynamic "statement" {
    for_each = try([local.service_linked_roles[each.key]], [])

    content {
      sid       = "ServicesOwnRoles"
      actions   = ["iam:CreateServiceLinkedRole"]
      resources = ["${local.iam_arn}:role/aws-service-role/*"]

      condition {
        test     = "StringEquals"
        variable = "iam:AWSServiceName"
        values   = statement.value
      }
    }
  }
}
