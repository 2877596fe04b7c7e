//! The certificates that servers show: signed by an authority that each data directory has for
//! itself, as a region's databases share one.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::{Failure, Step as _};

/// Clients that verify are given this file of the data directory.
pub(crate) const AUTHORITY: &str = "ca/rds-ca.pem";

/// Makes the certificate of a database in its `tls` folder, if the one there is not for these
/// names. Says whether it is new.
pub(crate) fn ensure(data: &Path, tls: &Path, names: &[String]) -> Result<bool, Failure> {
    let mut names: Vec<String> = names.to_vec();
    if names.is_empty() {
        names.push("localhost".into());
    }
    let wanted = names.join("\n");
    let note = tls.join("names");
    if fs::read_to_string(&note).is_ok_and(|have| have == wanted) {
        return Ok(false);
    }
    let step = || format!("make the certificate in {}", tls.display());
    let issuer = Issuer::new(authority_parameters(), authority(data)?);
    let key = KeyPair::generate().step(step)?;
    let mut parameters = CertificateParams::new(names.clone()).step(step)?;
    parameters.distinguished_name = DistinguishedName::new();
    // A common name is at most 64 letters long.
    let common: String = names[0].chars().take(64).collect();
    parameters
        .distinguished_name
        .push(DnType::CommonName, common);
    parameters.use_authority_key_identifier_extension = true;
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = parameters.signed_by(&key, &issuer).step(step)?;
    write(&tls.join("server.crt"), &certificate.pem(), 0o644).step(step)?;
    write(&tls.join("server.key"), &key.serialize_pem(), 0o600).step(step)?;
    write(&note, &wanted, 0o644).step(step)?;
    Ok(true)
}

/// Several databases may be made at once, and all are to have the same authority.
static MAKING: Mutex<()> = Mutex::new(());

/// The authority's key; it and the certificate are made once.
fn authority(data: &Path) -> Result<KeyPair, Failure> {
    let step = || "make the databases' certificate authority";
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let certificate = data.join(AUTHORITY);
    let key = certificate.with_extension("key");
    if certificate.exists() {
        let pem = fs::read_to_string(&key).step(|| format!("read {}", key.display()))?;
        return KeyPair::from_pem(&pem).step(|| format!("understand {}", key.display()));
    }
    if let Some(folder) = certificate.parent() {
        fs::create_dir_all(folder).step(step)?;
    }
    let pair = KeyPair::generate().step(step)?;
    let made = authority_parameters().self_signed(&pair).step(step)?;
    write(&key, &pair.serialize_pem(), 0o600).step(step)?;
    // Last: it says that all is there.
    write(&certificate, &made.pem(), 0o644).step(step)?;
    Ok(pair)
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Terrella RDS CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_again_only_for_other_names() {
        let data = tempfile::tempdir().unwrap();
        let tls = data.path().join("tls");
        fs::create_dir(&tls).unwrap();
        let one = ["one.example".to_owned()];
        assert!(ensure(data.path(), &tls, &one).unwrap());
        let authority = fs::read(data.path().join(AUTHORITY)).unwrap();
        assert!(!ensure(data.path(), &tls, &one).unwrap());
        assert!(ensure(data.path(), &tls, &["two.example".to_owned()]).unwrap());
        assert_eq!(fs::read(data.path().join(AUTHORITY)).unwrap(), authority);
        let mode = fs::metadata(tls.join("server.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
