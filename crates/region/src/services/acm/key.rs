//! Key pairs of certificates: made from the context's chance alone, or read from what is imported.

use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use rcgen::PublicKeyData;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding as RsaLineEnding,
};
use rsa::traits::PublicKeyParts as _;
use wire::acm::KeyAlgorithm;

use crate::Context;

/// Draws that a scalar of a curve may need until one is below its order; the first nearly always is.
const MOST_DRAWS: usize = 64;

/// A private key and what follows from it.
pub(crate) struct KeyPair {
    secret: Secret,
    /// As certificates hold it: PKCS #1 for RSA, an uncompressed point for a curve.
    public: Vec<u8>,
}

enum Secret {
    Rsa(Box<rsa::RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl KeyPair {
    /// A new key; `None` for an algorithm in which none is made here.
    pub(crate) fn generate(context: &Context, algorithm: KeyAlgorithm) -> Option<Self> {
        let secret = match algorithm {
            KeyAlgorithm::Rsa2048 => {
                let mut chance = Chance(ChaCha12Rng::from_seed(context.bytes()));
                let key = rsa::RsaPrivateKey::new(&mut chance, 2048).ok()?;
                Secret::Rsa(Box::new(key))
            }
            KeyAlgorithm::EcPrime256v1 => {
                let mut draws = (0..MOST_DRAWS).map(|_| context.bytes::<32>());
                Secret::P256(draws.find_map(|bytes| p256::SecretKey::from_slice(&bytes).ok())?)
            }
            KeyAlgorithm::EcSecp384r1 => {
                let mut draws = (0..MOST_DRAWS).map(|_| context.bytes::<48>());
                Secret::P384(draws.find_map(|bytes| p384::SecretKey::from_slice(&bytes).ok())?)
            }
            _ => return None,
        };
        Self::of(secret)
    }

    /// Reads an unencrypted key in PEM: PKCS #8, or PKCS #1 or SEC 1 as older tools write them.
    pub(crate) fn read(pem: &str) -> Option<Self> {
        let rsa = || {
            rsa::RsaPrivateKey::from_pkcs8_pem(pem)
                .ok()
                .or_else(|| rsa::RsaPrivateKey::from_pkcs1_pem(pem).ok())
                .map(|key| Secret::Rsa(Box::new(key)))
        };
        let p256 = || {
            p256::SecretKey::from_pkcs8_pem(pem)
                .ok()
                .or_else(|| p256::SecretKey::from_sec1_pem(pem).ok())
                .map(Secret::P256)
        };
        let p384 = || {
            p384::SecretKey::from_pkcs8_pem(pem)
                .ok()
                .or_else(|| p384::SecretKey::from_sec1_pem(pem).ok())
                .map(Secret::P384)
        };
        Self::of(p256().or_else(p384).or_else(rsa)?)
    }

    fn of(secret: Secret) -> Option<Self> {
        let public = match &secret {
            Secret::Rsa(key) => key.to_public_key().to_pkcs1_der().ok()?.into_vec(),
            Secret::P256(key) => key.public_key().to_sec1_bytes().into_vec(),
            Secret::P384(key) => key.public_key().to_sec1_bytes().into_vec(),
        };
        Some(Self { secret, public })
    }

    /// `None` for a size that the certificate manager does not take.
    pub(crate) fn algorithm(&self) -> Option<KeyAlgorithm> {
        match &self.secret {
            Secret::P256(_) => Some(KeyAlgorithm::EcPrime256v1),
            Secret::P384(_) => Some(KeyAlgorithm::EcSecp384r1),
            Secret::Rsa(key) => match key.size() {
                128 => Some(KeyAlgorithm::Rsa1024),
                256 => Some(KeyAlgorithm::Rsa2048),
                384 => Some(KeyAlgorithm::Rsa3072),
                512 => Some(KeyAlgorithm::Rsa4096),
                _ => None,
            },
        }
    }

    /// PEM, PKCS #8.
    pub(crate) fn to_pem(&self) -> Option<String> {
        let pem = match &self.secret {
            Secret::Rsa(key) => key.to_pkcs8_pem(RsaLineEnding::LF).ok()?.to_string(),
            Secret::P256(key) => key.to_pkcs8_pem(LineEnding::LF).ok()?.to_string(),
            Secret::P384(key) => key.to_pkcs8_pem(LineEnding::LF).ok()?.to_string(),
        };
        Some(pem)
    }

    /// The public key with its algorithm (RFC 5280, 4.1.2.7), in DER.
    pub(crate) fn public_key_info(&self) -> Option<Vec<u8>> {
        Some(match &self.secret {
            Secret::Rsa(key) => key.to_public_key().to_public_key_der().ok()?.into_vec(),
            Secret::P256(key) => key.public_key().to_public_key_der().ok()?.into_vec(),
            Secret::P384(key) => key.public_key().to_public_key_der().ok()?.into_vec(),
        })
    }
}

impl PublicKeyData for KeyPair {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.secret {
            Secret::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
            Secret::P256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Secret::P384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl rcgen::SigningKey for KeyPair {
    /// Only the authority signs, whose key is on P-256; the signature follows from the key and the
    /// message alone (RFC 6979).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        use p256::ecdsa::signature::Signer as _;
        let Secret::P256(key) = &self.secret else {
            return Err(rcgen::Error::UnsupportedSignatureAlgorithm);
        };
        let signing = p256::ecdsa::SigningKey::from(key);
        let signature: p256::ecdsa::DerSignature = signing.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

/// The context's chance in the form that key generation takes it.
struct Chance(ChaCha12Rng);

impl rsa::rand_core::RngCore for Chance {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        self.0.fill_bytes(into);
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill_bytes(into);
        Ok(())
    }
}

impl rsa::rand_core::CryptoRng for Chance {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Settings};

    #[test]
    fn a_key_follows_from_chance_and_is_read_again() {
        let settings = Settings::default();
        let make = |seed, algorithm| {
            let now = jiff::Timestamp::UNIX_EPOCH;
            let context = Context::new(&settings, now, Caller::Root, [seed; 32]);
            KeyPair::generate(&context, algorithm).expect("it is made here")
        };
        for algorithm in [
            KeyAlgorithm::Rsa2048,
            KeyAlgorithm::EcPrime256v1,
            KeyAlgorithm::EcSecp384r1,
        ] {
            let one = make(1, algorithm);
            assert_eq!(one.algorithm(), Some(algorithm));
            assert_eq!(one.to_pem(), make(1, algorithm).to_pem());
            assert_ne!(one.to_pem(), make(2, algorithm).to_pem());
            let read = KeyPair::read(&one.to_pem().unwrap()).expect("it is a key");
            assert_eq!(read.public_key_info(), one.public_key_info());
        }
        assert!(KeyPair::read("-----BEGIN PRIVATE KEY-----\n").is_none());
    }
}
