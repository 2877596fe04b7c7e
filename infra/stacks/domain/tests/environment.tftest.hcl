# Run once per environment, with its values.

mock_provider "aws" {
  override_resource {
    target          = module.domain["this"].aws_acm_certificate.this
    override_during = plan
    values = {
      arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
      domain_validation_options = [{
        domain_name           = "links.example.com"
        resource_record_name  = "_a.links.example.com."
        resource_record_type  = "CNAME"
        resource_record_value = "_b.acm-validations.aws."
      }]
    }
  }
}

run "nothing_without_a_domain" {
  command = plan

  override_data {
    target = data.terraform_remote_state.bootstrap
    values = { outputs = {} }
  }

  assert {
    condition     = output.domain == null && output.name_servers == []
    error_message = "An environment without a domain has an empty stack."
  }
}

run "a_certificate_with_one" {
  command = plan

  override_data {
    target = data.terraform_remote_state.bootstrap
    values = { outputs = { domain = { name = "links.example.com", zone_id = "Z0123456789" } } }
  }

  assert {
    condition     = output.domain.name == "links.example.com" && output.domain.zone_id == "Z0123456789"
    error_message = "The name and its zone are told to who serves it."
  }
}
