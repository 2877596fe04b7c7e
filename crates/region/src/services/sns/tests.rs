//! SNS as its callers, its subscribers and CloudWatch see it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use wire::sns as api;
use wire::sns::op;

use super::delivery::{self, Body, Lane, Next, Outcome, Parcel, To};
use super::publish;
use crate::Caller;
use crate::testing::Bench;

const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:alarms";

type Texts<'a> = &'a [(&'a str, &'a str)];

fn map(texts: Texts) -> Option<BTreeMap<String, String>> {
    Some(
        texts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

fn create(attributes: Texts) -> api::CreateTopicInput {
    api::CreateTopicInput {
        name: "alarms".into(),
        attributes: map(attributes),
        ..Default::default()
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    let made = bench
        .call::<op::CreateTopic>("sns", create(&[]))
        .expect("it is made");
    assert_eq!(made.topic_arn.as_deref(), Some(TOPIC));
    bench
}

fn subscription(protocol: &str, endpoint: &str, attributes: Texts) -> api::SubscribeInput {
    api::SubscribeInput {
        topic_arn: TOPIC.into(),
        protocol: protocol.into(),
        endpoint: Some(endpoint.into()),
        attributes: map(attributes),
        return_subscription_arn: Some(true),
    }
}

fn subscribe(bench: &mut Bench, protocol: &str, endpoint: &str, attributes: Texts) -> String {
    bench
        .call::<op::Subscribe>("sns", subscription(protocol, endpoint, attributes))
        .expect("it is subscribed")
        .subscription_arn
        .expect("it was asked for")
}

fn due(bench: &Bench) -> Vec<Parcel> {
    [Lane::Mail, Lane::Servers]
        .into_iter()
        .flat_map(|lane| delivery::due(&bench.region, bench.now, lane, 100, |_| false))
        .collect()
}

fn report(bench: &mut Bench, parcel: &Parcel, outcome: Outcome) -> Next {
    bench
        .write(|region, context| delivery::report(region, context, &parcel.id, outcome))
        .expect("it is there")
}

/// Takes everything that is due as delivered.
fn deliver(bench: &mut Bench) -> Vec<Parcel> {
    let parcels = due(bench);
    for parcel in &parcels {
        assert_eq!(report(bench, parcel, Outcome::Delivered), Next::Done);
    }
    parcels
}

fn token_of(bench: &Bench, arn: &str) -> String {
    let row = bench.region.sns.subscriptions.get(arn);
    row.expect("it is there").token.clone()
}

fn confirm(bench: &mut Bench, arn: &str) {
    let input = api::ConfirmSubscriptionInput {
        token: token_of(bench, arn),
        topic_arn: TOPIC.into(),
        ..Default::default()
    };
    let confirmed = bench
        .call::<op::ConfirmSubscription>("sns", input)
        .expect("it is confirmed");
    assert_eq!(confirmed.subscription_arn.as_deref(), Some(arn));
}

/// A subscription that was confirmed, with nothing more on its way.
fn confirmed(bench: &mut Bench, protocol: &str, endpoint: &str, attributes: Texts) -> String {
    let arn = subscribe(bench, protocol, endpoint, attributes);
    confirm(bench, &arn);
    deliver(bench);
    arn
}

fn message(text: &str) -> api::PublishInput {
    api::PublishInput {
        message: text.into(),
        topic_arn: Some(TOPIC.into()),
        ..Default::default()
    }
}

fn publish(bench: &mut Bench, input: api::PublishInput) -> String {
    bench
        .call::<op::Publish>("sns", input)
        .expect("it is published")
        .message_id
        .expect("it has an id")
}

fn topic_attributes(bench: &mut Bench) -> BTreeMap<String, String> {
    let input = api::GetTopicAttributesInput {
        topic_arn: TOPIC.into(),
    };
    bench
        .call::<op::GetTopicAttributes>("sns", input)
        .expect("it is there")
        .attributes
        .expect("attributes")
}

fn attributes(bench: &mut Bench, arn: &str) -> BTreeMap<String, String> {
    let input = api::GetSubscriptionAttributesInput {
        subscription_arn: arn.into(),
    };
    bench
        .call::<op::GetSubscriptionAttributes>("sns", input)
        .expect("it is there")
        .attributes
        .expect("attributes")
}

fn set_topic(name: &str, value: Option<&str>) -> api::SetTopicAttributesInput {
    api::SetTopicAttributesInput {
        attribute_name: name.into(),
        attribute_value: value.map(str::to_owned),
        topic_arn: TOPIC.into(),
    }
}

fn set(arn: &str, name: &str, value: Option<&str>) -> api::SetSubscriptionAttributesInput {
    api::SetSubscriptionAttributesInput {
        attribute_name: name.into(),
        attribute_value: value.map(str::to_owned),
        subscription_arn: arn.into(),
    }
}

fn text(parcel: &Parcel) -> &str {
    match &parcel.to {
        To::Mailbox { body, .. } | To::Server { body, .. } => match body {
            Body::Text(text) => text,
            Body::Document(document) => &document.message,
        },
    }
}

fn ends(unit: &(String, String), wanted: (&str, &str)) {
    assert_eq!((unit.0.as_str(), unit.1.as_str()), wanted);
}

#[test]
fn a_topic_is_told_as_the_provider_needs_it() {
    let mut bench = bench();
    // The same again is fine, other attributes are not.
    bench
        .call::<op::CreateTopic>("sns", create(&[("DisplayName", "")]))
        .expect("it is the same");
    let other = bench.refused::<op::CreateTopic>("sns", create(&[("DisplayName", "x")]));
    ends(
        &other,
        (
            "InvalidParameter",
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
        ),
    );
    for kind in ["Application", "Firehose", "HTTP", "Lambda", "SQS"] {
        let name = format!("{kind}SuccessFeedbackSampleRate");
        bench
            .call::<op::SetTopicAttributes>("sns", set_topic(&name, Some("0")))
            .expect("it is set");
    }
    bench
        .call::<op::SetTopicAttributes>("sns", set_topic("DisplayName", Some("Links")))
        .expect("it is set");
    bench.restart();
    let mut shown = topic_attributes(&mut bench);
    let policy: serde_json::Value =
        serde_json::from_str(&shown.remove("Policy").expect("a policy")).expect("JSON");
    assert_eq!(policy["Statement"][0]["Resource"], TOPIC);
    let effective = shown.remove("EffectiveDeliveryPolicy").expect("a policy");
    let effective: serde_json::Value = serde_json::from_str(&effective).expect("JSON");
    assert_eq!(
        effective["http"]["defaultHealthyRetryPolicy"]["numRetries"],
        3
    );
    insta::assert_json_snapshot!(shown);
}

#[test]
fn wrong_calls_are_answered_as_aws_does() {
    let mut bench = bench();
    let arn = confirmed(&mut bench, "email", "a@example.org", &[]);
    let invalid = |text: &'static str| ("InvalidParameter", text);
    let topic = |arn: &str| api::GetTopicAttributesInput {
        topic_arn: arn.into(),
    };
    let cases = [
        (
            bench.refused::<op::GetTopicAttributes>("sns", topic("alarms")),
            invalid(
                "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
            ),
        ),
        (
            bench.refused::<op::GetTopicAttributes>(
                "sns",
                topic("arn:aws:sns:us-east-1:000000000000:alarms"),
            ),
            invalid("Invalid parameter: TopicArn"),
        ),
        (
            bench.refused::<op::GetTopicAttributes>(
                "sns",
                topic("arn:aws:sns:eu-central-1:000000000000:x"),
            ),
            ("NotFound", "Topic does not exist"),
        ),
        (
            bench.refused::<op::SetTopicAttributes>("sns", set_topic("FifoTopic", Some("false"))),
            invalid("Invalid parameter: AttributeName"),
        ),
        (
            bench.refused::<op::Subscribe>("sns", subscription("fax", "1", &[])),
            invalid("Invalid parameter: Amazon SNS does not support this protocol string: fax"),
        ),
        (
            bench.refused::<op::Subscribe>("sns", subscription("email", "nobody", &[])),
            invalid("Invalid parameter: Email address"),
        ),
        (
            bench.refused::<op::Subscribe>("sns", subscription("https", "http://x/", &[])),
            invalid("Invalid parameter: Endpoint must match the specified protocol"),
        ),
        (
            bench.refused::<op::Subscribe>(
                "sns",
                subscription("http", "http://x/", &[("RawMessageDelivery", "wrongvalue")]),
            ),
            invalid(
                "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false.",
            ),
        ),
        (
            bench.refused::<op::Subscribe>(
                "sns",
                subscription("sqs", "arn:aws:sqs:eu-central-1:000000000000:q", &[]),
            ),
            (
                "NotImplemented",
                "Terrella does not have SQS, so nothing can be delivered to a queue.",
            ),
        ),
        (
            bench.refused::<op::SetSubscriptionAttributes>("sns", set(&arn, "Fake", Some("x"))),
            invalid("Invalid parameter: AttributeName"),
        ),
        (
            bench.refused::<op::SetSubscriptionAttributes>(
                "sns",
                set(
                    &arn,
                    "RedrivePolicy",
                    Some(r#"{"deadLetterTargetArn": "x"}"#),
                ),
            ),
            invalid("Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ),
        (
            bench.refused::<op::SetSubscriptionAttributes>(
                "sns",
                set(&arn, "FilterPolicyScope", Some("X")),
            ),
            invalid(
                "Invalid parameter: FilterPolicyScope: Invalid value [X]. Please use either MessageBody or MessageAttributes",
            ),
        ),
        (
            bench.refused::<op::SetSubscriptionAttributes>(
                "sns",
                set(&arn, "FilterPolicy", Some(r#"{"a": {"b": ["c"]}}"#)),
            ),
            invalid(
                "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy",
            ),
        ),
        (
            bench.refused::<op::Unsubscribe>(
                "sns",
                api::UnsubscribeInput {
                    subscription_arn: format!("{TOPIC}:x"),
                },
            ),
            invalid("Invalid parameter: SubscriptionId"),
        ),
        (
            bench.refused::<op::ConfirmSubscription>(
                "sns",
                api::ConfirmSubscriptionInput {
                    token: "random".into(),
                    topic_arn: TOPIC.into(),
                    ..Default::default()
                },
            ),
            invalid("Invalid token"),
        ),
        (
            bench.refused::<op::ConfirmSubscription>(
                "sns",
                api::ConfirmSubscriptionInput {
                    token: "0".repeat(224),
                    topic_arn: TOPIC.into(),
                    ..Default::default()
                },
            ),
            invalid("Invalid parameter: Token"),
        ),
        (
            bench.refused::<op::Publish>("sns", message("")),
            invalid("Invalid parameter: Empty message"),
        ),
        (
            bench.refused::<op::Publish>("sns", message(&"x".repeat(256 * 1024 + 1))),
            invalid("Invalid parameter: Message too long"),
        ),
        (
            bench.refused::<op::Publish>(
                "sns",
                api::PublishInput {
                    subject: Some(String::new()),
                    ..message("x")
                },
            ),
            invalid("Invalid parameter: Subject"),
        ),
        (
            bench.refused::<op::Publish>(
                "sns",
                api::PublishInput {
                    message_structure: Some("json".into()),
                    ..message("{}")
                },
            ),
            invalid("Invalid parameter: Message Structure - No default entry in JSON message body"),
        ),
        (
            bench.refused::<op::Publish>(
                "sns",
                api::PublishInput {
                    message_structure: Some("json".into()),
                    ..message("{")
                },
            ),
            invalid("Invalid parameter: Message Structure - JSON message body failed to parse"),
        ),
    ];
    for (answer, wanted) in &cases {
        ends(answer, *wanted);
    }
    for name in ["", "a b", "x.fifo", &"x".repeat(257)] {
        let input = api::CreateTopicInput {
            name: name.into(),
            ..Default::default()
        };
        let answer = bench.refused::<op::CreateTopic>("sns", input);
        ends(&answer, invalid("Invalid parameter: Topic Name"));
    }
    let fifo = api::CreateTopicInput {
        name: "x.fifo".into(),
        attributes: map(&[("FifoTopic", "true")]),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateTopic>("sns", fifo).0,
        "NotImplemented"
    );
}

#[test]
fn message_attributes_are_checked() {
    let mut bench = bench();
    let value =
        |kind: &str, text: Option<&str>, bytes: Option<&'static [u8]>| api::MessageAttributeValue {
            data_type: kind.into(),
            string_value: text.map(str::to_owned),
            binary_value: bytes.map(Into::into),
        };
    let cases = [
        (
            "attr1",
            value("String", Some(""), None),
            "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'String'.",
        ),
        (
            "attr1",
            value("Binary", None, None),
            "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'Binary'.",
        ),
        (
            "attr1",
            value("String", None, Some(b"x")),
            "The message attribute 'attr1' with type 'String' must use field 'String'.",
        ),
        (
            "attr1",
            value("Binary", Some("x"), None),
            "The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
        ),
        (
            "attr1",
            value("Text", Some("x"), None),
            "The message attribute 'attr1' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
        ),
        (
            "a^b",
            value("String", Some("x"), None),
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
        ),
        (
            ".a",
            value("String", Some("x"), None),
            "Invalid message attribute name starting with character '.' was found.",
        ),
        (
            "a.",
            value("String", Some("x"), None),
            "Invalid message attribute name ending with character '.' was found.",
        ),
        (
            "a..b",
            value("String", Some("x"), None),
            "Message attribute name can not have successive '.' character.",
        ),
    ];
    for (name, value, wanted) in cases {
        let input = api::PublishInput {
            message_attributes: Some([(name.to_owned(), value)].into()),
            ..message("x")
        };
        let answer = bench.refused::<op::Publish>("sns", input);
        ends(&answer, ("ParameterValueInvalid", wanted));
    }
}

#[test]
fn a_mailbox_confirms_before_it_gets_anything() {
    let mut bench = bench();
    let arn = subscribe(&mut bench, "email", "ops+links@example.org", &[]);
    let shown = attributes(&mut bench, &arn);
    assert_eq!(shown["PendingConfirmation"], "true");
    assert_eq!(shown["Endpoint"], "ops+links@example.org");
    let listed = bench
        .call::<op::ListSubscriptionsByTopic>(
            "sns",
            api::ListSubscriptionsByTopicInput {
                topic_arn: TOPIC.into(),
                next_token: None,
            },
        )
        .expect("listed")
        .subscriptions
        .expect("a list");
    assert_eq!(
        listed[0].subscription_arn.as_deref(),
        Some("PendingConfirmation")
    );
    let pending = bench.refused::<op::Unsubscribe>(
        "sns",
        api::UnsubscribeInput {
            subscription_arn: arn.clone(),
        },
    );
    assert!(
        pending
            .1
            .contains("Cannot unsubscribe a subscription that is pending confirmation"),
        "{pending:?}"
    );

    publish(&mut bench, message("too early"));
    let parcels = deliver(&mut bench);
    assert_eq!(parcels.len(), 1);
    let To::Mailbox {
        address,
        sender,
        subject,
        body: Body::Text(body),
    } = &parcels[0].to
    else {
        panic!("a mail is wanted")
    };
    assert_eq!(address, "ops+links@example.org");
    assert_eq!(sender, "AWS Notifications");
    assert_eq!(subject, "AWS Notification - Subscription Confirmation");
    let token = token_of(&bench, &arn);
    let link = format!(
        "http://127.0.0.1:4566/confirmation.html?TopicArn={TOPIC}&Token={token}&Endpoint=ops%2Blinks@example.org"
    );
    assert!(body.contains(&link), "{body}");

    // As the link does it: without a signature. A second click is fine.
    bench.caller = Caller::Anonymous;
    confirm(&mut bench, &arn);
    confirm(&mut bench, &arn);
    bench.caller = Caller::Root;
    let shown = attributes(&mut bench, &arn);
    assert_eq!(shown["PendingConfirmation"], "false");
    assert_eq!(shown["ConfirmationWasAuthenticated"], "false");

    let subject = Some("Hello".to_owned());
    publish(
        &mut bench,
        api::PublishInput {
            subject,
            ..message("a text")
        },
    );
    let parcels = deliver(&mut bench);
    let To::Mailbox {
        subject,
        body: Body::Text(body),
        ..
    } = &parcels[0].to
    else {
        panic!("a mail is wanted")
    };
    assert_eq!(subject, "Hello");
    insta::assert_snapshot!(body.replace(&arn, "<subscription>"));

    // An unsigned goodbye is told, and can be taken back.
    bench.caller = Caller::Anonymous;
    bench
        .call::<op::Unsubscribe>(
            "sns",
            api::UnsubscribeInput {
                subscription_arn: arn.clone(),
            },
        )
        .expect("it goes");
    publish(bench_root(&mut bench), message("unheard"));
    let parcels = deliver(&mut bench);
    assert_eq!(parcels.len(), 1);
    assert!(text(&parcels[0]).contains("has been deactivated"));
    assert_eq!(topic_attributes(&mut bench)["SubscriptionsDeleted"], "1");
    confirm(&mut bench, &arn);
    assert_eq!(topic_attributes(&mut bench)["SubscriptionsConfirmed"], "1");
}

/// The same bench, called by the root again.
fn bench_root(bench: &mut Bench) -> &mut Bench {
    bench.caller = Caller::Root;
    bench
}

#[test]
fn what_nobody_confirms_goes_after_two_days() {
    let mut bench = bench();
    let arn = subscribe(&mut bench, "email", "a@example.org", &[]);
    bench.pass(SignedDuration::from_hours(47));
    attributes(&mut bench, &arn);
    bench.pass(SignedDuration::from_hours(1));
    let input = api::GetSubscriptionAttributesInput {
        subscription_arn: arn,
    };
    let gone = bench.refused::<op::GetSubscriptionAttributes>("sns", input);
    ends(&gone, ("NotFound", "Subscription does not exist"));
}

#[test]
fn a_guarded_subscription_is_its_owners_to_remove() {
    let mut bench = bench();
    let arn = subscribe(&mut bench, "email", "a@example.org", &[]);
    let input = api::ConfirmSubscriptionInput {
        token: token_of(&bench, &arn),
        topic_arn: TOPIC.into(),
        authenticate_on_unsubscribe: Some("true".into()),
    };
    bench
        .call::<op::ConfirmSubscription>("sns", input)
        .expect("it is confirmed");
    assert_eq!(
        attributes(&mut bench, &arn)["ConfirmationWasAuthenticated"],
        "true"
    );
    let input = api::UnsubscribeInput {
        subscription_arn: arn,
    };
    bench.caller = Caller::Anonymous;
    let refused = bench.refused::<op::Unsubscribe>("sns", input.clone());
    assert_eq!(refused.0, "AuthorizationError");
    bench.caller = Caller::Root;
    deliver(&mut bench);
    bench
        .call::<op::Unsubscribe>("sns", input.clone())
        .expect("it goes");
    bench
        .call::<op::Unsubscribe>("sns", input)
        .expect("it is gone");
    assert_eq!(
        due(&bench),
        [],
        "a mailbox is told of strangers' goodbyes only"
    );
}

#[test]
fn each_protocol_gets_its_own_text() {
    let mut bench = bench();
    confirmed(&mut bench, "email", "a@example.org", &[]);
    confirmed(&mut bench, "email-json", "a@example.org", &[]);
    confirmed(&mut bench, "http", "http://localhost:1/a", &[]);
    confirmed(
        &mut bench,
        "http",
        "http://localhost:1/raw",
        &[("RawMessageDelivery", "true")],
    );
    let structured =
        r#"{"default": "for all", "email": "for people", "http": "for servers", "sqs": 1}"#;
    let attribute = api::MessageAttributeValue {
        data_type: "Number".into(),
        string_value: Some("1".into()),
        ..Default::default()
    };
    let id = publish(
        &mut bench,
        api::PublishInput {
            message_structure: Some("json".into()),
            message_attributes: Some([("attr1".to_owned(), attribute)].into()),
            ..message(structured)
        },
    );
    let mut texts: Vec<(String, bool, String)> = deliver(&mut bench)
        .iter()
        .map(|parcel| {
            let (to, raw) = match &parcel.to {
                To::Mailbox { address, .. } => (address, false),
                To::Server { url, raw, .. } => (url, *raw),
            };
            let first = text(parcel).lines().next().unwrap_or_default();
            if let To::Server {
                body: Body::Document(document),
                ..
            } = &parcel.to
            {
                assert_eq!(document.message_id, id);
                assert_eq!(
                    document.attributes,
                    [("attr1".into(), "Number".into(), "1".into())]
                );
                assert_eq!(document.timestamp, "2026-01-05T08:00:00.000Z");
            }
            (to.clone(), raw, first.to_owned())
        })
        .collect();
    texts.sort();
    let wanted = [
        ("a@example.org", false, "for all"),
        ("a@example.org", false, "for people"),
        ("http://localhost:1/a", false, "for servers"),
        ("http://localhost:1/raw", true, "for servers"),
    ];
    let wanted = wanted.map(|(to, raw, text)| (to.to_owned(), raw, text.to_owned()));
    assert_eq!(texts, wanted);
    assert!(
        bench.region.sns.messages.is_empty(),
        "a message goes with its last delivery"
    );
}

#[test]
fn a_document_is_signed_over_its_members_in_order() {
    let mut bench = bench();
    let arn = confirmed(&mut bench, "http", "http://localhost:1/", &[]);
    let subject = Some("Hello".to_owned());
    publish(
        &mut bench,
        api::PublishInput {
            subject,
            ..message("line\n\"two\"")
        },
    );
    let parcels = deliver(&mut bench);
    let To::Server {
        kind,
        content_type,
        body: Body::Document(document),
        ..
    } = &parcels[0].to
    else {
        panic!("a document is wanted")
    };
    assert_eq!(
        (*kind, content_type.as_str()),
        ("Notification", "text/plain; charset=UTF-8")
    );
    assert_eq!(
        document.string_to_sign(),
        format!(
            "Message\nline\n\"two\"\nMessageId\n{}\nSubject\nHello\nTimestamp\n2026-01-05T08:00:00.000Z\nTopicArn\n{TOPIC}\nType\nNotification\n",
            document.message_id
        )
    );
    let json = document.signed("c2ln", "http://x/c.pem");
    let read: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(read["Signature"], "c2ln");
    assert_eq!(read["SigningCertURL"], "http://x/c.pem");
    assert_eq!(
        read["UnsubscribeURL"],
        format!("http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn={arn}")
    );
    assert!(
        json.starts_with("{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : "),
        "{json}"
    );

    // The end of a server's subscription is told with a way back.
    bench
        .call::<op::Unsubscribe>(
            "sns",
            api::UnsubscribeInput {
                subscription_arn: arn.clone(),
            },
        )
        .expect("it goes");
    let parcels = deliver(&mut bench);
    let To::Server {
        kind,
        body: Body::Document(document),
        ..
    } = &parcels[0].to
    else {
        panic!("a document is wanted")
    };
    assert_eq!(*kind, "UnsubscribeConfirmation");
    assert_eq!(document.token, Some(token_of(&bench, &arn)));
}

#[test]
fn filters_choose_by_attributes_and_by_body() {
    let mut bench = bench();
    let by_attribute = confirmed(
        &mut bench,
        "http",
        "http://localhost:1/a",
        &[("FilterPolicy", r#"{"kind": ["x"]}"#)],
    );
    let by_body = confirmed(
        &mut bench,
        "http",
        "http://localhost:1/b",
        &[
            ("FilterPolicy", r#"{"a": {"b": [1]}}"#),
            ("FilterPolicyScope", "MessageBody"),
        ],
    );
    assert_eq!(
        attributes(&mut bench, &by_attribute)["FilterPolicyScope"],
        "MessageAttributes"
    );
    let to = |bench: &mut Bench| -> Vec<String> {
        deliver(bench)
            .into_iter()
            .map(|parcel| parcel.subscription_arn)
            .collect()
    };
    publish(&mut bench, message("plain"));
    assert_eq!(to(&mut bench), [] as [String; 0]);
    let kind = api::MessageAttributeValue {
        data_type: "String".into(),
        string_value: Some("x".into()),
        ..Default::default()
    };
    let input = api::PublishInput {
        message_attributes: Some([("kind".to_owned(), kind)].into()),
        ..message("plain")
    };
    publish(&mut bench, input);
    assert_eq!(to(&mut bench), std::slice::from_ref(&by_attribute));
    publish(&mut bench, message(r#"{"a": {"b": 1}}"#));
    assert_eq!(to(&mut bench), [by_body]);
    bench
        .call::<op::SetSubscriptionAttributes>(
            "sns",
            set(&by_attribute, "FilterPolicy", Some("{}")),
        )
        .expect("it is taken away");
    assert!(!attributes(&mut bench, &by_attribute).contains_key("FilterPolicy"));
    publish(&mut bench, message("plain"));
    assert_eq!(to(&mut bench), [by_attribute]);
}

#[test]
fn what_fails_is_tried_again_and_then_given_up() {
    let mut bench = bench();
    confirmed(&mut bench, "http", "http://localhost:1/", &[]);
    publish(&mut bench, message("x"));
    for attempt in 1..=3 {
        let parcels = due(&bench);
        assert_eq!(parcels.len(), 1, "attempt {attempt}");
        let next = report(&mut bench, &parcels[0], Outcome::Failed);
        let at = bench.now + SignedDuration::from_secs(20);
        assert_eq!(next, Next::Again(at));
        assert_eq!(due(&bench), []);
        assert_eq!(
            delivery::next_due(&bench.region, bench.now, Lane::Servers),
            Some(at)
        );
        bench.restart();
        bench.pass(SignedDuration::from_secs(20));
    }
    let parcels = due(&bench);
    assert_eq!(
        report(&mut bench, &parcels[0], Outcome::Failed),
        Next::GivenUp
    );
    assert!(bench.region.sns.messages.is_empty());
    let late = bench.write(|region, context| {
        delivery::report(region, context, &parcels[0].id, Outcome::Delivered)
    });
    assert_eq!(late.expect_err("it is gone").code, "NotFound");

    // A server's own policy, and an answer that will not change.
    let policy = r#"{"healthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 5}, "requestPolicy": {"headerContentType": "application/json"}}"#;
    let arn = confirmed(
        &mut bench,
        "http",
        "http://localhost:1/own",
        &[("DeliveryPolicy", policy)],
    );
    let effective: serde_json::Value =
        serde_json::from_str(&attributes(&mut bench, &arn)["EffectiveDeliveryPolicy"])
            .expect("JSON");
    assert_eq!(effective["healthyRetryPolicy"]["numRetries"], 1);
    publish(&mut bench, message("y"));
    let parcels = due(&bench);
    assert_eq!(parcels.len(), 2);
    let at = bench.now + SignedDuration::from_secs(5);
    for parcel in &parcels {
        match &parcel.to {
            To::Server {
                url, content_type, ..
            } if url.ends_with("/own") => {
                assert_eq!(content_type, "application/json");
                assert_eq!(report(&mut bench, parcel, Outcome::Failed), Next::Again(at));
            }
            _ => assert_eq!(report(&mut bench, parcel, Outcome::Refused), Next::GivenUp),
        }
    }
}

#[test]
fn a_throttle_spreads_messages() {
    let mut bench = bench();
    let policy = r#"{"throttlePolicy": {"maxReceivesPerSecond": 2}}"#;
    confirmed(
        &mut bench,
        "http",
        "http://localhost:1/",
        &[("DeliveryPolicy", policy)],
    );
    for _ in 0..3 {
        publish(&mut bench, message("x"));
    }
    assert_eq!(due(&bench).len(), 1);
    bench.now += SignedDuration::from_millis(500);
    assert_eq!(due(&bench).len(), 2);
    bench.now += SignedDuration::from_millis(500);
    assert_eq!(due(&bench).len(), 3);
}

#[test]
fn batches_are_whole_and_checked() {
    let mut bench = bench();
    confirmed(&mut bench, "email", "a@example.org", &[]);
    let entry = |id: &str, text: &str| api::PublishBatchRequestEntry {
        id: id.into(),
        message: text.into(),
        ..Default::default()
    };
    let batch = |entries: Vec<api::PublishBatchRequestEntry>| api::PublishBatchInput {
        topic_arn: TOPIC.into(),
        publish_batch_request_entries: entries,
    };
    let half = "x".repeat(200 * 1024);
    let cases = [
        (vec![], "EmptyBatchRequest"),
        (
            (0..11).map(|at| entry(&at.to_string(), "x")).collect(),
            "TooManyEntriesInBatchRequest",
        ),
        (
            vec![entry("a", "x"), entry("a", "y")],
            "BatchEntryIdsNotDistinct",
        ),
        (vec![entry("a.b", "x")], "InvalidBatchEntryId"),
        (
            vec![entry("a", &half), entry("b", &half)],
            "BatchRequestTooLong",
        ),
    ];
    for (entries, code) in cases {
        assert_eq!(
            bench.refused::<op::PublishBatch>("sns", batch(entries)).0,
            code
        );
    }
    let answer = bench
        .call::<op::PublishBatch>("sns", batch(vec![entry("a", "one"), entry("b", "two")]))
        .expect("they are published");
    assert_eq!(answer.successful.map(|all| all.len()), Some(2));
    let mut texts: Vec<String> = deliver(&mut bench)
        .iter()
        .map(|parcel| text(parcel).lines().next().unwrap_or_default().to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn permissions_come_and_go() {
    let mut bench = bench();
    let add = |label: &str, action: &str| api::AddPermissionInput {
        aws_account_id: vec!["111122223333".into()],
        action_name: vec![action.into()],
        label: label.into(),
        topic_arn: TOPIC.into(),
    };
    bench
        .call::<op::AddPermission>("sns", add("other", "Publish"))
        .expect("it is added");
    let again = bench.refused::<op::AddPermission>("sns", add("other", "Publish"));
    ends(
        &again,
        (
            "InvalidParameter",
            "Invalid parameter: Statement already exists",
        ),
    );
    let odd = bench.refused::<op::AddPermission>("sns", add("x", "Fly"));
    ends(
        &odd,
        (
            "InvalidParameter",
            "Invalid parameter: Policy statement action out of service scope!",
        ),
    );
    let policy = topic_attributes(&mut bench)["Policy"].clone();
    let policy: serde_json::Value = serde_json::from_str(&policy).expect("JSON");
    assert_eq!(
        policy["Statement"][1]["Principal"]["AWS"],
        "arn:aws:iam::111122223333:root"
    );
    assert_eq!(policy["Statement"][1]["Action"], "SNS:Publish");
    let remove = api::RemovePermissionInput {
        label: "other".into(),
        topic_arn: TOPIC.into(),
    };
    bench
        .call::<op::RemovePermission>("sns", remove)
        .expect("it is removed");
    let policy = topic_attributes(&mut bench)["Policy"].clone();
    let policy: serde_json::Value = serde_json::from_str(&policy).expect("JSON");
    assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1));
}

const ALARM: &str = r#"{"AlarmName": "cpu", "NewStateValue": "ALARM", "OldStateValue": "OK", "NewStateReason": "it is hot",
    "StateChangeTime": "2026-01-05T08:00:00.000+0000", "Region": "EU (Frankfurt)", "AWSAccountId": "000000000000",
    "AlarmArn": "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:cpu"}"#;

fn alarm(bench: &mut Bench) -> Result<String, wire::Error> {
    let subject = format!("ALARM: \"{}\" in EU (Frankfurt)", "cpu".repeat(40));
    bench.write(|region, context| publish::publish(region, context, TOPIC, Some(&subject), ALARM))
}

#[test]
fn cloudwatch_publishes_where_it_may() {
    let mut bench = bench();
    confirmed(&mut bench, "email", "a@example.org", &[]);
    confirmed(&mut bench, "http", "http://localhost:1/", &[]);
    alarm(&mut bench).expect("the default policy lets it");
    for parcel in deliver(&mut bench) {
        match &parcel.to {
            To::Mailbox { subject, .. } => {
                assert_eq!(subject.chars().count(), 100);
                assert!(text(&parcel).starts_with("You are receiving this email because your Amazon CloudWatch Alarm \"cpu\" in the EU (Frankfurt) region has entered the ALARM state, because \"it is hot\" at \"Monday 05 January, 2026 08:00:00 UTC\"."));
            }
            To::Server { .. } => assert_eq!(text(&parcel), ALARM),
        }
    }

    let only = |principal: &str, condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"Service": "{principal}"}}, "Action": "sns:Publish", "Resource": "{TOPIC}"{condition}}}]}}"#
        )
    };
    let set = |bench: &mut Bench, policy: &str| {
        bench
            .call::<op::SetTopicAttributes>("sns", set_topic("Policy", Some(policy)))
            .expect("it is set");
    };
    set(&mut bench, &only("events.amazonaws.com", ""));
    let refused = alarm(&mut bench).expect_err("only EventBridge may");
    assert_eq!(refused.code, "AuthorizationError");
    assert_eq!(
        refused.message,
        format!(
            "Resource: arn:aws:cloudwatch:eu-central-1:000000000000:alarm:cpu is not authorized to perform: SNS:Publish on resource: {TOPIC}"
        )
    );
    let here = r#", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:*"}}"#;
    set(&mut bench, &only("cloudwatch.amazonaws.com", here));
    alarm(&mut bench).expect("it may");
    let elsewhere = r#", "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}"#;
    set(&mut bench, &only("cloudwatch.amazonaws.com", elsewhere));
    alarm(&mut bench).expect_err("another account's may");
}

#[test]
fn a_key_has_to_let_cloudwatch_in_too() {
    use wire::kms;
    let mut bench = bench();
    let own = set_topic("KmsMasterKeyId", Some("alias/aws/sns"));
    bench
        .call::<op::SetTopicAttributes>("sns", own)
        .expect("it is set");
    // Callers of the account publish, alarms do not: nobody can change that key's policy.
    publish(&mut bench, message("x"));
    assert_eq!(
        alarm(&mut bench).expect_err("the key is not for it").code,
        "KMSAccessDenied"
    );

    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}]}"#;
    let input = kms::CreateKeyRequest {
        policy: Some(policy.into()),
        ..Default::default()
    };
    let key = bench
        .call::<kms::op::CreateKey>("kms", input)
        .expect("it is made");
    let key = key.key_metadata.and_then(|key| key.key_id).expect("a key");
    let mine = set_topic("KmsMasterKeyId", Some(&key));
    bench
        .call::<op::SetTopicAttributes>("sns", mine)
        .expect("it is set");
    alarm(&mut bench).expect("it may");
    let disable = kms::DisableKeyRequest { key_id: key };
    bench
        .call::<kms::op::DisableKey>("kms", disable)
        .expect("it is disabled");
    assert_eq!(
        bench.refused::<op::Publish>("sns", message("x")).0,
        "KMSDisabled"
    );
    assert_eq!(
        alarm(&mut bench).expect_err("it is disabled").code,
        "KMSDisabled"
    );
    bench
        .call::<op::SetTopicAttributes>("sns", set_topic("KmsMasterKeyId", None))
        .expect("it is taken away");
    publish(&mut bench, message("x"));
}

#[test]
fn lists_come_in_pieces_and_tags_stay() {
    let mut bench = Bench::new();
    for at in 0..101 {
        let input = api::CreateTopicInput {
            name: format!("t{at:03}"),
            ..Default::default()
        };
        bench
            .call::<op::CreateTopic>("sns", input)
            .expect("it is made");
    }
    let list = |bench: &mut Bench, next_token| {
        bench
            .call::<op::ListTopics>("sns", api::ListTopicsInput { next_token })
            .expect("listed")
    };
    let first = list(&mut bench, None);
    assert_eq!(first.topics.map(|all| all.len()), Some(100));
    let second = list(&mut bench, first.next_token);
    assert_eq!(second.topics.map(|all| all.len()), Some(1));
    assert_eq!(second.next_token, None);
    let odd = bench.refused::<op::ListTopics>(
        "sns",
        api::ListTopicsInput {
            next_token: Some("!".into()),
        },
    );
    assert_eq!(odd.0, "InvalidParameter");

    let arn = "arn:aws:sns:eu-central-1:000000000000:t000";
    let tag = |key: &str| api::Tag {
        key: key.into(),
        value: "v".into(),
    };
    let input = api::TagResourceRequest {
        resource_arn: arn.into(),
        tags: vec![tag("a"), tag("b")],
    };
    bench.call::<op::TagResource>("sns", input).expect("tagged");
    let input = api::UntagResourceRequest {
        resource_arn: arn.into(),
        tag_keys: vec!["a".into()],
    };
    bench
        .call::<op::UntagResource>("sns", input)
        .expect("untagged");
    let input = api::ListTagsForResourceRequest {
        resource_arn: arn.into(),
    };
    let tags = bench
        .call::<op::ListTagsForResource>("sns", input)
        .expect("listed")
        .tags
        .expect("a list");
    assert_eq!(
        tags.iter().map(|tag| tag.key.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
    let twice = api::TagResourceRequest {
        resource_arn: arn.into(),
        tags: vec![tag("a"), tag("a")],
    };
    ends(
        &bench.refused::<op::TagResource>("sns", twice),
        (
            "InvalidParameter",
            "Invalid parameter: Duplicated keys are not allowed.",
        ),
    );
    let missing = api::ListTagsForResourceRequest {
        resource_arn: "arn:aws:sns:eu-central-1:000000000000:no".into(),
    };
    assert_eq!(
        bench.refused::<op::ListTagsForResource>("sns", missing).0,
        "ResourceNotFound"
    );
}

#[test]
fn a_topic_takes_its_subscriptions_along() {
    let mut bench = bench();
    let arn = confirmed(&mut bench, "email", "a@example.org", &[]);
    let input = api::DeleteTopicInput {
        topic_arn: TOPIC.into(),
    };
    bench
        .call::<op::DeleteTopic>("sns", input.clone())
        .expect("it goes");
    bench
        .call::<op::DeleteTopic>("sns", input)
        .expect("it is gone");
    let gone = api::GetSubscriptionAttributesInput {
        subscription_arn: arn,
    };
    assert_eq!(
        bench
            .refused::<op::GetSubscriptionAttributes>("sns", gone)
            .0,
        "NotFound"
    );
    ends(
        &bench.refused::<op::Publish>("sns", message("x")),
        ("NotFound", "Topic does not exist"),
    );
}
