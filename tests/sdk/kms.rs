use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_kms::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn a_key_encrypts_and_gives_data_keys() -> Result<(), Error> {
    let region = Region::serve();
    let kms = Client::new(&region.config().await);
    let made = kms.create_key().description("tour").send().await?;
    let key = made.key_metadata().unwrap().key_id();
    kms.create_alias()
        .alias_name("alias/app")
        .target_key_id(key)
        .send()
        .await?;

    let sealed = kms
        .encrypt()
        .key_id("alias/app")
        .plaintext(Blob::new("a word"))
        .encryption_context("of", "tour")
        .send()
        .await?;
    let sealed = sealed.ciphertext_blob().unwrap();
    let open = |context: &str| {
        let call = kms.decrypt().ciphertext_blob(sealed.clone());
        call.encryption_context("of", context).send()
    };
    assert_eq!(open("tour").await?.plaintext().unwrap().as_ref(), b"a word");
    let other = open("other")
        .await
        .expect_err("the context is another")
        .into_service_error();
    assert!(other.is_invalid_ciphertext_exception(), "{other:?}");

    let data = kms
        .generate_data_key()
        .key_id(key)
        .key_spec(DataKeySpec::Aes256)
        .send()
        .await?;
    let call = kms
        .decrypt()
        .ciphertext_blob(data.ciphertext_blob().unwrap().clone());
    assert_eq!(call.send().await?.plaintext(), data.plaintext());

    kms.schedule_key_deletion()
        .key_id(key)
        .pending_window_in_days(7)
        .send()
        .await?;
    let pending = kms
        .encrypt()
        .key_id(key)
        .plaintext(Blob::new("x"))
        .send()
        .await;
    let pending = pending
        .expect_err("it is to be deleted")
        .into_service_error();
    assert!(pending.is_kms_invalid_state_exception(), "{pending:?}");
    Ok(())
}
