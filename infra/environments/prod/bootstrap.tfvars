noncurrent_version_days  = 90
noncurrent_versions_kept = 100
