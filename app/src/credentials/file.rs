//! Credentials from a JSON file, read anew each time, for a platform that mounts secrets as files.

use std::path::PathBuf;

use super::{Credentials, CredentialsError, Fetch, Login};

pub struct FileCredentials {
    path: PathBuf,
}

impl FileCredentials {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Credentials for FileCredentials {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(async {
            let path = self.path.display().to_string();
            let text = tokio::fs::read_to_string(&self.path)
                .await
                .map_err(|source| CredentialsError::ReadFile {
                    path: path.clone(),
                    source,
                })?;
            Login::from_json(&text, &path)
        })
    }
}
