//! The machine's processes without the rest of the command line; `terrella machine …` is the
//! same.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "machine") {
        arguments.remove(0);
    }
    machine::main(&arguments)
}
