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
  target = data.terraform_remote_state.database
  values = {
    outputs = {
      host          = "database.internal"
      port          = 5432
      database_name = "links"
      secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef"
    }
  }
}

run "image_by_digest" {
  command = plan

  variables {
    image = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = output.image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    error_message = "A digest is looked for in the environment's repository."
  }

  assert {
    condition     = var.environment != "prod" || (var.desired_count >= 3 && var.deletion_protection)
    error_message = "In production every zone has a task, and the balancer is protected."
  }
}
