cidr = "10.0.0.0/16"

zones = {
  eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
  eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
  eu-central-1c = { public_cidr = "10.0.2.0/24", private_cidr = "10.0.48.0/20" }
}

# One NAT gateway is the cheapest way out (about half the price of endpoints in
# three zones) and the quickest to make: interface endpoints need DNS host names
# in the VPC, for which the provider waits 10 s.
nat_gateways = "single"
