//! Forms: what browsers send, and the fields of a link.

use std::collections::HashMap;

use axum::body::Bytes;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::http::problem::Problem;
use crate::links::Link;

/// The fields of a form by name; the last of a name counts.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    pub(super) fn read(body: &Bytes) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A moment in UTC, as `datetime-local` fields send it; none when the field is empty.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, &'static str> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse::<jiff::civil::DateTime>()
            .ok()
            .and_then(|at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok())
            .map(|at| Some(at.timestamp()))
            .ok_or("must be a date and a time")
    }
}

/// What stands in the fields, and what is wrong with it.
#[derive(Default)]
pub(super) struct Fields {
    pub target: String,
    pub slug: String,
    pub note: String,
    pub permanent: bool,
    pub enabled: bool,
    pub expires_at: String,
    /// By the field's name.
    pub errors: Vec<(String, String)>,
}

impl Fields {
    pub(super) fn of_form(form: &Form) -> Self {
        Self {
            target: form.get("target").to_owned(),
            slug: form.get("slug").to_owned(),
            note: form.get("note").to_owned(),
            permanent: form.is_checked("permanent"),
            enabled: form.is_checked("enabled"),
            expires_at: form.get("expires_at").to_owned(),
            errors: Vec::new(),
        }
    }

    pub(super) fn of_link(link: &Link) -> Self {
        let expires_at = link
            .expires_at
            .map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string());
        Self {
            target: link.target.clone(),
            slug: link.slug.to_string(),
            note: link.note.clone(),
            permanent: link.redirect == crate::links::Redirect::Permanent,
            enabled: link.enabled,
            expires_at: expires_at.unwrap_or_default(),
            errors: Vec::new(),
        }
    }

    pub(super) fn with(mut self, problem: &Problem) -> Self {
        for error in problem.errors() {
            let name = error.pointer.trim_start_matches('/').to_owned();
            self.errors.push((name, error.detail.clone()));
        }
        self
    }

    fn error(&self, name: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(field, _)| field == name);
        found.map(|(_, detail)| detail.as_str())
    }

    /// A field with its label and, if there is one, its error. `input` gets the attributes that tie them together.
    fn field(
        &self,
        name: &str,
        label: &str,
        input: impl Fn(bool, Option<&str>) -> Markup,
    ) -> Markup {
        let error = self.error(name);
        let id = error.map(|_| format!("{name}-error"));
        html! {
            div.field {
                label for=(name) { (label) }
                (input(error.is_some(), id.as_deref()))
                @if let (Some(error), Some(id)) = (error, id.as_deref()) {
                    p.error id=(id) { (label) " " (error) "." }
                }
            }
        }
    }

    pub(super) fn target_field(&self) -> Markup {
        self.field("target", "Address", |invalid, by| {
            html! {
                input #target type="url" name="target" value=(self.target) required maxlength="2048"
                    placeholder="https://…" autocomplete="off" spellcheck="false"
                    aria-invalid=[invalid.then_some("true")] aria-describedby=[by];
            }
        })
    }

    pub(super) fn slug_field(&self, host: &str) -> Markup {
        self.field("slug", "Short name", |invalid, by| html! {
            span.joined {
                span aria-hidden="true" { (host) "/" }
                input #slug type="text" name="slug" value=(self.slug) maxlength="64" pattern="[A-Za-z0-9_\\-]+"
                    title="Letters, digits, - and _" placeholder="chosen for you" autocomplete="off"
                    autocapitalize="none" spellcheck="false" aria-invalid=[invalid.then_some("true")]
                    aria-describedby=[by];
            }
        })
    }

    pub(super) fn other_fields(&self) -> Markup {
        html! {
            (self.field("note", "Note", |invalid, by| html! {
                textarea #note name="note" rows="2" maxlength="500" aria-invalid=[invalid.then_some("true")]
                    aria-describedby=[by] { (self.note) }
            }))
            (self.field("expires_at", "Expires (UTC)", |invalid, by| html! {
                input #expires_at type="datetime-local" name="expires_at" value=(self.expires_at)
                    aria-invalid=[invalid.then_some("true")] aria-describedby=[by];
            }))
            label.check {
                input type="checkbox" name="permanent" checked[self.permanent];
                span { "Permanent " small { "Browsers may remember where it leads for a while (301)." } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_send_them() {
        let body =
            Bytes::from_static(b"a=1&a=+2+&b=%C3%BC&permanent=on&at=2026-11-25T13%3A30&bad=soon");
        let form = Form::read(&body);
        assert_eq!(
            (form.get("a"), form.get("b"), form.get("c")),
            ("2", "ü", "")
        );
        assert!(form.is_checked("permanent") && !form.is_checked("enabled"));
        let at = form.moment("at").unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-11-25T13:30:00Z");
        assert_eq!(form.moment("c"), Ok(None));
        assert!(form.moment("bad").is_err());
    }
}
