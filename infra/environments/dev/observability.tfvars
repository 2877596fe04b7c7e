thresholds = {
  # A request now and then is all there is, and somebody is trying things out.
  least_requests       = 5
  server_error_percent = 10
  client_error_percent = 80
  latency_seconds      = 2

  # db.t4g.micro takes about 80.
  database_connections = 60
}
