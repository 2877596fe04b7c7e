# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

# Terraform's mocks know no ephemeral resources, so this is the provider itself.
# Planning new resources without replicas, it has nothing to ask of AWS.
provider "aws" {
  region     = "eu-central-1"
  access_key = "none"
  secret_key = "none"

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
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
      private_subnet_ids         = { eu-central-1a = "subnet-1", eu-central-1b = "subnet-2", eu-central-1c = "subnet-3" }
      database_security_group_id = "sg-1"
      database_port              = 5432
    }
  }
}

run "data_is_protected_where_it_lives" {
  command = plan

  variables {
    # With replicas the password would be asked for; the module's tests do that.
    replica_count = 0
  }

  assert {
    condition     = var.environment == "dev" || (var.multi_az && var.deletion_protection && var.final_snapshot && var.backup_retention_days >= 7)
    error_message = "Outside dev the database survives its zone, an accident, and its own deletion."
  }
}
