# The images, apart from what runs from them.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

module "registry" {
  source = "../../modules/registry"

  name                = "${var.project}-${var.environment}"
  force_delete        = var.force_delete
  images_kept         = var.images_kept
  untagged_image_days = var.untagged_image_days
  kms_key_arn         = data.terraform_remote_state.bootstrap.outputs.kms_key_arns.data
}
