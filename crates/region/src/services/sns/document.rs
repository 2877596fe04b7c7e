//! The JSON that web servers and `email-json` subscribers get, and what of it is signed.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

use serde_json::{Value, json};

/// All of a document but its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `Notification`, `SubscriptionConfirmation` or `UnsubscribeConfirmation`.
    pub kind: &'static str,
    pub message_id: String,
    pub token: Option<String>,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
    pub subscribe_url: Option<String>,
    pub unsubscribe_url: Option<String>,
    /// With milliseconds, as it is signed.
    pub timestamp: String,
    /// 1: RSA with SHA-1. 2: RSA with SHA-256.
    pub signature_version: u8,
    /// Name, type, value.
    pub attributes: Vec<(String, String, String)>,
}

impl Document {
    /// The text that is signed: names and values of some members, each on a line, by name.
    pub fn string_to_sign(&self) -> String {
        let members = [
            ("Message", Some(&self.message)),
            ("MessageId", Some(&self.message_id)),
            ("Subject", self.subject.as_ref()),
            ("SubscribeURL", self.subscribe_url.as_ref()),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_ref()),
            ("TopicArn", Some(&self.topic_arn)),
        ];
        let mut text = String::new();
        for (name, value) in members {
            if let Some(value) = value {
                text.extend([name, "\n", value, "\n"]);
            }
        }
        text.extend(["Type\n", self.kind, "\n"]);
        text
    }

    /// The document as it is sent, with its members in AWS's order.
    pub fn signed(&self, signature: &str, certificate_url: &str) -> String {
        let mut members: Vec<(&str, Value)> = vec![
            ("Type", self.kind.into()),
            ("MessageId", self.message_id.as_str().into()),
        ];
        let mut add = |name, value: Option<&String>| {
            if let Some(value) = value {
                members.push((name, value.as_str().into()));
            }
        };
        let version = self.signature_version.to_string();
        let (signature, certificate_url) = (signature.to_owned(), certificate_url.to_owned());
        add("Token", self.token.as_ref());
        add("TopicArn", Some(&self.topic_arn));
        add("Subject", self.subject.as_ref());
        add("Message", Some(&self.message));
        add("SubscribeURL", self.subscribe_url.as_ref());
        add("Timestamp", Some(&self.timestamp));
        add("SignatureVersion", Some(&version));
        add("Signature", Some(&signature));
        add("SigningCertURL", Some(&certificate_url));
        add("UnsubscribeURL", self.unsubscribe_url.as_ref());
        if !self.attributes.is_empty() {
            let all = self.attributes.iter();
            let all = all
                .map(|(name, kind, value)| (name.clone(), json!({"Type": kind, "Value": value})));
            members.push(("MessageAttributes", Value::Object(all.collect())));
        }
        let lines: Vec<String> = members
            .into_iter()
            .map(|(name, value)| format!("  \"{name}\" : {value}"))
            .collect();
        format!("{{\n{}\n}}", lines.join(",\n"))
    }
}
