# The environment's name on the internet and its certificate, where it has one.
# Which it is, is a value of bootstrap, because rights depend on it.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

locals {
  # A state keeps no outputs that are null.
  domain = try(data.terraform_remote_state.bootstrap.outputs.domain, null)
}

module "domain" {
  source   = "../../modules/domain"
  for_each = local.domain == null ? {} : { this = local.domain }

  name    = each.value.name
  zone_id = try(each.value.zone_id, null)
}
