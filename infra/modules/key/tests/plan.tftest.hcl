# What is planned for a key. Nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name        = "links-test-data"
  description = "The data of links-test"
}

run "rotates_and_can_be_taken_back" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30 && aws_kms_alias.this.name == "alias/links-test-data"
    error_message = "The key rotates, and its deletion can be taken back for a month."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : [for principal in statement.principals : principal.identifiers]] == [[toset(["arn:aws:iam::111122223333:root"])]]
    error_message = "Nobody but the account's own principals."
  }
}

run "services_are_bound_to_this_account" {
  command = plan

  variables {
    users = ["logs", "alarms"]
  }

  assert {
    condition = { for statement in data.aws_iam_policy_document.this.statement : one(one(statement.principals).identifiers) => [for condition in statement.condition : [condition.variable, one(condition.values)]] } == {
      "arn:aws:iam::111122223333:root"  = []
      "logs.eu-central-1.amazonaws.com" = [["kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:eu-central-1:111122223333:log-group:*"]]
      "cloudwatch.amazonaws.com"        = [["aws:SourceAccount", "111122223333"]]
    }
    error_message = "Services use the key for this account alone."
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.this.statement : !contains(statement.actions, "kms:*") || statement.sid == "AccountDecidesByIam"])
    error_message = "No service administers the key."
  }
}
