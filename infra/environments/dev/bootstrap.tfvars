# Old states stay for ever: lifecycle rules cost the provider 55 s, and a
# development environment writes little.
noncurrent_version_days = null
