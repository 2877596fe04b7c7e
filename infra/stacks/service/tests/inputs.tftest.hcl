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

run "image_by_tag" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  assert {
    condition     = local.image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test:v1.2.3"
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

run "settings_beside_the_stacks_own" {
  command = plan

  variables {
    image    = "v1.2.3"
    settings = { CACHE_TTL = "30s", LINKS_DRILLS = "1" }
  }

  assert {
    condition     = output.settings == tomap({ CACHE_TTL = "30s", LINKS_DRILLS = "1" })
    error_message = "What was set can be read by who sets more."
  }
}

run "reads_from_the_writer_where_there_is_nothing_else" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  assert {
    condition     = length(output.reader_hosts) == 0 && !contains(keys(module.service.environment), "DATABASE_READER_HOST")
    error_message = "Without replicas the application is told of none."
  }
}

run "reads_from_the_replicas" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  override_data {
    target = data.terraform_remote_state.database
    values = {
      outputs = {
        host          = "database.internal"
        replica_hosts = { "1" = "replica-1.internal", "2" = "replica-2.internal" }
        port          = 5432
        database_name = "links"
        secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-test-abcdef"
        kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
      }
    }
  }

  assert {
    condition     = module.service.environment["DATABASE_READER_HOST"] == "replica-1.internal,replica-2.internal"
    error_message = "The application is told of every replica."
  }
}

run "refuses_settings_that_no_environment_has" {
  command = plan

  variables {
    image    = "v1.2.3"
    settings = { "cache-ttl" = "30s" }
  }

  expect_failures = [var.settings]
}

run "refuses_settings_of_the_stacks_own" {
  command = plan

  variables {
    image    = "v1.2.3"
    settings = { DATABASE_HOST = "elsewhere.internal" }
  }

  expect_failures = [var.settings]
}

run "refuses_readers_of_its_own" {
  command = plan

  variables {
    image    = "v1.2.3"
    settings = { DATABASE_READER_HOST = "elsewhere.internal" }
  }

  expect_failures = [var.settings]
}

run "refuses_settings_without_a_value" {
  command = plan

  variables {
    image    = "v1.2.3"
    settings = { CACHE_TTL = null }
  }

  expect_failures = [var.settings]
}

run "refuses_drills_in_production" {
  command = plan

  variables {
    image       = "v1.2.3"
    environment = "prod"
    scaling     = { min_tasks = 3, max_tasks = 12 }
    settings    = { LINKS_DRILLS = "1" }
  }

  expect_failures = [var.settings]
}

run "https_where_there_is_a_domain" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  assert {
    condition     = output.url == "https://links.example.com" && toset(keys(output.listener_arns)) == toset(["http", "https"])
    error_message = "A domain has a certificate, and HTTPS is what is served."
  }
}

run "says_that_plain_http_is_for_development" {
  command = plan

  variables {
    image = "v1.2.3"
  }

  override_data {
    target = data.terraform_remote_state.domain
    values = {
      outputs = { name_servers = [] }
    }
  }

  expect_failures = [check.https]
}
