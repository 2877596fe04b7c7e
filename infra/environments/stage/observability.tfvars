thresholds = {
  least_requests       = 10
  server_error_percent = 5
  client_error_percent = 60

  # db.t4g.micro takes about 80.
  database_connections = 60
}
