# A name on the internet and a certificate for it, which ACM issues once a record
# in the name's zone has shown that the name is ours, and renews while the record
# is there.

locals {
  zone_id = var.zone_id == null ? aws_route53_zone.this[0].zone_id : var.zone_id

  # One name, so one record proves it.
  proof = one(aws_acm_certificate.this.domain_validation_options)
}

resource "aws_route53_zone" "this" {
  # checkov:skip=CKV2_AWS_38:Signing a zone needs a key in another region and the parent's consent; a team that signs brings a zone of its own (zone_id).
  # checkov:skip=CKV2_AWS_39:Who looks a name up is told by resolvers, not by people; the balancer's access logs say who came.
  count = var.zone_id == null ? 1 : 0

  name    = var.name
  comment = "Names below ${var.name}"
}

resource "aws_acm_certificate" "this" {
  domain_name       = var.name
  validation_method = "DNS"

  lifecycle {
    # A listener has a certificate at every moment.
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  zone_id = local.zone_id
  name    = local.proof.resource_record_name
  type    = local.proof.resource_record_type
  records = [local.proof.resource_record_value]
  ttl     = 300

  # A name's record is the same for all of its certificates.
  allow_overwrite = true
}

# Waits until ACM has seen the record, which takes minutes, and for ever while
# the zone above does not yet point to this one's name servers.
resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}
