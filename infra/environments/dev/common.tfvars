project     = "links"
environment = "dev"
