//! Where the database's user name and password come from, at run time, behind one trait.

mod file;
mod secrets_manager;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::Deserialize;

pub use self::file::FileCredentials;
pub use self::secrets_manager::SecretsManagerCredentials;
use crate::config::LoginSource;

/// Gives the login that is valid now. Asked again whenever the database refuses what was given before.
pub trait Credentials: Send + Sync {
    fn fetch(&self) -> Fetch<'_>;
}

pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Login, CredentialsError>> + Send + 'a>>;

/// A user name and, unless the server trusts the connection, a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: Option<Secret>,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("read the credentials file {path}")]
    ReadFile {
        path: String,
        source: std::io::Error,
    },
    #[error("fetch secret {secret_id} from Secrets Manager")]
    Fetch {
        secret_id: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("secret {secret_id} holds no text")]
    NotText { secret_id: String },
    /// Without a source: a parser's message may repeat a part of the secret.
    #[error(
        "{subject} is not a JSON object with the texts `username` and `password` (line {line}, column {column})"
    )]
    Shape {
        subject: String,
        line: usize,
        column: usize,
    },
}

pub fn open(source: LoginSource) -> Box<dyn Credentials> {
    match source {
        LoginSource::Fixed(login) => Box::new(FixedCredentials(login)),
        LoginSource::File(path) => Box::new(FileCredentials::new(path)),
        LoginSource::SecretsManager { secret_id, region } => {
            Box::new(SecretsManagerCredentials::new(secret_id, region))
        }
    }
}

/// A login that was given in the environment and cannot change.
pub struct FixedCredentials(pub Login);

impl Credentials for FixedCredentials {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

impl Login {
    /// Reads the JSON that RDS keeps in Secrets Manager; other fields are ignored.
    pub fn from_json(text: &str, subject: &str) -> Result<Self, CredentialsError> {
        #[derive(Deserialize)]
        struct Stored {
            username: String,
            password: Secret,
        }
        let stored: Stored =
            serde_json::from_str(text).map_err(|error| CredentialsError::Shape {
                subject: subject.to_owned(),
                line: error.line(),
                column: error.column(),
            })?;
        Ok(Self {
            username: stored.username,
            password: Some(stored.password),
        })
    }
}

impl Secret {
    /// The text itself. Only the place that hands it to the database calls this.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rds_stores() {
        let login = Login::from_json(
            r#"{"username":"ann","password":"s3cret","engine":"postgres"}"#,
            "x",
        )
        .unwrap();
        assert_eq!(login.username, "ann");
        assert_eq!(login.password.as_ref().map(Secret::reveal), Some("s3cret"));
        assert!(!format!("{login:?}").contains("s3cret"));
    }

    #[test]
    fn a_broken_secret_is_named_and_not_shown() {
        for text in [
            "s3cret",
            r#"{"username":"ann","password":5}"#,
            r#"{"password":"s3cret"}"#,
            r#"["s3cret"]"#,
            r#"{"username":["s3cret"],"password":"x"}"#,
        ] {
            let error = Login::from_json(text, "secret db").unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("secret db"), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
