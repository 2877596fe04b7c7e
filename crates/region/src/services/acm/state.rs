//! What the certificate manager remembers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::acm as api;
use world::database::Secret;

use super::x509::Facts;
use crate::Tags;

crate::tables! { "acm" {
    /// By ARN.
    certificates: String => Certificate,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    pub arn: String,
    /// The domains it is for, the first one first. An imported one has those it names itself.
    pub domains: Vec<Domain>,
    pub imported: bool,
    pub key_algorithm: api::KeyAlgorithm,
    pub status: api::CertificateStatus,
    pub failure: Option<api::FailureReason>,
    pub transparency_logging: bool,
    pub created_at: Timestamp,
    /// Says that a request is one that was made before.
    pub idempotency_token: Option<String>,
    /// When it will be issued, once every domain is validated.
    pub due_at: Option<Timestamp>,
    pub material: Option<Material>,
    pub renewal: Option<Renewal>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Such as `*.example.com`.
    pub name: String,
    pub validated: bool,
}

/// What a certificate is once there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Material {
    /// PEM.
    pub certificate: String,
    /// PEM: those who signed it, up to the authority. Empty where none was given.
    pub chain: String,
    /// PEM, PKCS #8. Never told to anyone but the nodes that serve it.
    pub private_key: Secret,
    /// When it was issued or imported.
    pub at: Timestamp,
    pub facts: Facts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub status: api::RenewalStatus,
    pub updated_at: Timestamp,
}
