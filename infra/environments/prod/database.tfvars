instance_class        = "db.t4g.medium"
allocated_storage     = 50
max_allocated_storage = 500
multi_az              = true
# Takes the reads. Costs the apply that makes it 160 s more.
replica_count = 1

backup_retention_days = 35
deletion_protection   = true
final_snapshot        = true

log_exports          = ["postgresql", "upgrade"]
log_retention_days   = 365
performance_insights = true
