//! `models/scope.json`: which services and operations the region speaks.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Keyed by the service's module name in `wire` and `region`.
pub(crate) type Scope = BTreeMap<String, Service>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The service's folder in botocore's data.
    pub(crate) source: String,
    pub(crate) operations: Vec<String>,
}

pub(crate) fn read(root: &Path) -> Result<Scope> {
    let path = root.join("models/scope.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parsing {}", path.display()))
}
