variable "name" {
  description = "The name that the certificate is for."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.name)) && length(var.name) <= 64
    error_message = "A domain has at most 64 characters, in lower case and without a dot at the end, as in links.example.com."
  }
}

variable "zone_id" {
  description = "Hosted zone, made elsewhere, that the name is in; null to make one for the name itself, to which the zone above must then point (output name_servers)."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "Give the id (Z...) of a hosted zone."
  }
}
