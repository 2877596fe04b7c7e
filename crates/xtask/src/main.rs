//! Developer tasks: the API models and the code generated from them.

mod generate;
mod model;
mod models;
mod names;
mod scope;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
cargo xtask models              extract models/*.json from the installed botocore package
cargo xtask generate [--check]  write crates/wire/src/generated from models/ (or only compare)";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = repository()?;
    match words.as_slice() {
        ["models"] => models::extract(&root),
        ["generate"] => generate::write(&root),
        ["generate", "--check"] => generate::check(&root),
        _ => bail!("unknown task\n{USAGE}"),
    }
}

/// The repository this program was built in, unless it runs in another checkout.
fn repository() -> Result<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = home
        .ancestors()
        .nth(2)
        .context("finding the repository above crates/xtask")?;
    Ok(root.to_path_buf())
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_code_is_what_the_models_give() {
        let root = super::repository().expect("the repository");
        super::generate::check(&root).expect("generated code that is up to date");
    }
}
