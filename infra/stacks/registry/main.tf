# The images. Reads no other state, so that it can be made first and outlive the
# rest.

module "registry" {
  source = "../../modules/registry"

  name                = "${var.project}-${var.environment}"
  force_delete        = var.force_delete
  images_kept         = var.images_kept
  untagged_image_days = var.untagged_image_days
}
