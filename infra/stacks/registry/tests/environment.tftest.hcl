# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {}

run "images_of_production_are_not_thrown_away" {
  command = plan

  assert {
    condition     = var.environment != "prod" || !var.force_delete
    error_message = "A production repository with images in it is not destroyed."
  }
}
