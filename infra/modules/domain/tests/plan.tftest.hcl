# What is planned for a name. Nothing is asked of AWS.

mock_provider "aws" {
  override_resource {
    target          = aws_acm_certificate.this
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

variables {
  name = "links.example.com"
}

run "proves_the_name_in_a_zone_of_its_own" {
  command = plan

  assert {
    condition     = aws_acm_certificate.this.validation_method == "DNS" && aws_acm_certificate.this.domain_name == "links.example.com" && aws_route53_zone.this[0].name == "links.example.com"
    error_message = "The certificate is for the name, validated by DNS."
  }

  assert {
    condition     = aws_route53_record.proof.name == "_a.links.example.com." && aws_route53_record.proof.type == "CNAME" && aws_route53_record.proof.records == toset(["_b.acm-validations.aws."])
    error_message = "The record that ACM asked for is written."
  }
}

run "in_a_zone_made_elsewhere" {
  command = plan

  variables {
    zone_id = "Z0123456789"
  }

  assert {
    condition     = length(aws_route53_zone.this) == 0 && aws_route53_record.proof.zone_id == "Z0123456789" && output.name_servers == []
    error_message = "A zone that is given is used."
  }
}
