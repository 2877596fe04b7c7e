//! The region's front door: HTTP, signatures, and dispatch to the control plane.
//!
//! One port speaks every service. It owns bulk bytes (objects, image layers) as files and keeps
//! no other state: rules and rows are the region's.

mod absent;
mod admin;
mod api;
mod inside;
pub mod keys;
mod logs;
mod notifications;
mod patience;
mod registry;
mod route;
mod s3;
mod server;
pub mod sigv4;
mod tls;
mod via;

pub use patience::Patience;
pub use server::{Gateway, GatewayError};

/// What the region's certificates are signed with.
#[derive(Debug, Clone)]
pub struct CertificateAuthority {
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub key: world::database::Secret,
}

/// The authority kept in `<data>/ca`; it is made when it is not there.
///
/// # Errors
/// If it cannot be made or read in `data`.
pub fn certificate_authority(data: &std::path::Path) -> Result<CertificateAuthority, GatewayError> {
    tls::Authority::open(data)
        .and_then(|_| {
            Ok(CertificateAuthority {
                certificate: std::fs::read_to_string(tls::certificate_path(data))?,
                key: world::database::Secret::new(std::fs::read_to_string(tls::key_path(data))?),
            })
        })
        .map_err(|source| GatewayError::Folder {
            what: "the certificate authority",
            path: data.to_owned(),
            source,
        })
}
