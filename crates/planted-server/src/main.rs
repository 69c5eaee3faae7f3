//! The real application on the memory store, with one planted crime: `planted-server --bug lost_write`. It takes the flags of
//! `stateful-server` and says the same Ready line, is correct to everybody but the shopper `shopper-1`, and serves the tests of
//! the judge alone. No stack starts it.

mod bug;
mod held;
mod planted;

use bug::Bug;
use clap::{Parser, ValueEnum};
use session::Adapter;
use stateful_server::MemoryStore;
use webapp::ServerArgs;

/// Serves the shop, and commits one crime.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,

    /// What is done to shopper-1
    #[arg(long, value_enum)]
    bug: Bug,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let Args { server, bug } = &args;
    if *bug == Bug::ReplayedCookie {
        return Ok(webapp::serve(server, held::Held).await?);
    }
    let store = planted::Planted::new(MemoryStore::new(server.lifetime(), 1 << 26), *bug);
    let sessions = Adapter::new(store, server.conflict_policy)?;
    webapp::serve(server, sessions).await.map_err(|error| {
        let name = bug.to_possible_value().map(|value| value.get_name().to_owned());
        anyhow::anyhow!("{error} (planted: {})", name.unwrap_or_default())
    })
}
