# Where this environment's states are. Also given as a variable file, so that
# there is one place to change it. S3 names are global: choose your own.
bucket = "links-stage-terraform-state"
region = "eu-central-1"
