//! Encryption that is real: AES-256-GCM under a key's backing material, with the encryption
//! context as associated data. A ciphertext says which key and which of its materials made it.

use std::collections::BTreeMap;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use wire::Error;

use super::error::{incorrect_key, invalid_ciphertext, not_found};
use super::key;
use super::state::Key;
use crate::{Context, Region};

const FORM: u8 = 1;
const NONCE: usize = 12;

/// What was encrypted, and by which key.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext {
    pub bytes: Vec<u8>,
    /// The key's ARN.
    pub key_arn: String,
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plaintext")
            .field("key_arn", &self.key_arn)
            .finish_non_exhaustive()
    }
}

/// Encrypts under a key, given by id, ARN or alias.
///
/// # Errors
/// If there is no such key, or it is not to be used now.
pub fn encrypt(
    region: &Region,
    context: &Context,
    key: &str,
    encryption_context: &BTreeMap<String, String>,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let key = key::get(region, key)?;
    key.must_be_usable()?;
    Ok(seal(
        key,
        context.bytes::<NONCE>(),
        encryption_context,
        plaintext,
    ))
}

/// Decrypts what [`encrypt`] made; the ciphertext itself says by which key.
///
/// # Errors
/// If it was changed, the context is another, or its key is not to be used now.
pub fn decrypt(
    region: &Region,
    encryption_context: &BTreeMap<String, String>,
    ciphertext: &[u8],
) -> Result<Plaintext, Error> {
    let broken = || invalid_ciphertext("");
    let parts = Parts::read(ciphertext).ok_or_else(broken)?;
    let key = region.kms.keys.get(&parts.key).ok_or_else(|| {
        let arn = region.settings.arn("kms", format!("key/{}", parts.key));
        not_found(format!("Key '{arn}' does not exist"))
    })?;
    key.must_be_usable()?;
    let bytes = open(key, &parts, encryption_context).ok_or_else(broken)?;
    Ok(Plaintext {
        bytes,
        key_arn: key.arn.clone(),
    })
}

/// As [`decrypt`], for a caller who says which key it must have been.
pub(super) fn decrypt_by(
    region: &Region,
    key: Option<&str>,
    encryption_context: &BTreeMap<String, String>,
    ciphertext: &[u8],
) -> Result<Plaintext, Error> {
    if let Some(key) = key {
        let named = key::get(region, key)?;
        let parts = Parts::read(ciphertext).ok_or_else(|| invalid_ciphertext(""))?;
        if named.id != parts.key {
            return Err(incorrect_key(
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ));
        }
    }
    decrypt(region, encryption_context, ciphertext)
}

/// `1`, the length of the key's id and the id, which of its materials (four bytes), the nonce,
/// then what was sealed with its tag.
struct Parts<'a> {
    key: String,
    backing: usize,
    nonce: [u8; NONCE],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(ciphertext: &'a [u8]) -> Option<Self> {
        let (form, rest) = ciphertext.split_first()?;
        if *form != FORM {
            return None;
        }
        let (length, rest) = rest.split_first()?;
        let (key, rest) = rest.split_at_checked(usize::from(*length))?;
        let (backing, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        Some(Self {
            key: String::from_utf8(key.to_vec()).ok()?,
            backing: usize::try_from(u32::from_be_bytes(*backing)).ok()?,
            nonce: *nonce,
            sealed,
        })
    }
}

fn seal(
    key: &Key,
    nonce: [u8; NONCE],
    encryption_context: &BTreeMap<String, String>,
    plaintext: &[u8],
) -> Vec<u8> {
    let backing = key.backing.len() - 1;
    let mut sealed = plaintext.to_vec();
    cipher(key, backing)
        .expect("a key has material, of the right length")
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated(key, encryption_context)),
            &mut sealed,
        )
        .expect("a plaintext is far shorter than AES-GCM's limit");
    let id = key.id.as_bytes();
    let length = u8::try_from(id.len()).expect("an id has at most 40 bytes");
    let number = u32::try_from(backing).expect("a key is turned far less often");
    let mut out = vec![FORM, length];
    out.extend_from_slice(id);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.append(&mut sealed);
    out
}

fn open(
    key: &Key,
    parts: &Parts,
    encryption_context: &BTreeMap<String, String>,
) -> Option<Vec<u8>> {
    let mut bytes = parts.sealed.to_vec();
    let opened = cipher(key, parts.backing)?
        .open_in_place(
            Nonce::assume_unique_for_key(parts.nonce),
            Aad::from(associated(key, encryption_context)),
            &mut bytes,
        )
        .ok()?;
    Some(opened.to_vec())
}

fn cipher(key: &Key, backing: usize) -> Option<LessSafeKey> {
    let material = hex::decode(&key.backing.get(backing)?.material).ok()?;
    UnboundKey::new(&AES_256_GCM, &material)
        .ok()
        .map(LessSafeKey::new)
}

/// The key's ARN and the context, each part with its length before it, so that no two contexts
/// look alike.
fn associated(key: &Key, encryption_context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut part = |text: &str| {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    part(&key.arn);
    for (name, value) in encryption_context {
        part(name);
        part(value);
    }
    out
}
