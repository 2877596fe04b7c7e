//! Path templates such as `/hostedzone/{Id}/rrset?type`, and query strings.

use percent_encoding::percent_decode_str;

use super::text_value;
use crate::error::Error;
use crate::schema::{Kind, Member, TimestampFormat};
use crate::value::Value;

/// How a request's path fits a template.
pub(super) struct Fit<'a> {
    /// The labels' values, decoded.
    pub(super) labels: Vec<(&'a str, String)>,
    /// Higher where more of the template is literal.
    pub(super) score: usize,
}

/// Fits a path and a query string to a template, if they do.
pub(super) fn fit<'a>(template: &'a str, path: &str, query: &str) -> Option<Fit<'a>> {
    let (template, wanted) = template.split_once('?').unwrap_or((template, ""));
    let mut score = 0;
    for pair in wanted.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut given = form_urlencoded::parse(query.as_bytes());
        if !given.any(|(key, text)| key == name && (value.is_empty() || text == value)) {
            return None;
        }
        score += 1;
    }
    let mut labels = Vec::new();
    // One slash at the end makes no difference; AWS's own clients do not agree on it.
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
    let mut segments = template
        .strip_suffix('/')
        .unwrap_or(template)
        .split('/')
        .peekable();
    while let Some(segment) = segments.next() {
        let label = segment
            .strip_prefix('{')
            .and_then(|segment| segment.strip_suffix('}'));
        match label {
            None => {
                if parts.next()? != segment {
                    return None;
                }
                score += 2;
            }
            Some(label) => match label.strip_suffix('+') {
                None => {
                    let part = parts.next().filter(|part| !part.is_empty())?;
                    labels.push((label, decode(part)));
                }
                Some(label) => {
                    let after = segments.clone().count();
                    let rest: Vec<&str> = parts.by_ref().collect();
                    let taken = rest.len().checked_sub(after).filter(|taken| *taken > 0)?;
                    labels.push((label, decode(&rest[..taken].join("/"))));
                    let tail = segments
                        .by_ref()
                        .zip(&rest[taken..])
                        .all(|(segment, part)| segment == *part);
                    return tail.then_some(Fit { labels, score });
                }
            },
        }
    }
    parts.next().is_none().then_some(Fit { labels, score })
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// A query string's parameters.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A member's value. A map takes all parameters, be they another member's too.
    pub(super) fn value(&self, member: &Member) -> Result<Option<Value>, Error> {
        if member.schema.kind == Kind::Map {
            return self.all(member);
        }
        let mut found = self
            .0
            .iter()
            .filter(|(name, _)| name == member.wire_name())
            .map(|(_, text)| text);
        if member.schema.kind == Kind::List {
            let element = member.schema.element();
            let list = found.map(|text| text_value(element, text, TimestampFormat::Iso8601));
            let list = list.collect::<Result<Vec<_>, _>>()?;
            return Ok((!list.is_empty()).then_some(Value::List(list)));
        }
        found
            .next()
            .map(|text| text_value(member, text, TimestampFormat::Iso8601))
            .transpose()
    }

    fn all(&self, member: &Member) -> Result<Option<Value>, Error> {
        let (_, value) = member.schema.entry();
        let mut map: Vec<(String, Value)> = Vec::new();
        for (name, text) in &self.0 {
            let entry = map.iter_mut().find(|(key, _)| key == name);
            match (value.schema.kind, entry) {
                (Kind::List, Some((_, Value::List(list)))) => {
                    list.push(text_value(
                        value.schema.element(),
                        text,
                        TimestampFormat::Iso8601,
                    )?);
                }
                (Kind::List, _) => {
                    let first = text_value(value.schema.element(), text, TimestampFormat::Iso8601)?;
                    map.push((name.clone(), Value::List(vec![first])));
                }
                (_, None) => map.push((
                    name.clone(),
                    text_value(value, text, TimestampFormat::Iso8601)?,
                )),
                (_, Some(_)) => {}
            }
        }
        Ok((!map.is_empty()).then_some(Value::Map(map)))
    }
}
