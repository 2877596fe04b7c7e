use aws_sdk_acm::types::{CertificateStatus, ValidationMethod};
use aws_sdk_acm::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn a_certificate_waits_for_its_proof() -> Result<(), Error> {
    let region = Region::serve();
    let acm = Client::new(&region.config().await);
    let made = acm
        .request_certificate()
        .domain_name("links.example.com")
        .validation_method(ValidationMethod::Dns)
        .send()
        .await?;
    let arn = made.certificate_arn().unwrap();
    let seen = acm
        .describe_certificate()
        .certificate_arn(arn)
        .send()
        .await?;
    let certificate = seen.certificate().unwrap();
    assert_eq!(certificate.domain_name(), Some("links.example.com"));
    assert_eq!(
        certificate.status(),
        Some(&CertificateStatus::PendingValidation)
    );
    acm.delete_certificate().certificate_arn(arn).send().await?;
    let gone = acm.describe_certificate().certificate_arn(arn).send().await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    Ok(())
}
