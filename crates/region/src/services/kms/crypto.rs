//! The operations that use keys.

use std::collections::BTreeMap;

use wire::Error;
use wire::kms as api;

use super::cipher::{decrypt_by, encrypt};
use super::error::{unsupported, validation, would_succeed};
use super::key;
use crate::{Context, Region};

const MOST_PLAINTEXT: usize = 4096;
const MOST_CIPHERTEXT: usize = 6144;

const SYMMETRIC: Option<api::EncryptionAlgorithmSpec> =
    Some(api::EncryptionAlgorithmSpec::SymmetricDefault);

fn checked_algorithm(algorithm: Option<api::EncryptionAlgorithmSpec>) -> Result<(), Error> {
    match algorithm {
        None | SYMMETRIC => Ok(()),
        Some(other) => Err(wire::kms::error::invalid_key_usage_exception(format!(
            "Algorithm {other} and key spec SYMMETRIC_DEFAULT are incompatible."
        ))),
    }
}

fn no_enclave(recipient: Option<&api::RecipientInfo>) -> Result<(), Error> {
    match recipient {
        None => Ok(()),
        Some(_) => Err(unsupported(
            "Terrella knows no enclaves: leave Recipient out.",
        )),
    }
}

pub(super) fn encrypt_op(
    region: &Region,
    context: &Context,
    input: api::EncryptRequest,
) -> Result<api::EncryptResponse, Error> {
    checked_algorithm(input.encryption_algorithm)?;
    if input.plaintext.is_empty() || input.plaintext.len() > MOST_PLAINTEXT {
        let bound = if input.plaintext.is_empty() {
            "greater than or equal to 1"
        } else {
            "less than or equal to 4096"
        };
        return Err(validation(format!(
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
        )));
    }
    let key_context = input.encryption_context.unwrap_or_default();
    let blob = encrypt(
        region,
        context,
        &input.key_id,
        &key_context,
        &input.plaintext,
    )?;
    would_succeed(input.dry_run)?;
    Ok(api::EncryptResponse {
        ciphertext_blob: Some(blob.into()),
        encryption_algorithm: SYMMETRIC,
        key_id: Some(key::get(region, &input.key_id)?.arn.clone()),
    })
}

fn checked_blob(blob: Option<&bytes::Bytes>) -> Result<&[u8], Error> {
    match blob {
        Some(blob) if (1..=MOST_CIPHERTEXT).contains(&blob.len()) => Ok(blob),
        _ => Err(validation(
            "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length between 1 and 6144",
        )),
    }
}

pub(super) fn decrypt_op(
    region: &Region,
    _: &Context,
    input: api::DecryptRequest,
) -> Result<api::DecryptResponse, Error> {
    checked_algorithm(input.encryption_algorithm)?;
    no_enclave(input.recipient.as_ref())?;
    let blob = checked_blob(input.ciphertext_blob.as_ref())?;
    let key_context = input.encryption_context.unwrap_or_default();
    let plaintext = decrypt_by(region, input.key_id.as_deref(), &key_context, blob)?;
    would_succeed(input.dry_run)?;
    Ok(api::DecryptResponse {
        encryption_algorithm: SYMMETRIC,
        key_id: Some(plaintext.key_arn),
        plaintext: Some(plaintext.bytes.into()),
        ..api::DecryptResponse::default()
    })
}

pub(super) fn re_encrypt(
    region: &Region,
    context: &Context,
    input: api::ReEncryptRequest,
) -> Result<api::ReEncryptResponse, Error> {
    checked_algorithm(input.source_encryption_algorithm)?;
    checked_algorithm(input.destination_encryption_algorithm)?;
    let blob = checked_blob(input.ciphertext_blob.as_ref())?;
    let from = input.source_encryption_context.unwrap_or_default();
    let to = input.destination_encryption_context.unwrap_or_default();
    let plaintext = decrypt_by(region, input.source_key_id.as_deref(), &from, blob)?;
    let blob = encrypt(
        region,
        context,
        &input.destination_key_id,
        &to,
        &plaintext.bytes,
    )?;
    would_succeed(input.dry_run)?;
    Ok(api::ReEncryptResponse {
        ciphertext_blob: Some(blob.into()),
        destination_encryption_algorithm: SYMMETRIC,
        key_id: Some(key::get(region, &input.destination_key_id)?.arn.clone()),
        source_encryption_algorithm: SYMMETRIC,
        source_key_id: Some(plaintext.key_arn),
        ..api::ReEncryptResponse::default()
    })
}

/// A fresh data key, in the clear and encrypted.
struct DataKey {
    plain: Vec<u8>,
    blob: Vec<u8>,
    key_arn: String,
}

fn data_key(
    region: &Region,
    context: &Context,
    key: &str,
    spec: Option<api::DataKeySpec>,
    bytes: Option<i64>,
    key_context: &BTreeMap<String, String>,
) -> Result<DataKey, Error> {
    let length = match (spec, bytes) {
        (Some(api::DataKeySpec::Aes256), None) => 32,
        (Some(api::DataKeySpec::Aes128), None) => 16,
        (None, Some(bytes)) => random_length(bytes)?,
        _ => {
            return Err(validation(
                "Please specify either number of bytes or key spec.",
            ));
        }
    };
    let plain = context.byte_vec(length);
    let blob = encrypt(region, context, key, key_context, &plain)?;
    Ok(DataKey {
        plain,
        blob,
        key_arn: key::get(region, key)?.arn.clone(),
    })
}

fn random_length(bytes: i64) -> Result<usize, Error> {
    match usize::try_from(bytes) {
        Ok(length) if (1..=1024).contains(&length) => Ok(length),
        _ => Err(validation(format!(
            "1 validation error detected: Value '{bytes}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {}",
            if bytes < 1 {
                "greater than or equal to 1"
            } else {
                "less than or equal to 1024"
            }
        ))),
    }
}

pub(super) fn generate_data_key(
    region: &Region,
    context: &Context,
    input: api::GenerateDataKeyRequest,
) -> Result<api::GenerateDataKeyResponse, Error> {
    no_enclave(input.recipient.as_ref())?;
    let key_context = input.encryption_context.unwrap_or_default();
    let made = data_key(
        region,
        context,
        &input.key_id,
        input.key_spec,
        input.number_of_bytes,
        &key_context,
    )?;
    would_succeed(input.dry_run)?;
    Ok(api::GenerateDataKeyResponse {
        ciphertext_blob: Some(made.blob.into()),
        key_id: Some(made.key_arn),
        plaintext: Some(made.plain.into()),
        ..api::GenerateDataKeyResponse::default()
    })
}

pub(super) fn generate_data_key_without_plaintext(
    region: &Region,
    context: &Context,
    input: api::GenerateDataKeyWithoutPlaintextRequest,
) -> Result<api::GenerateDataKeyWithoutPlaintextResponse, Error> {
    let key_context = input.encryption_context.unwrap_or_default();
    let made = data_key(
        region,
        context,
        &input.key_id,
        input.key_spec,
        input.number_of_bytes,
        &key_context,
    )?;
    would_succeed(input.dry_run)?;
    Ok(api::GenerateDataKeyWithoutPlaintextResponse {
        ciphertext_blob: Some(made.blob.into()),
        key_id: Some(made.key_arn),
        ..api::GenerateDataKeyWithoutPlaintextResponse::default()
    })
}

pub(super) fn generate_random(
    _: &Region,
    context: &Context,
    input: api::GenerateRandomRequest,
) -> Result<api::GenerateRandomResponse, Error> {
    no_enclave(input.recipient.as_ref())?;
    if input.custom_key_store_id.is_some() {
        return Err(unsupported("Terrella has no custom key stores."));
    }
    let Some(bytes) = input.number_of_bytes else {
        return Err(validation("NumberOfBytes is required."));
    };
    Ok(api::GenerateRandomResponse {
        plaintext: Some(context.byte_vec(random_length(bytes)?).into()),
        ..api::GenerateRandomResponse::default()
    })
}
