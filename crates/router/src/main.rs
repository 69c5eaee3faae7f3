//! The router: spreads requests over the servers of a tier by one of seven policies. One build for every stack; stacks
//! differ in the policy only.

mod admin;
mod affinity;
mod args;
mod body;
mod hash;
mod headers;
mod health;
mod listener;
mod log;
mod metrics;
mod policy;
mod pool;
mod proxy;
mod refusal;
mod registry;
mod ring;

use crate::admin::{Admin, AdminToken};
use crate::args::Args;
use crate::listener::Limits;
use crate::proxy::Proxy;
use crate::registry::Registry;
use anyhow::Context;
use clap::Parser;
use protocol::process::Ready;
use std::io::Write;
use std::sync::Arc;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The admin API has few clients.
const ADMIN_CONNECTIONS: usize = 64;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = match args.workers {
        1 => Builder::new_current_thread().enable_all().build(),
        workers => Builder::new_multi_thread().worker_threads(workers.into()).enable_all().build(),
    };
    runtime.context("cannot start the runtime")?.block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let token = AdminToken::read(&args.admin_token_file)?;
    let listener = listener::bind(args.listen, "--listen")?;
    let admin_listener = listener::bind(args.admin_listen, "--admin-listen")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let ready = Ready::Router {
        addr: listener.local_addr().context("cannot tell the address")?,
        admin_addr: admin_listener.local_addr().context("cannot tell the admin address")?,
        pid: std::process::id(),
    };

    let registry = Registry::new(args.policy, args.checks());
    let (stop, stopped) = watch::channel(false);
    let proxy = Arc::new(Proxy { registry: Arc::clone(&registry), bounds: args.bounds() });
    let clients = tokio::spawn(listener::serve(listener, args.limits(), stopped.clone(), proxy));
    let admin = Arc::new(Admin { registry, token });
    let limits = Limits { max_connections: ADMIN_CONNECTIONS, ..args.limits() };
    let admins = tokio::spawn(listener::serve(admin_listener, limits, stopped, admin));

    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", ready.to_line())
        .and_then(|()| stdout.flush())
        .context("cannot say that it is ready")?;
    drop(stdout);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.send_replace(true);
    let cut_off = clients.await.context("the proxy's listener failed")?;
    admins.await.context("the admin API's listener failed")?;
    if cut_off > 0 {
        log::line(format_args!(
            "{cut_off} connections did not end within {} ms and were cut off",
            args.shutdown_grace_ms
        ));
    }
    Ok(())
}
