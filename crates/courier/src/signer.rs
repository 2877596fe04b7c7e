//! Signs documents as SNS does, with a key and certificate of the region's own.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use region::services::sns::document::Document;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::mail::chain;

const BITS: usize = 2048;

/// Makes its key when it is first needed, and keeps it in `<data>/ca`.
#[derive(Debug)]
pub(crate) struct Signer {
    folder: PathBuf,
    base_url: String,
    pair: OnceCell<Pair>,
}

#[derive(Debug)]
struct Pair {
    key: RsaPrivateKey,
    certificate_url: String,
}

impl Signer {
    pub(crate) fn new(data: &Path, endpoint: &str) -> Self {
        let endpoint = endpoint.replace("0.0.0.0:", "127.0.0.1:");
        Self {
            folder: data.join("ca"),
            base_url: format!("http://{endpoint}"),
            pair: OnceCell::new(),
        }
    }

    /// The document with its signature.
    ///
    /// # Errors
    /// A sentence, if the key cannot be made or kept.
    pub(crate) async fn sign(&self, document: &Document) -> Result<String, String> {
        let pair = self
            .pair
            .get_or_try_init(|| {
                let folder = self.folder.clone();
                let base_url = self.base_url.clone();
                async move {
                    // To make a key takes a second.
                    tokio::task::spawn_blocking(move || Pair::open(&folder, &base_url))
                        .await
                        .map_err(|error| error.to_string())?
                        .map_err(|error| format!("the signing key: {}", chain(error.as_ref())))
                }
            })
            .await?;
        let text = document.string_to_sign();
        let signed = if document.signature_version == 2 {
            let digest = Sha256::digest(text.as_bytes());
            pair.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest)
        } else {
            let digest = Sha1::digest(text.as_bytes());
            pair.key.sign(Pkcs1v15Sign::new::<Sha1>(), &digest)
        };
        let signature = signed.map_err(|error| error.to_string())?;
        Ok(document.signed(&STANDARD.encode(signature), &pair.certificate_url))
    }
}

impl Pair {
    fn open(
        folder: &Path,
        base_url: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        fs::create_dir_all(folder)?;
        let path = folder.join("sns.key");
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS)?;
                let pem = key.to_pkcs8_pem(LineEnding::LF)?.to_string();
                write_private(&path, &pem)?;
                pem
            }
            Err(error) => return Err(error.into()),
        };
        let key = RsaPrivateKey::from_pkcs8_pem(&pem)?;
        // Its name says which key it is for, as AWS's does.
        let name = ring::digest::digest(&ring::digest::SHA256, pem.as_bytes());
        let name = hex::encode(&name.as_ref()[..16]);
        let file = format!("SimpleNotificationService-{name}.pem");
        if !folder.join(&file).exists() {
            fs::write(folder.join(&file), certificate(&pem)?)?;
        }
        Ok(Self {
            key,
            certificate_url: format!("{base_url}/{file}"),
        })
    }
}

fn certificate(key: &str) -> Result<String, rcgen::Error> {
    let key = rcgen::KeyPair::from_pem_and_sign_algo(key, &rcgen::PKCS_RSA_SHA256)?;
    let mut parameters = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, "sns.amazonaws.com");
    name.push(rcgen::DnType::OrganizationName, "Terrella");
    parameters.distinguished_name = name;
    Ok(parameters.self_signed(&key)?.pem())
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
