project     = "links"
environment = "prod"
