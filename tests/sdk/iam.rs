use aws_sdk_iam::types::{PolicyEvaluationDecisionType, Tag};
use aws_sdk_iam::{Client, Error};
use sdk_tour::{ACCOUNT, Region, refused};

pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::mine/*"}]}"#;

#[tokio::test]
async fn a_role_may_what_its_policies_say() -> Result<(), Error> {
    let region = Region::serve();
    let iam = Client::new(&region.config().await);
    let tag = Tag::builder().key("team").value("links").build()?;
    let create = || {
        let call = iam.create_role().role_name("app").tags(tag.clone());
        call.assume_role_policy_document(TRUST).send()
    };
    let made = create().await?;
    let arn = made.role().unwrap().arn();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:role/app"));
    let again = create()
        .await
        .expect_err("the name is taken")
        .into_service_error();
    assert!(again.is_entity_already_exists_exception(), "{again:?}");

    let put = iam.put_role_policy().role_name("app").policy_name("read");
    put.policy_document(READ).send().await?;
    let managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    let attach = iam
        .attach_role_policy()
        .role_name("app")
        .policy_arn(managed);
    attach.send().await?;
    let attached = iam
        .list_attached_role_policies()
        .role_name("app")
        .send()
        .await?;
    assert_eq!(attached.attached_policies()[0].policy_arn(), Some(managed));

    for (resource, decision) in [
        ("arn:aws:s3:::mine/a", PolicyEvaluationDecisionType::Allowed),
        (
            "arn:aws:s3:::other/a",
            PolicyEvaluationDecisionType::ImplicitDeny,
        ),
    ] {
        let told = iam
            .simulate_principal_policy()
            .policy_source_arn(arn)
            .action_names("s3:GetObject")
            .resource_arns(resource)
            .send()
            .await?;
        assert_eq!(
            *told.evaluation_results()[0].eval_decision(),
            decision,
            "{resource}"
        );
    }

    let in_use = iam.delete_role().role_name("app").send().await;
    let in_use = in_use.expect_err("it has policies").into_service_error();
    assert!(in_use.is_delete_conflict_exception(), "{in_use:?}");
    iam.detach_role_policy()
        .role_name("app")
        .policy_arn(managed)
        .send()
        .await?;
    iam.delete_role_policy()
        .role_name("app")
        .policy_name("read")
        .send()
        .await?;
    iam.delete_role().role_name("app").send().await?;
    let gone = iam.get_role().role_name("app").send().await;
    assert_eq!(refused(gone), "NoSuchEntity");
    Ok(())
}
