desired_count       = 2
deletion_protection = true
log_retention_days  = 30

# One in two zones at least; closed while nobody tries anything.
scaling = {
  min_tasks    = 2
  max_tasks    = 6
  office_hours = {}
}

deregistration_delay = 30
