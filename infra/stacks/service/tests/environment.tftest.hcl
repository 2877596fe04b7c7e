# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  override_resource {
    target          = module.balancer.aws_lb_target_group.this
    override_during = plan
    values          = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/links-test/0123456789abcdef" }
  }
}

override_data {
  target = data.terraform_remote_state.bootstrap
  values = {
    outputs = {
      kms_key_arns = {
        states    = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111"
        data      = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
        telemetry = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
      }
      workload_boundary_arn = "arn:aws:iam::111122223333:policy/links-test-workload-boundary"
      emails                = ["links@example.com"]
    }
  }
}

override_data {
  target = data.terraform_remote_state.network
  values = {
    outputs = {
      vpc_id                     = "vpc-1"
      public_subnet_ids          = { eu-central-1a = "subnet-1", eu-central-1b = "subnet-2", eu-central-1c = "subnet-3" }
      private_subnet_ids         = { eu-central-1a = "subnet-4", eu-central-1b = "subnet-5", eu-central-1c = "subnet-6" }
      balancer_security_group_id = "sg-1"
      service_security_group_id  = "sg-2"
      service_port               = 8080
    }
  }
}

override_data {
  target = data.terraform_remote_state.registry
  values = {
    outputs = {
      repository_arn = "arn:aws:ecr:eu-central-1:111122223333:repository/links-test"
      repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test"
    }
  }
}

override_data {
  target = data.terraform_remote_state.domain
  values = {
    outputs = {
      domain = { name = "links.example.com", zone_id = "Z0123456789", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e" }
    }
  }
}

override_data {
  target = data.terraform_remote_state.database
  values = {
    outputs = {
      host          = "database.internal"
      port          = 5432
      database_name = "links"
      secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef"
      kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
    }
  }
}

run "image_by_digest" {
  command = plan

  variables {
    image = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = local.image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    error_message = "A digest is looked for in the environment's repository."
  }

  assert {
    condition     = var.scaling.cpu_target == 60 && var.scaling.max_tasks >= 2 * var.scaling.min_tasks && var.desired_count == var.scaling.min_tasks
    error_message = "Everywhere the tasks follow the load at 60 % CPU, begin with as few as there may be, and have room for twice as many."
  }

  assert {
    condition     = (var.scaling.office_hours != null) == (var.environment != "prod")
    error_message = "Production is always open; every other environment closes."
  }

  assert {
    condition     = try(var.scaling.office_hours.close, "18:00") == "18:00" && try(var.scaling.office_hours.open, "08:00") == "08:00" && try(var.scaling.office_hours.timezone, "UTC") == "UTC"
    error_message = "Where it closes, it is open from 08:00 to 18:00 UTC."
  }

  assert {
    condition     = var.environment != "prod" || (var.desired_count >= 3 && var.deletion_protection)
    error_message = "In production every zone has a task, and the balancer is protected."
  }
}
