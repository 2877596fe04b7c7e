//! The certificate manager: certificates that the region's own authority issues once their domains
//! are shown to be the account's, and ones that were made elsewhere.
//!
//! Listeners use [`certificate::standing`] and [`certificate::material`].

pub mod authority;
pub mod certificate;
mod error;
mod import;
pub(crate) mod key;
mod request;
mod state;
mod tags;
#[cfg(test)]
pub(crate) mod tests;
mod validation;
mod x509;

pub use state::State;

use crate::Service;

pub(crate) const SERVICE: Service = Service {
    reconcile: validation::reconcile,
    deadline: validation::deadline,
    ..Service::new("acm", handler)
};

crate::operations! { wire::acm::op;
    write AddTagsToCertificate => tags::add_tags_to_certificate,
    write DeleteCertificate => certificate::delete_certificate,
    read DescribeCertificate => certificate::describe_certificate,
    read GetCertificate => certificate::get_certificate,
    write ImportCertificate => import::import_certificate,
    read ListCertificates => certificate::list_certificates,
    read ListTagsForCertificate => tags::list_tags_for_certificate,
    write RemoveTagsFromCertificate => tags::remove_tags_from_certificate,
    write RequestCertificate => request::request_certificate,
    write UpdateCertificateOptions => certificate::update_certificate_options,
}
