# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  override_resource {
    target          = module.key["states"].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111" }
  }

  override_resource {
    target          = module.key["data"].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222" }
  }

  override_resource {
    target          = module.key["telemetry"].aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333" }
  }

  # It was made before Terraform was; see main.tf.
  override_resource {
    target = module.state_bucket.aws_s3_bucket.this
    values = { bucket = "links-test-terraform-state", arn = "arn:aws:s3:::links-test-terraform-state" }
  }
}

run "rights_fit_the_environment" {
  command = plan

  assert {
    condition     = var.environment == "dev" || !anytrue([for subject in var.plan_subjects : strcontains(subject, "heads/*") || subject == "pull_request"])
    error_message = "Outside dev only what was reviewed plans: a plan there can read the database's secret."
  }

  assert {
    condition     = var.environment != "prod" || alltrue([for ref in var.apply_refs : startswith(ref, "refs/tags/")])
    error_message = "Production is deployed from tags."
  }

  assert {
    condition     = var.environment == "dev" || output.domain != null
    error_message = "Outside dev there is a name, and with it HTTPS."
  }

  assert {
    condition     = toset(keys(output.kms_key_arns)) == toset(["states", "data", "telemetry"])
    error_message = "States, data and logs have keys of ours."
  }

  assert {
    condition     = var.environment != "prod" || (var.access_log_days != null && var.monthly_budget > 0)
    error_message = "Production records its requests and watches what it costs."
  }
}
