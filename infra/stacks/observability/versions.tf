terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  # Bucket and region come from the environment's backend.hcl at init, the key
  # that encrypts the state from the bucket's default.
  backend "s3" {
    key          = "observability/terraform.tfstate"
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
      # Where to look for what made it.
      state = "${var.bucket}/observability"
    }
  }
}
