//! The program `links`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    links::commands::main()
}
