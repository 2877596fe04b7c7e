//! A secret's value: sealed under a KMS key when it is stored, opened when it is asked for.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::Error;

use super::error::{invalid_parameter, invalid_request};
use super::state::Sealed;
use crate::services::kms::{cipher, key};
use crate::{Context, Region};

const MOST_BYTES: usize = 65_536;

/// What a secret says.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Binary(Vec<u8>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

impl Value {
    /// The value of a call that may give it in either of two ways, or not at all.
    pub(super) fn given(
        text: Option<String>,
        binary: Option<bytes::Bytes>,
    ) -> Result<Option<Self>, Error> {
        let value = match (text, binary) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value in the same secret.",
                ));
            }
            (Some(text), None) => Self::Text(text),
            (None, Some(binary)) => Self::Binary(binary.to_vec()),
        };
        if value.bytes().len() > MOST_BYTES {
            return Err(invalid_parameter(format!(
                "A secret's value can have at most {MOST_BYTES} bytes."
            )));
        }
        Ok(Some(value))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    pub(super) fn parts(self) -> (Option<String>, Option<bytes::Bytes>) {
        match self {
            Self::Text(text) => (Some(text), None),
            Self::Binary(bytes) => (None, Some(bytes.into())),
        }
    }
}

/// As AWS does: a value belongs to its secret and version.
fn encryption_context(arn: &str, version: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("SecretARN".to_owned(), arn.to_owned()),
        ("SecretVersionId".to_owned(), version.to_owned()),
    ])
}

/// The key a secret is to be sealed under: the one it names, or the service's own.
pub(super) fn checked_key(
    region: &mut Region,
    context: &Context,
    named: Option<&str>,
) -> Result<String, Error> {
    let own = |region: &mut Region| key::aws_managed(region, context, "secretsmanager");
    match named {
        None => Ok(own(region)),
        Some(named) if named.ends_with("alias/aws/secretsmanager") => Ok(own(region)),
        Some(named) => match key::resolve(region, named) {
            None => Err(invalid_request(format!(
                "The KMS key {named} could not be found."
            ))),
            Some(key) if !key.usable() => Err(invalid_request(format!(
                "The KMS key {} is not enabled.",
                key.arn
            ))),
            Some(key) => Ok(key.id.clone()),
        },
    }
}

pub(super) fn seal(
    region: &Region,
    context: &Context,
    key: &str,
    arn: &str,
    version: &str,
    value: &Value,
) -> Result<Sealed, Error> {
    let bound = encryption_context(arn, version);
    let blob = encrypted(region, context, key, &bound, value.bytes())?;
    Ok(Sealed {
        ciphertext: STANDARD.encode(blob),
        binary: matches!(value, Value::Binary(_)),
    })
}

fn encrypted(
    region: &Region,
    context: &Context,
    key: &str,
    bound: &BTreeMap<String, String>,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    cipher::encrypt(region, context, key, bound, plaintext).map_err(|error| {
        wire::secretsmanager::error::encryption_failure(format!(
            "Secrets Manager can't encrypt the protected secret text using the provided KMS key: {}",
            error.message
        ))
    })
}

pub(super) fn open(
    region: &Region,
    arn: &str,
    version: &str,
    sealed: &Sealed,
) -> Result<Value, Error> {
    let broken = |message: &str| {
        wire::secretsmanager::error::decryption_failure(format!(
            "Secrets Manager can't decrypt the protected secret text using the provided KMS key: {message}"
        ))
    };
    let blob = STANDARD
        .decode(&sealed.ciphertext)
        .map_err(|_| broken("the stored text is damaged"))?;
    let plaintext = cipher::decrypt(region, &encryption_context(arn, version), &blob)
        .map_err(|error| broken(&error.message))?
        .bytes;
    if sealed.binary {
        return Ok(Value::Binary(plaintext));
    }
    String::from_utf8(plaintext)
        .map(Value::Text)
        .map_err(|_| broken("it is not text"))
}
