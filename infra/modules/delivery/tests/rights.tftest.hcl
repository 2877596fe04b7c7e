# What the roles may do and who may take them. The provider is the real one, so
# that the policies are those that AWS would get; it asks nothing of AWS.

provider "aws" {
  region     = "eu-central-1"
  access_key = "none"
  secret_key = "none"

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "111122223333" }
}

variables {
  name               = "links-test"
  environment_tag    = "test"
  state_bucket       = "links-test-terraform-state"
  states_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111"
  data_kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"

  state_reads = {
    network       = ["bootstrap"]
    registry      = ["bootstrap"]
    domain        = ["bootstrap"]
    database      = ["bootstrap", "network"]
    service       = ["bootstrap", "database", "domain", "network", "registry"]
    observability = ["bootstrap", "database", "service"]
  }

  github        = { owner = "acme", owner_id = "12", repository = "links", repository_id = "34" }
  plan_subjects = ["pull_request", "ref:refs/heads/*"]
  apply         = { environment = "test", refs = ["refs/heads/main"] }
  domain        = "links.example.com"
  create_zone   = true
  image_sources = ["links-dev"]
}

run "who_may_take_a_role" {
  command = plan

  assert {
    condition = jsondecode(data.aws_iam_policy_document.trust_plan.json).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud"           = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:repository_id" = "34"
      }
      StringLike = {
        "token.actions.githubusercontent.com:sub" = [
          "repo:acme/links:pull_request",
          "repo:acme/links:ref:refs/heads/*",
          "repo:acme@12/links@34:pull_request",
          "repo:acme@12/links@34:ref:refs/heads/*",
        ]
      }
    }
    error_message = "Plans are for this repository's branches and pull requests, in both of GitHub's spellings."
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.trust_apply.json).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud"           = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:repository_id" = "34"
        "token.actions.githubusercontent.com:sub"           = ["repo:acme/links:environment:test", "repo:acme@12/links@34:environment:test"]
      }
      StringLike = { "token.actions.githubusercontent.com:ref" = "refs/heads/main" }
    }
    error_message = "Applies are for jobs in the environment, on the branch."
  }

  assert {
    condition = alltrue([
      for document in [data.aws_iam_policy_document.trust_plan, data.aws_iam_policy_document.trust_apply] :
      length(jsondecode(document.json).Statement) == 1 && jsondecode(document.json).Statement[0].Principal == { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
    ])
    error_message = "Nobody but GitHub."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1 && toset(keys(aws_iam_role.plan)) == toset(keys(var.state_reads)) && toset(keys(aws_iam_role.apply)) == toset(keys(var.state_reads))
    error_message = "Each stack has a role to plan and a role to apply."
  }
}

run "plans_only_read" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for stack, document in data.aws_iam_policy_document.read : [
        for statement in jsondecode(document.json).Statement : [
          for action in flatten([statement.Action]) : can(regex("^[a-z0-9-]+:(Describe|Get|List)", action)) || action == "kms:Decrypt"
        ]
      ]
    ]))
    error_message = "A plan describes, gets and lists."
  }

  assert {
    condition = { for stack, document in data.aws_iam_policy_document.read_state : stack => toset(flatten([for statement in document.statement : statement.resources if statement.sid == "ReadStates"])) } == {
      for stack, reads in var.state_reads : stack => toset([for name in concat([stack], reads) : "arn:aws:s3:::links-test-terraform-state/${name}/terraform.tfstate"])
    }
    error_message = "A plan reads its own state and those that its stack reads."
  }

  assert {
    condition = [
      for stack, document in data.aws_iam_policy_document.read : stack
      if anytrue([for statement in jsondecode(document.json).Statement : contains(flatten([statement.Action]), "secretsmanager:GetSecretValue")])
    ] == ["database"]
    error_message = "No plan but the database's comes near a secret."
  }
}

run "applies_write_their_own_state" {
  command = plan

  assert {
    condition = {
      for stack, document in data.aws_iam_policy_document.write_state : stack => toset(flatten([for statement in document.statement : statement.resources if contains(statement.actions, "s3:PutObject")]))
      } == {
      for stack in keys(var.state_reads) : stack => toset([for suffix in ["", ".tflock"] : "arn:aws:s3:::links-test-terraform-state/${stack}/terraform.tfstate${suffix}"])
    }
    error_message = "A state is written by its stack's role alone."
  }

  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.write_state : [for statement in document.statement : [for resource in statement.resources : endswith(resource, ".tflock")] if contains(statement.actions, "s3:DeleteObject")]
    ]))
    error_message = "Locks are released; states are never deleted."
  }
}

run "applies_change_what_their_stack_owns" {
  command = plan

  # Named resources carry the system's name; where AWS has no names, the tag of
  # the stack is asked for. What is left is listed here, and nothing else may be.
  assert {
    condition = toset(flatten([
      for stack, json in local.change : [
        for statement in jsondecode(json).Statement : [for action in flatten([statement.Action]) : "${stack} ${action}"]
        if alltrue([for resource in flatten([statement.Resource]) : !strcontains(resource, "links-test")]) && !strcontains(jsonencode(try(statement.Condition, {})), "links-test")
      ]
      ])) == toset([
      "database iam:CreateServiceLinkedRole",
      "service iam:CreateServiceLinkedRole",
      # Rules have no tags; their group has.
      "network ec2:RevokeSecurityGroupEgress",
      "network ec2:RevokeSecurityGroupIngress",
      "network route53:AssociateVPCWithHostedZone",
      # A zone is named by AWS; records are held to the domain's name.
      "domain route53:ChangeResourceRecordSets",
      "domain route53:ChangeTagsForResource",
      "domain route53:CreateHostedZone",
      "domain route53:DeleteHostedZone",
      "domain route53:UpdateHostedZoneComment",
      "service route53:ChangeResourceRecordSets",
      # By one key, through the service that needs it.
      "registry kms:CreateGrant",
      "registry kms:DescribeKey",
      "registry kms:RetireGrant",
      "database kms:CreateGrant",
      "database kms:Decrypt",
      "database kms:DescribeKey",
      "database kms:GenerateDataKey",
      # RDS names the secrets that it keeps.
      "database secretsmanager:CreateSecret",
      "database secretsmanager:TagResource",
      "service ecs:DeregisterTaskDefinition",
    ])
    error_message = "Something can be changed that neither name nor tag says to be the stack's: ${jsonencode(toset(flatten([
      for stack, json in local.change : [
        for statement in jsondecode(json).Statement : [for action in flatten([statement.Action]) : "${stack} ${action}"]
        if alltrue([for resource in flatten([statement.Resource]) : !strcontains(resource, "links-test")]) && !strcontains(jsonencode(try(statement.Condition, {})), "links-test")
      ]
    ])))}"
  }

  assert {
    condition = alltrue(flatten([
      for stack, json in local.change : [
        for statement in jsondecode(json).Statement : [
          for action in flatten([statement.Action]) : !endswith(action, "*") && !can(regex("^(s3|organizations|account|sts|budgets):", action))
        ]
      ]
    ]))
    error_message = "Changes are listed one by one, and none is of buckets, accounts or sessions."
  }
}

run "roles_stay_inside_the_boundary" {
  command = plan

  assert {
    condition = toset(flatten([
      for json in values(local.change) : [
        for statement in jsondecode(json).Statement : statement.Resource if anytrue([for action in flatten([statement.Action]) : startswith(action, "iam:") && action != "iam:CreateServiceLinkedRole"])
      ]
    ])) == toset([for name in ["execution", "flow-logs", "task"] : "arn:aws:iam::111122223333:role/links-test-${name}"])
    error_message = "No role but those of the stacks can be made, changed or passed: not the pipeline's own, not another environment's."
  }

  assert {
    condition = alltrue(flatten([
      for json in concat(values(local.change), [data.aws_iam_policy_document.boundary.json]) : [
        for statement in jsondecode(json).Statement :
        try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == "arn:aws:iam::111122223333:policy/links-test-workload-boundary"
        if length(setintersection(flatten([statement.Action]), ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:AttachRolePolicy"])) > 0
      ]
    ]))
    error_message = "Rights are given only to roles inside the boundary."
  }

  assert {
    condition = alltrue([
      for json in concat(values(local.change), [data.aws_iam_policy_document.boundary.json]) : !strcontains(json, "DeleteRolePermissionsBoundary") && !strcontains(json, "CreatePolicy") && !strcontains(json, "OpenIDConnect") && !strcontains(json, "PutKeyPolicy") && !strcontains(json, "ScheduleKeyDeletion")
    ])
    error_message = "No boundary is taken off, no policy, provider or key is changed."
  }

  assert {
    condition = { for statement in jsondecode(data.aws_iam_policy_document.change_service.json).Statement : jsonencode(statement.Resource) => statement.Condition if contains(flatten([statement.Action]), "iam:PassRole") } == {
      "[\"arn:aws:iam::111122223333:role/links-test-task\",\"arn:aws:iam::111122223333:role/links-test-execution\"]" = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    }
    error_message = "The service's roles are passed to tasks and to nothing else."
  }

  assert {
    condition = toset([for statement in jsondecode(data.aws_iam_policy_document.boundary.json).Statement : statement.Sid if statement.Effect == "Deny"]) == toset([
      "BootstrapIsAPersons", "NothingOfAnotherEnvironment", "NothingMadeForAnotherEnvironment", "WhoseAThingIsIsNotForgotten",
    ])
    error_message = "Bootstrap and other environments are out of reach, whatever a policy says."
  }

  assert {
    condition     = !anytrue([for action in flatten([for statement in jsondecode(data.aws_iam_policy_document.workload.json).Statement : statement.Action]) : can(regex("\\*|^(iam|sts|s3|ec2|ecs):", action))])
    error_message = "A task's role can never do more than pull, log and read secrets."
  }
}

run "applies_may_make_the_calls_that_terraform_makes" {
  command = plan

  # Recorded while each stack was applied, planned again and destroyed.
  assert {
    condition = alltrue(flatten([
      for stack in keys(var.state_reads) : [
        for call in compact(split("\n", file("tests/calls/${stack}.txt"))) : anytrue([
          for action in flatten([for json in [data.aws_iam_policy_document.read[stack].json, local.change[stack]] : [for statement in jsondecode(json).Statement : statement.Action]]) : action == call
        ])
      ]
    ]))
    error_message = "Terraform makes calls that its role may not: ${jsonencode(flatten([
      for stack in keys(var.state_reads) : [
        for call in compact(split("\n", file("tests/calls/${stack}.txt"))) : "${stack} ${call}" if !anytrue([
          for action in flatten([for json in [data.aws_iam_policy_document.read[stack].json, local.change[stack]] : [for statement in jsondecode(json).Statement : statement.Action]]) : action == call
        ])
      ]
    ]))}"
  }
}

run "policies_are_of_a_size_that_iam_takes" {
  command = plan

  assert {
    condition = alltrue([
      for stack in keys(var.state_reads) :
      length(jsonencode(jsondecode(data.aws_iam_policy_document.read[stack].json))) + length(jsonencode(jsondecode(data.aws_iam_policy_document.write_state[stack].json))) + length(jsonencode(jsondecode(local.change[stack]))) <= 10240
    ])
    error_message = "A role's own policies have at most 10240 characters together."
  }

  assert {
    condition     = alltrue([for document in [data.aws_iam_policy_document.boundary, data.aws_iam_policy_document.workload] : length(jsonencode(jsondecode(document.json))) <= 6144])
    error_message = "A managed policy has at most 6144 characters."
  }
}

run "without_domain_and_provider" {
  command = plan

  variables {
    domain          = null
    create_zone     = false
    create_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && !anytrue([for json in values(local.change) : strcontains(json, "ChangeResourceRecordSets")])
    error_message = "No domain, no records to write."
  }
}
