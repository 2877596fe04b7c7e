//! What a service says about an input that breaks its constraints.
//!
//! Most services of one age share a framework and its words; the exceptions are listed here.

use super::{Constraint, Failure, Step, ValidationFailure};
use crate::error::Error;
use crate::schema::{ProtocolKind, ServiceSchema};

impl ValidationFailure {
    /// The error that a service gives for it.
    pub fn error(&self, service: &ServiceSchema) -> Error {
        let first = self.failures.first();
        match (service.id, first) {
            ("ec2", Some(failure)) => ec2(failure),
            // Older than the shared framework: it names one missing parameter.
            ("rds", Some(failure)) if failure.constraint == Constraint::Required => {
                missing(failure)
            }
            ("ecr", Some(failure)) => Error::new("InvalidParameterException", 400, ecr(failure)),
            _ => Error::new(code(service), 400, self.message()),
        }
    }

    /// The shared framework's text.
    pub fn message(&self) -> String {
        let count = self.failures.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let failures: Vec<String> = self.failures.iter().map(sentence).collect();
        format!(
            "{count} validation {errors} detected: {}",
            failures.join("; ")
        )
    }
}

fn code(service: &ServiceSchema) -> &'static str {
    match service.id {
        "ecs" | "logs" => "InvalidParameterException",
        "rds" => "InvalidParameterValue",
        "route53" => "InvalidInput",
        _ if service.speaks(ProtocolKind::AwsQuery) => "ValidationError",
        _ => "ValidationException",
    }
}

fn sentence(failure: &Failure) -> String {
    let value = match &failure.value {
        Some(value) => format!("Value '{value}'"),
        None => "Value null".to_owned(),
    };
    format!(
        "{value} at '{}' failed to satisfy constraint: {}",
        path(failure),
        constraint(&failure.constraint)
    )
}

fn constraint(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Required => "Member must not be null".to_owned(),
        Constraint::Enum(values) => format!(
            "Member must satisfy enum value set: [{}]",
            values.join(", ")
        ),
        Constraint::MinLength(min) => {
            format!("Member must have length greater than or equal to {min}")
        }
        Constraint::MaxLength(max) => {
            format!("Member must have length less than or equal to {max}")
        }
        Constraint::Min(min) => format!("Member must have value greater than or equal to {min}"),
        Constraint::Max(max) => format!("Member must have value less than or equal to {max}"),
        Constraint::Pattern(pattern) => {
            format!("Member must satisfy regular expression pattern: {pattern}")
        }
        Constraint::Elements(inner) => {
            let inner: Vec<String> = inner.iter().map(self::constraint).collect();
            format!("Member must satisfy constraint: [{}]", inner.join(", "))
        }
    }
}

/// `tags.1.member.key`: members with a small first letter, elements by their place.
fn path(failure: &Failure) -> String {
    let mut parts = Vec::new();
    for step in &failure.path {
        match step {
            Step::Member(name) => parts.push(small(name)),
            Step::Element(at) => parts.push(format!("{at}.member")),
            Step::Key(key) => parts.push(format!("{key}.member")),
        }
    }
    parts.join(".")
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

/// The innermost member, as the model names it.
fn member(failure: &Failure) -> &str {
    let names = failure.path.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(*name),
        _ => None,
    });
    names.unwrap_or_default()
}

fn missing(failure: &Failure) -> Error {
    let message = format!("The request must contain the parameter {}", member(failure));
    Error::new("MissingParameter", 400, message)
}

fn ec2(failure: &Failure) -> Error {
    let (name, value) = (
        small(member(failure)),
        failure.value.as_deref().unwrap_or_default(),
    );
    let message = match &failure.constraint {
        Constraint::Required => return missing(failure),
        Constraint::Min(min) => {
            format!(
                "Value ( {value} ) for parameter {name} is invalid. Expecting a value greater than {min}."
            )
        }
        Constraint::Max(max) => {
            format!(
                "Value ( {value} ) for parameter {name} is invalid. Expecting a value less than {max}."
            )
        }
        _ => format!("Value ({value}) for parameter {name} is invalid."),
    };
    Error::new("InvalidParameterValue", 400, message)
}

fn ecr(failure: &Failure) -> String {
    let text = match &failure.constraint {
        Constraint::Pattern(pattern) => format!("must satisfy regular expression '{pattern}'"),
        other => constraint(other),
    };
    format!(
        "Invalid parameter at '{}' failed to satisfy constraint: '{text}'",
        path(failure)
    )
}
