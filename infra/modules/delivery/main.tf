# What the pipeline may do: roles that GitHub's workflows take with a token of
# their own (no stored keys). Per stack one that plans and can only read, and one
# that applies and can change only what the stack owns; one more to push images.
#
#   main.trust.tf            who may take a role
#   main.boundary.tf         what no role here can ever do, whatever its policies
#   main.states.tf           which states a stack reads and writes
#   main.read.tf             what a plan of each stack looks at
#   main.change.<stack>.tf   what an apply of each stack changes
#   main.image.tf            pushing images
#
# What a stack owns is told by name where AWS's names are ours to choose, and by
# the tag `state` where they are not (EC2).

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # arn:aws:<service>:<region>:<account>
  arn = {
    for service in ["acm", "application-autoscaling", "cloudwatch", "ec2", "ecr", "ecs", "elasticloadbalancing", "kms", "logs", "rds", "secretsmanager", "sns"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account_id}"
  }
  iam_arn    = "arn:${local.partition}:iam::${local.account_id}"
  bucket_arn = "arn:${local.partition}:s3:::${var.state_bucket}"

  stacks = toset(keys(var.state_reads))

  # The value of the tag `state` on everything that a stack makes.
  state_tags = { for stack in local.stacks : stack => "${var.state_bucket}/${stack}" }

  # Roles that stacks make, by the service they are passed to.
  workload_roles = {
    network = { "vpc-flow-logs.amazonaws.com" = ["${var.name}-flow-logs"] }
    service = { "ecs-tasks.amazonaws.com" = ["${var.name}-execution", "${var.name}-task"] }
  }

  # Roles that AWS's services make for themselves when they are first used in an
  # account.
  service_linked_roles = {
    database = ["rds.amazonaws.com"]
    service  = ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"]
  }

  change = {
    network       = data.aws_iam_policy_document.change_network.json
    registry      = data.aws_iam_policy_document.change_registry.json
    domain        = data.aws_iam_policy_document.change_domain.json
    database      = data.aws_iam_policy_document.change_database.json
    service       = data.aws_iam_policy_document.change_service.json
    observability = data.aws_iam_policy_document.change_observability.json
  }
}

# GitHub, known to the account. One per account, so one environment makes it.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]

  lifecycle {
    # Without it no pipeline of the account has any rights.
    prevent_destroy = true
  }
}

resource "aws_iam_role" "plan" {
  for_each = local.stacks

  name                 = "${var.name}-${each.key}-plan"
  description          = "Plans the stack ${each.key} of ${var.name}: reads, changes nothing"
  assume_role_policy   = data.aws_iam_policy_document.trust_plan.json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "plan" {
  for_each = local.stacks

  name   = "read"
  role   = aws_iam_role.plan[each.key].id
  policy = data.aws_iam_policy_document.read[each.key].json
}

resource "aws_iam_role" "apply" {
  for_each = local.stacks

  name                 = "${var.name}-${each.key}-apply"
  description          = "Applies the stack ${each.key} of ${var.name}: changes what the stack owns"
  assume_role_policy   = data.aws_iam_policy_document.trust_apply.json
  permissions_boundary = aws_iam_policy.boundary.arn
  # A database with a standby and a replica takes most of an hour.
  max_session_duration = 7200
}

resource "aws_iam_role_policy" "apply_read" {
  for_each = local.stacks

  name   = "read"
  role   = aws_iam_role.apply[each.key].id
  policy = data.aws_iam_policy_document.read[each.key].json
}

resource "aws_iam_role_policy" "apply_state" {
  for_each = local.stacks

  name   = "write-state"
  role   = aws_iam_role.apply[each.key].id
  policy = data.aws_iam_policy_document.write_state[each.key].json
}

resource "aws_iam_role_policy" "apply_change" {
  for_each = local.stacks

  name   = "change"
  role   = aws_iam_role.apply[each.key].id
  policy = local.change[each.key]
}
