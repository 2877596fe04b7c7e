//! `terrella down` and `terrella destroy`.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::running;

/// What every data folder of a region has, and hardly another folder.
const MARKS: [&str; 2] = ["region.redb", "run/serve.lock"];

pub(crate) fn down(data: &Path) -> Result<()> {
    if !data.exists() {
        eprintln!("there is no region on {}", data.display());
        return Ok(());
    }
    end(data)?;
    eprintln!("nothing runs; {} is kept", data.display());
    Ok(())
}

/// The region first: it would start its machine again.
fn end(data: &Path) -> Result<()> {
    running::stop(data)?;
    if data.join("run").exists() {
        machine::stop(data)
            .map_err(|error| anyhow::anyhow!(machine::chain(&error)))
            .context("the region's machine could not be ended")?;
    }
    Ok(())
}

pub(crate) fn destroy(data: &Path, yes: bool) -> Result<()> {
    if !data.exists() {
        eprintln!("there is no region on {}", data.display());
        return Ok(());
    }
    if !MARKS.iter().any(|mark| data.join(mark).exists()) {
        bail!(
            "{} is not a region's data folder, so it is not removed",
            data.display()
        );
    }
    if !yes {
        agreed(data)?;
    }
    end(data)?;
    let program = std::env::current_exe().context("this program cannot be found")?;
    machine::remove(data, &program)
        .map_err(|error| anyhow::anyhow!(machine::chain(&error)))
        .with_context(|| format!("{} could not be removed wholly", data.display()))?;
    eprintln!("nothing runs; {} is gone", data.display());
    Ok(())
}

fn agreed(data: &Path) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "nobody can be asked here: say --yes to remove {}",
            data.display()
        );
    }
    eprint!(
        "Everything in {} will be gone, databases too. Type yes: ",
        data.display()
    );
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("the answer could not be read")?;
    if answer.trim() != "yes" {
        bail!("nothing was done");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_a_regions_folder_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("thesis.txt"), "mine").expect("written");
        let error = destroy(folder.path(), true).expect_err("it is not a region's");
        assert!(error.to_string().contains("is not a region's data folder"));
        assert!(folder.path().join("thesis.txt").exists());
    }
}
