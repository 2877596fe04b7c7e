//! `terrella image`: the service's image, from its static binary.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use image::{Builder, Built};

/// Where the build leaves it.
pub(crate) const BINARY: &str = "target/static/x86_64-unknown-linux-gnu/image/links";
const BUILD: &str = "cargo build -p links --profile image --target x86_64-unknown-linux-gnu \
    --target-dir target/static \
    --config 'target.x86_64-unknown-linux-gnu.rustflags=[\"-C\",\"target-feature=+crt-static\"]'";
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The static binary.
    #[arg(long, default_value = BINARY)]
    binary: PathBuf,
    /// Certificate authorities (PEM) that the program shall trust, at
    /// /etc/ssl/certs/ca-certificates.crt. On AWS the service needs some; in the region its containers are
    /// given the region's own. None go in unless they are named here, so that the same binary makes
    /// the same image on every machine.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Where the image's layout goes; `image` in the data folder when not given.
    #[arg(long)]
    output: Option<PathBuf>,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> Result<()> {
    let layout = arguments.output.clone().unwrap_or_else(|| layout(data));
    let built = build(&arguments.binary, arguments.ca_bundle.as_deref(), &layout)?;
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({
                "digest": built.manifest_digest,
                "size": built.size,
                "layout": layout,
            })
        );
    } else {
        println!("{}", built.manifest_digest);
    }
    Ok(())
}

pub(crate) fn layout(data: &Path) -> PathBuf {
    data.join("image")
}

/// Before anything is applied: is there something to put into an image?
pub(crate) fn check(binary: &Path) -> Result<()> {
    if !binary.is_file() {
        bail!(
            "the service's binary {} is not there. It is built by\n  {BUILD}",
            binary.display()
        );
    }
    Ok(())
}

pub(crate) fn build(binary: &Path, ca_bundle: Option<&Path>, layout: &Path) -> Result<Built> {
    check(binary)?;
    let name = binary
        .file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no name", binary.display()))?;
    if let Some(parent) = layout.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("{} could not be made", parent.display()))?;
    }
    Builder {
        binary: binary.to_owned(),
        name: name.to_owned(),
        arguments: vec!["serve".to_owned()],
        ports: vec![8080],
        ca_bundle: ca_bundle.map(Path::to_owned),
        ..Builder::default()
    }
    .build(layout)
    .with_context(|| format!("no image could be built from {}", binary.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_binary_is_answered_with_the_command_that_builds_it() {
        let error = build(
            Path::new("/nowhere/links"),
            None,
            Path::new("/nowhere/image"),
        )
        .expect_err("it is not there");
        assert!(
            error
                .to_string()
                .contains("cargo build -p links --profile image")
        );
    }
}
