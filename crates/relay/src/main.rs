//! The relay: stands on an edge between two processes, passes TCP connections on, and does to them what it is told: delays,
//! throttles, cuts, refuses, loses answers. It outlives what is behind it.
//!
//! One thread, so that a connection costs little and the counts need no locks.

mod admin;
mod args;
mod attend;
mod connection;
mod door;
mod link;
mod log;
mod pump;
mod relay;
mod timer;

use crate::admin::AdminToken;
use crate::args::Args;
use crate::door::Door;
use crate::relay::Relay;
use anyhow::Context;
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use protocol::process::Ready;
use std::io::Write;
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // Two files a connection. Where the limit cannot be raised, the one that there is must do.
    let _raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(LocalSet::new().run_until(run(args)))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let token = AdminToken::read(&args.admin_token_file)?;
    let door = Door::bind(args.listen, "--listen")?;
    let admin_listener = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("cannot listen on {} (--admin-listen)", args.admin_listen))?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let ready = Ready::Relay {
        addr: door.addr(),
        admin_addr: admin_listener.local_addr().context("cannot tell the admin address")?,
        pid: std::process::id(),
    };
    let relay = Rc::new(Relay::new(args.upstream).context("the kernel gives no timer")?);

    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", ready.to_line())
        .and_then(|()| stdout.flush())
        .context("cannot say that it is ready")?;
    drop(stdout);

    // All but the signals goes on for ever.
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = relay.timer.run() => {}
        () = attend::watch_upstream(Rc::clone(&relay)) => {}
        () = attend::accept(Rc::clone(&relay), door) => {}
        () = admin::serve(admin_listener, Rc::clone(&relay), token) => {}
    }
    Ok(())
}
