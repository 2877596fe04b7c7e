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
