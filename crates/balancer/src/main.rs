//! A load balancer node as a program of its own.

use std::path::PathBuf;

use clap::Parser;

/// Serves one node of an Application Load Balancer.
#[derive(Parser)]
struct Arguments {
    /// Unix socket on which configurations come and status is told
    #[arg(long)]
    control: PathBuf,
    /// File that keeps the last accepted configuration
    #[arg(long)]
    state: PathBuf,
    /// Directory for access logs
    #[arg(long)]
    access_log: Option<PathBuf>,
    /// How many cores serve (default: all)
    #[arg(long)]
    cores: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    balancer::run(&balancer::Options {
        control_socket: arguments.control,
        state_file: arguments.state,
        access_log_directory: arguments.access_log,
        cores: arguments.cores,
    })?;
    Ok(())
}
