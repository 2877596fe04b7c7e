desired_count       = 1
deletion_protection = false
log_retention_days  = 7

# Quick to come and quick to go: a deployment waits for both.
deregistration_delay      = 5
health_check_grace_period = 15
health_check = {
  interval = 5
  timeout  = 2
}
