//! A link as it stands in a file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::links::{Link, NewLink, Note, Redirect, Slug, Target};

/// The columns, in the order in which they are written.
pub(super) const NAMES: [&str; 7] = [
    "slug",
    "target",
    "note",
    "redirect",
    "enabled",
    "expires_at",
    "created_at",
];

/// Every field may be missing but the target. `created_at` is written and, when read, ignored.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    #[serde(default)]
    pub slug: Option<String>,
    pub target: String,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub redirect: Option<i64>,
    #[serde(default)]
    pub enabled: Option<bool>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

impl From<&Link> for Record {
    fn from(link: &Link) -> Self {
        Self {
            slug: Some(link.slug.to_string()),
            target: link.target.clone(),
            note: Some(link.note.clone()),
            redirect: Some(link.redirect.status().into()),
            enabled: Some(link.enabled),
            expires_at: link.expires_at,
            created_at: Some(link.created_at),
        }
    }
}

impl Record {
    /// From the fields of a line, by the names of the first line.
    pub(super) fn from_fields(names: &[usize], fields: &[&str]) -> Result<Self, String> {
        if fields.len() != names.len() {
            return Err(format!(
                "has {} fields where the first line has {}",
                fields.len(),
                names.len()
            ));
        }
        let mut record = Self::default();
        for (name, text) in names.iter().zip(fields) {
            if text.is_empty() {
                continue;
            }
            let name = NAMES[*name];
            match name {
                "slug" => record.slug = Some((*text).to_owned()),
                "target" => (*text).clone_into(&mut record.target),
                "note" => record.note = Some((*text).to_owned()),
                "redirect" => record.redirect = Some(parse(name, text)?),
                "enabled" => record.enabled = Some(parse(name, text)?),
                "expires_at" => record.expires_at = Some(parse(name, text)?),
                _ => {}
            }
        }
        Ok(record)
    }

    /// In the order of `NAMES`.
    pub(super) fn to_fields(&self) -> [String; 7] {
        let text =
            |value: Option<&dyn ToString>| value.map(ToString::to_string).unwrap_or_default();
        [
            self.slug.clone().unwrap_or_default(),
            self.target.clone(),
            self.note.clone().unwrap_or_default(),
            text(self.redirect.as_ref().map(|value| value as &dyn ToString)),
            text(self.enabled.as_ref().map(|value| value as &dyn ToString)),
            text(self.expires_at.as_ref().map(|value| value as &dyn ToString)),
            text(self.created_at.as_ref().map(|value| value as &dyn ToString)),
        ]
    }

    /// Checks every field.
    pub fn check(&self, own_host: Option<&str>) -> Result<NewLink, String> {
        let named = |name: &str, reason: &dyn ToString| format!("{name} {}", reason.to_string());
        let slug = self.slug.as_deref().map(Slug::parse).transpose();
        let redirect = self
            .redirect
            .map_or(Some(Redirect::default()), Redirect::from_status);
        Ok(NewLink {
            slug: slug.map_err(|error| named("slug", &error))?,
            target: Target::parse(&self.target, own_host)
                .map_err(|error| named("target", &error))?,
            note: Note::parse(self.note.as_deref().unwrap_or_default())
                .map_err(|error| named("note", &error))?,
            redirect: redirect.ok_or_else(|| named("redirect", &"must be 301 or 302"))?,
            enabled: self.enabled.unwrap_or(true),
            expires_at: self.expires_at,
        })
    }
}

fn parse<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{name} is not valid: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_out_and_come_back() {
        let record = Record {
            slug: Some("a".to_owned()),
            target: "https://example.org/".to_owned(),
            note: Some("one, \"two\"".to_owned()),
            redirect: Some(301),
            enabled: Some(false),
            expires_at: Some("2026-11-25T12:00:00Z".parse().unwrap()),
            created_at: None,
        };
        let fields = record.to_fields();
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        assert_eq!(
            Record::from_fields(&[0, 1, 2, 3, 4, 5, 6], &fields),
            Ok(record)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let target = |target: &str| Record {
            target: target.to_owned(),
            ..Record::default()
        };
        let cases = [
            (target("ftp://x/"), "target must start with"),
            (
                Record {
                    slug: Some("a b".into()),
                    ..target("https://x.test/")
                },
                "slug may only",
            ),
            (
                Record {
                    redirect: Some(303),
                    ..target("https://x.test/")
                },
                "redirect must be",
            ),
        ];
        for (record, expected) in cases {
            let error = record.check(None).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = Record::from_fields(&[1, 4], &["https://x.test/", "maybe"]).unwrap_err();
        assert!(error.contains("enabled"), "{error}");
        assert!(Record::from_fields(&[1], &["a", "b"]).is_err());
    }
}
