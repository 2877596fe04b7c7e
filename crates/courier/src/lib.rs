//! Delivers what the region's topics have for mailboxes and web servers.
//!
//! What is to be delivered are rows of the region, so nothing is lost when this is killed: it takes
//! what is due, tries, and says how it went. It knows how mail and HTTP are sent, and no rule of
//! AWS's: texts, retries and who gets what are the region's.

mod mail;
mod maildir;
mod run;
mod server;
mod signer;

use std::path::{Path, PathBuf};

pub use mail::Smtp;
pub use run::run;

use crate::maildir::Maildir;
use crate::server::Client;
use crate::signer::Signer;

#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    #[error("{path} could not be written")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{url} is no mail server: it has to look like smtp://user:password@host:587?tls=required or smtps://host"
    )]
    Smtp {
        url: String,
        source: lettre::transport::smtp::Error,
    },
    #[error("{address} is no mail address")]
    Address {
        address: String,
        source: lettre::address::AddressError,
    },
}

/// Where the mailbox of a region that has no mail server is: a maildir, which mail readers open.
pub fn mailbox(data: &Path) -> PathBuf {
    data.join("mail")
}

/// Everything that delivers.
#[derive(Debug)]
pub struct Courier {
    post: mail::Post,
    client: Client,
    signer: Signer,
}

impl Courier {
    /// Sends mail by `smtp`, or keeps it in [`mailbox`] when there is no such server. `endpoint` is
    /// where the region answers, such as `127.0.0.1:4566`.
    ///
    /// # Errors
    /// If the mailbox cannot be made.
    pub fn new(data: &Path, endpoint: &str, smtp: Option<Smtp>) -> Result<Self, CourierError> {
        let post = match smtp {
            Some(smtp) => mail::Post::Server(smtp),
            None => mail::Post::Maildir(Maildir::open(mailbox(data))?),
        };
        Ok(Self {
            post,
            client: Client::new(data),
            signer: Signer::new(data, endpoint),
        })
    }
}
