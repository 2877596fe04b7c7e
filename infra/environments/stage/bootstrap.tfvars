noncurrent_version_days  = 90
noncurrent_versions_kept = 100
access_log_days          = 30

# The repository. Put yours.
github = {
  owner         = "example"
  owner_id      = "1"
  repository    = "links"
  repository_id = "1"
}

# See dev's: true where this environment has an account of its own.
create_github_provider = false

# What is on main, and nothing else. Its plans can read the database's secret.
plan_subjects = ["ref:refs/heads/main"]
apply_refs    = ["refs/heads/main"]
promotes_from = ["dev"]

# Put yours, with zone_id where the zone is there already.
domain = { name = "stage.links.example.com" }

monthly_budget = 300
emails         = ["links-stage@example.com"]
