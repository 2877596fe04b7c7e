# How an image is named, and what is refused.

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

run "image_by_tag" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  assert {
    condition     = output.image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test:v1.2.3"
    error_message = "A tag is looked for in the environment's repository."
  }
}

run "refuses_image_that_moves_and_database_without_tls" {
  command = plan

  variables {
    image            = "latest"
    database_sslmode = "disable"
  }

  expect_failures = [var.image, var.database_sslmode]
}

run "refuses_office_hours_in_production" {
  command = plan

  variables {
    image       = "v1.2.3"
    environment = "prod"
    scaling     = { min_tasks = 3, max_tasks = 12, office_hours = {} }
  }

  expect_failures = [var.scaling]
}

run "office_hours_elsewhere" {
  command = plan

  variables {
    image       = "v1.2.3"
    environment = "stage"
    scaling     = { min_tasks = 2, max_tasks = 6, office_hours = {} }
  }

  assert {
    condition     = output.scaling == { min_tasks = 2, max_tasks = 6 }
    error_message = "Other environments may close."
  }
}
