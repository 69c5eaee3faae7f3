//! The stateful web tier: every server keeps its sessions in its own memory, and they end with it.
//!
//! Read it beside `stateless-server/src/main.rs`: everything but the store is the same crate.

use clap::Parser;
use session::Adapter;
use stateful_server::MemoryStore;
use webapp::ServerArgs;

/// Serves the shop with sessions in this process's memory.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,

    /// The most memory that sessions may take; beyond it new ones are refused with 503, and nobody is evicted
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    max_memory_mb: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let store = MemoryStore::new(args.server.lifetime(), args.max_memory_mb * 1024 * 1024);
    let sessions = Adapter::new(store.clone(), args.server.conflict_policy)?;
    tokio::select! {
        served = webapp::serve(&args.server, sessions) => Ok(served?),
        never = store.keep_swept() => match never {},
    }
}
