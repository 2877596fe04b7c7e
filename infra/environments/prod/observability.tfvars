thresholds = {
  server_error_percent = 1
  client_error_percent = 40
  latency_percentile   = "p99"

  # db.t4g.medium takes about 400.
  database_connections          = 320
  database_free_memory_mib      = 400
  database_free_storage_percent = 20
  replica_lag_seconds           = 10
}
