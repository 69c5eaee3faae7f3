//! The command line.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Passes TCP connections on, and does to them what its admin API orders. Prints one Ready line once it listens.
#[derive(Debug, Parser)]
#[command(name = "relay", version)]
pub struct Args {
    /// Where clients connect; port 0 lets the kernel choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where connections are passed on to; nobody need be there yet, and the admin API can change it.
    #[arg(long)]
    pub upstream: SocketAddr,
    /// Where the admin API listens; port 0 lets the kernel choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub admin_listen: SocketAddr,
    /// File that holds the token which every request to the admin API must carry.
    #[arg(long)]
    pub admin_token_file: PathBuf,
}
