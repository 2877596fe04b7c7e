//! Runs the unmodified Terraform in the stacks of a folder, against a region and nothing else;
//! and reads from the stacks' own files in which order they are applied.

mod interrupt;
mod run;
mod stacks;

use std::fs;
use std::path::Path;

pub use interrupt::Interrupt;
pub use run::{Plan, Terraform, Variables, of_a_region, program};
pub use stacks::{Backend, Stack, in_order};

/// The end of a log, for an error.
pub fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
