# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {}

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

run "images_of_production_are_not_thrown_away" {
  command = plan

  assert {
    condition     = var.environment != "prod" || !var.force_delete
    error_message = "A production repository with images in it is not destroyed."
  }
}
