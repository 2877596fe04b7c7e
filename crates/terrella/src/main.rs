//! The command line: an AWS region on this machine.

mod link;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An AWS region on one Linux machine.
#[derive(Debug, Parser)]
#[command(name = "terrella", version, about)]
struct Arguments {
    /// Where the region keeps everything.
    #[arg(
        long,
        global = true,
        env = "TERRELLA_DATA",
        default_value = ".terrella"
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the region alone, in the foreground.
    Serve(serve::Arguments),
    /// A part of the region that it starts by itself.
    #[command(hide = true, disable_help_flag = true)]
    Machine {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        // It makes namespaces, which only a process with one thread can: nothing may run before.
        Command::Machine { arguments } => return machine::main(&arguments),
        Command::Serve(serve) => serve::run(&arguments.data_dir, &serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("terrella: {error:#}");
            ExitCode::FAILURE
        }
    }
}
