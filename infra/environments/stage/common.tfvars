project     = "links"
environment = "stage"
