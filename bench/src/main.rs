//! What `bench/run` needs besides the programs that it measures: a region whose world does at once
//! whatever is wanted, to find out how long Terraform takes by itself; and a configuration for a
//! load balancer's node.

mod instant;
mod node;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
enum Arguments {
    /// A region in which everything is there the moment that it is wanted. Prints where it answers.
    Instant {
        #[arg(long)]
        data_dir: PathBuf,
    },
    /// Prints the line that makes a node forward everything to one target.
    Node {
        #[arg(long)]
        listen: u16,
        #[arg(long)]
        target: u16,
    },
}

fn main() -> Result<()> {
    match Arguments::parse() {
        Arguments::Instant { data_dir } => instant::run(&data_dir),
        Arguments::Node { listen, target } => {
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
            println!(
                "{}",
                serde_json::to_string(&node::forwarding(listen, target))?
            );
            Ok(())
        }
    }
}
