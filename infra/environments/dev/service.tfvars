desired_count       = 1
deletion_protection = false
log_retention_days  = 7

# Nobody is here at night or on weekends.
scaling = {
  min_tasks    = 1
  max_tasks    = 4
  office_hours = {}
}

# Quick to come and quick to go: a deployment waits for both.
deregistration_delay      = 5
health_check_grace_period = 15
health_check = {
  interval = 5
  timeout  = 2
}
