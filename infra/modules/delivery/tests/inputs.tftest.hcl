# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name               = "links-test"
  environment_tag    = "test"
  state_bucket       = "links-test-terraform-state"
  state_reads        = { network = ["bootstrap"] }
  states_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111"
  data_kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
  github             = { owner = "acme", owner_id = "12", repository = "links", repository_id = "34" }
  plan_subjects      = ["pull_request"]
  apply              = { environment = "test", refs = ["refs/heads/main"] }
}

run "refuses" {
  command = plan

  variables {
    name               = "Links"
    environment_tag    = "pre-prod"
    state_bucket       = "links.state"
    state_reads        = { cache = ["network"] }
    states_kms_key_arn = "alias/states"
    data_kms_key_arn   = "alias/data"
    github             = { owner = "acme/links", owner_id = "12", repository = "links", repository_id = "34" }
    plan_subjects      = ["*"]
    apply              = { environment = "*", refs = ["refs/heads/main"] }
    domain             = "links.example.com."
    image_sources      = ["*"]
  }

  expect_failures = [
    var.name,
    var.environment_tag,
    var.state_bucket,
    var.state_reads,
    var.states_kms_key_arn,
    var.data_kms_key_arn,
    var.github,
    var.plan_subjects,
    var.apply,
    var.domain,
    var.image_sources,
  ]
}

run "refuses_id_by_name_and_ref_by_branch_and_state_of_nobody" {
  command = plan

  variables {
    github      = { owner = "acme", owner_id = "acme", repository = "links", repository_id = "34" }
    apply       = { environment = "test", refs = ["main"] }
    state_reads = { network = ["registry"] }
  }

  expect_failures = [var.github, var.apply, var.state_reads]
}
