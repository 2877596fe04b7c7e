# Old states stay for ever: lifecycle rules cost the provider 55 s, and a
# development environment writes little. No access logs for the same reason.
noncurrent_version_days = null
access_log_days         = null

# The repository. Put yours.
github = {
  owner         = "example"
  owner_id      = "1"
  repository    = "links"
  repository_id = "1"
}

# An account knows GitHub once. This is written for one account for all three
# environments; with an account for each, which is better, it is true in each.
create_github_provider = true

# Feature branches and pull requests plan here. Whoever starts a deployment by
# hand may do it from any branch.
plan_subjects = ["pull_request", "ref:refs/heads/*"]
apply_refs    = ["refs/heads/*"]

# No domain: plain HTTP.
domain = null

monthly_budget = 150
emails         = ["links-dev@example.com"]
