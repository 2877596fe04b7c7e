//! Policy documents: their grammar, what they decide, and what is wrong with them.
//!
//! Pure: a policy and a request go in, a decision comes out. Why this is written here rather
//! than taken from a library is in `docs/decisions/`.

mod condition;
mod evaluate;
mod glob;
mod validate;

use serde_json::Value;

pub use condition::Condition;
pub use evaluate::{Actor, Decision, Layers, PolicyKind, Request, ResourceRule};
pub use validate::{identity, resource, trust};

/// A policy document, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub version: Version,
    pub statements: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Also when none is said; knows no variables.
    V2008,
    V2012,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub principals: Option<Principals>,
    pub actions: Option<Choice>,
    pub resources: Option<Choice>,
    pub conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// What a statement is about, or what it is not about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub negated: bool,
    pub patterns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principals {
    pub negated: bool,
    pub names: Vec<Principal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// `"*"`, and `{"AWS": "*"}`.
    Everyone,
    /// An ARN, or an account's twelve digits.
    Aws(String),
    Service(String),
    Federated(String),
    CanonicalUser(String),
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it is not JSON")]
    Json,
    #[error("a {0} is not of the form it must have")]
    Form(&'static str),
    #[error("{0} is no element of a policy")]
    Unknown(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("version {0} is not known")]
    Version(String),
}

impl Policy {
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let json: Value = serde_json::from_str(text).map_err(|_| Malformed::Json)?;
        let Value::Object(fields) = json else {
            return Err(Malformed::Form("document"));
        };
        let mut version = Version::V2008;
        let mut statements = None;
        for (name, value) in fields {
            match name.as_str() {
                "Version" => version = parse_version(&value)?,
                "Id" if value.is_string() => {}
                "Id" => return Err(Malformed::Form("Id")),
                "Statement" => statements = Some(parse_statements(value)?),
                _ => return Err(Malformed::Unknown(name)),
            }
        }
        Ok(Self {
            version,
            statements: statements.ok_or(Malformed::Missing("Statement"))?,
        })
    }
}

fn parse_version(value: &Value) -> Result<Version, Malformed> {
    match value.as_str() {
        Some("2012-10-17") => Ok(Version::V2012),
        Some("2008-10-17") => Ok(Version::V2008),
        Some(other) => Err(Malformed::Version(other.to_owned())),
        None => Err(Malformed::Form("Version")),
    }
}

fn parse_statements(value: Value) -> Result<Vec<Statement>, Malformed> {
    match value {
        Value::Array(all) => all.into_iter().map(parse_statement).collect(),
        one => Ok(vec![parse_statement(one)?]),
    }
}

fn parse_statement(value: Value) -> Result<Statement, Malformed> {
    let Value::Object(fields) = value else {
        return Err(Malformed::Form("Statement"));
    };
    let mut statement = Statement {
        sid: None,
        effect: Effect::Deny,
        principals: None,
        actions: None,
        resources: None,
        conditions: Vec::new(),
    };
    let mut effect = None;
    for (name, value) in fields {
        match name.as_str() {
            "Sid" => {
                let sid = value.as_str().ok_or(Malformed::Form("Sid"))?;
                statement.sid = Some(sid.to_owned()).filter(|sid| !sid.is_empty());
            }
            "Effect" => {
                effect = Some(match value.as_str() {
                    Some("Allow") => Effect::Allow,
                    Some("Deny") => Effect::Deny,
                    _ => return Err(Malformed::Form("Effect")),
                });
            }
            "Principal" => once(&mut statement.principals, parse_principals(&value, false)?)?,
            "NotPrincipal" => once(&mut statement.principals, parse_principals(&value, true)?)?,
            "Action" => once(&mut statement.actions, choice(&value, "Action", false)?)?,
            "NotAction" => once(&mut statement.actions, choice(&value, "NotAction", true)?)?,
            "Resource" => once(&mut statement.resources, choice(&value, "Resource", false)?)?,
            "NotResource" => once(
                &mut statement.resources,
                choice(&value, "NotResource", true)?,
            )?,
            "Condition" => statement.conditions = condition::parse(&value)?,
            _ => return Err(Malformed::Unknown(name)),
        }
    }
    statement.effect = effect.ok_or(Malformed::Missing("Effect"))?;
    Ok(statement)
}

/// An element and its opposite may not stand together.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if slot.is_some() {
        return Err(Malformed::Form("Statement"));
    }
    *slot = Some(value);
    Ok(())
}

fn choice(value: &Value, name: &'static str, negated: bool) -> Result<Choice, Malformed> {
    Ok(Choice {
        negated,
        patterns: strings(value).ok_or(Malformed::Form(name))?,
    })
}

fn parse_principals(value: &Value, negated: bool) -> Result<Principals, Malformed> {
    const FORM: Malformed = Malformed::Form("Principal");
    let names = match value {
        Value::String(everyone) if everyone == "*" => vec![Principal::Everyone],
        Value::Object(kinds) => {
            let mut names = Vec::new();
            for (kind, value) in kinds {
                for name in strings(value).ok_or(FORM)? {
                    names.push(match kind.as_str() {
                        "AWS" if name == "*" => Principal::Everyone,
                        "AWS" => Principal::Aws(name),
                        "Service" => Principal::Service(name),
                        "Federated" => Principal::Federated(name),
                        "CanonicalUser" => Principal::CanonicalUser(name),
                        _ => return Err(FORM),
                    });
                }
            }
            names
        }
        _ => return Err(FORM),
    };
    Ok(Principals { negated, names })
}

/// A string, or a list of them.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_parsed_whole_or_refused_by_name() {
        let refused = |text: &str| Policy::parse(text).expect_err(text);
        assert_eq!(refused("{"), Malformed::Json);
        assert_eq!(refused("[]"), Malformed::Form("document"));
        assert_eq!(refused("{}"), Malformed::Missing("Statement"));
        assert_eq!(
            refused(r#"{"Statement":[],"Extra":1}"#),
            Malformed::Unknown("Extra".into())
        );
        assert_eq!(
            refused(r#"{"Version":"2020-01-01","Statement":[]}"#),
            Malformed::Version("2020-01-01".into())
        );
        assert_eq!(
            refused(r#"{"Statement":{"Action":"*"}}"#),
            Malformed::Missing("Effect")
        );
        assert_eq!(
            refused(r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*"}}"#),
            Malformed::Form("Statement")
        );
        assert_eq!(
            refused(r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":{"Who":"*"}}}"#),
            Malformed::Form("Principal")
        );
        let policy = Policy::parse(
            r#"{"Version":"2012-10-17","Statement":{"Sid":"","Effect":"Allow","NotAction":["a:b"],
                "Principal":{"AWS":["*","000000000000"],"Service":"ecs.amazonaws.com"}}}"#,
        )
        .expect("it is a policy");
        let statement = &policy.statements[0];
        assert_eq!(statement.sid, None);
        assert!(
            statement
                .actions
                .as_ref()
                .is_some_and(|choice| choice.negated)
        );
        assert_eq!(
            statement.principals.as_ref().map(|all| all.names.len()),
            Some(3)
        );
    }
}
