noncurrent_version_days  = 90
noncurrent_versions_kept = 100
access_log_days          = 365

# The repository. Put yours.
github = {
  owner         = "example"
  owner_id      = "1"
  repository    = "links"
  repository_id = "1"
}

# See dev's: true where this environment has an account of its own.
create_github_provider = false

# Tags are deployed; main is planned to see whether reality has moved.
plan_subjects = ["ref:refs/heads/main", "ref:refs/tags/v*"]
apply_refs    = ["refs/tags/v*"]
promotes_from = ["stage"]

# Put yours, with zone_id where the zone is there already.
domain = { name = "links.example.com" }

monthly_budget = 800
emails         = ["links-prod@example.com"]
