//! One server inside the test's process, on a port of the kernel's choice.

use clap::Parser;
use session::{Adapter, Backend, Lifetime, SessionStore};
use stateful_server::MemoryStore;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use webapp::{ServeError, ServerArgs};

pub const NAME: &str = "under-test";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    server: ServerArgs,
}

/// Serves until it is dropped.
pub struct Server {
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), ServeError>>,
}

pub fn memory() -> MemoryStore {
    let lifetime = Lifetime { idle: Duration::from_secs(600), absolute: Duration::from_secs(600) };
    MemoryStore::new(lifetime, 64 * 1024 * 1024)
}

fn parse(flags: &str) -> ServerArgs {
    let line = format!("server --instance {NAME} --service-time-ms 1 --workers 2 {flags}");
    let parsed = Cli::try_parse_from(line.split_whitespace());
    parsed.unwrap_or_else(|err| panic!("{err}")).server
}

impl Server {
    pub async fn start<S: SessionStore>(store: S, flags: &str) -> Self {
        let policy = parse(flags).conflict_policy;
        Self::start_with(Adapter::new(store, policy).unwrap(), flags).await
    }

    pub async fn start_with<B: Backend>(sessions: B, flags: &str) -> Self {
        let args = parse(flags);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (tell_ready, ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let announce = |addr| tell_ready.send(addr).map_err(|_| std::io::Error::other("nobody waits"));
            let stopped = async { drop(stopped.await) };
            webapp::serve_on(listener, &args, sessions, announce, stopped).await
        });
        Self { addr: ready.await.unwrap(), stop: Some(stop), serving }
    }

    /// Why it does not start.
    pub async fn refused(flags: &str) -> String {
        let sessions = Adapter::new(memory(), parse(flags).conflict_policy).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = std::future::pending();
        webapp::serve_on(listener, &parse(flags), sessions, |_| Ok(()), nobody).await.unwrap_err().to_string()
    }

    /// A server as the lab starts it: over plain HTTP.
    pub async fn plain<S: SessionStore>(store: S, flags: &str) -> Self {
        Self::start(store, &format!("--plain-http-cookies {flags}")).await
    }

    pub fn tell_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn end(self) -> Result<(), ServeError> {
        tokio::time::timeout(Duration::from_secs(20), self.serving).await.expect("the server to end").unwrap()
    }
}
