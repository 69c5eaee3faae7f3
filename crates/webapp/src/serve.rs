//! From a listener to an orderly end. Listener, shutdown and readiness are handed in; [`serve`] brings those of a real process.

use crate::app::{self, Cookies};
use crate::args::ServerArgs;
use crate::cookie_key::KeyError;
use crate::log::Log;
use crate::ops::{Token, TokenError};
use crate::shop::Shop;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use protocol::process::Ready;
use session::Backend;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Connections that wait to be accepted; beyond it the kernel makes clients wait and try again.
const BACKLOG: u32 = 2_048;
/// Idle connections are kept longer than a router keeps them in its pool, so that it never sends into one that we are closing.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Why a server did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error("port {} of {} is in use; choose another with --listen, or end the process that has it", addr.port(), addr.ip())]
    PortInUse {
        /// What was asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; choose another address with --listen")]
    Listen {
        /// What was asked for.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The cookie key is of no use.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The operators' token is of no use.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The process could not say that it is ready, or be told to stop.
    #[error("cannot {what}: {source}")]
    Process {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The HTTP server did not start or ended by itself.
    #[error("the HTTP server failed: {0}")]
    Http(io::Error),
}

/// Serves the application with these sessions until SIGTERM or SIGINT, then drains. Says on standard output when it is ready.
///
/// # Errors
/// When it cannot start; see [`ServeError`].
pub async fn serve<B: Backend>(args: &ServerArgs, sessions: B) -> Result<(), ServeError> {
    let store = sessions.name().to_owned();
    let shutdown =
        told_to_stop().map_err(|source| ServeError::Process { what: "listen for SIGTERM", source })?;
    let listener = listen(args.listen)?;
    say_what_is_less_than_safe(args);
    let announce = |addr| {
        let ready = Ready::Server { instance: args.instance.clone(), addr, pid: std::process::id(), store };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", ready.to_line())?;
        stdout.flush()
    };
    serve_on(listener, args, sessions, announce, shutdown).await
}

/// The same with everything from outside handed in: `ready` is called once connections are accepted, and the server drains
/// when `shutdown` completes.
///
/// Draining: nothing is accepted any more, idle connections are closed, requests in flight are finished within
/// `--shutdown-grace-ms` and answered with `Connection: close`. What is not finished by then is cut.
///
/// # Errors
/// When it cannot start; see [`ServeError`].
pub async fn serve_on<B: Backend>(
    listener: TcpListener,
    args: &ServerArgs,
    sessions: B,
    ready: impl FnOnce(SocketAddr) -> io::Result<()>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let addr = listener.local_addr().map_err(ServeError::Http)?;
    let shop = Data::new(Shop::new(args));
    let cookies = Cookies::new(args)?;
    let operators = args.ops_token_file.as_deref().map(Token::read).transpose()?;
    let (connections, open_connections) = watch::channel(0_usize);
    let connections = Arc::new(connections);

    let app_shop = shop.clone();
    let server = HttpServer::new(move || {
        let (shop, sessions, operators) = (app_shop.clone(), sessions.clone(), operators.clone());
        App::new()
            .configure(|config| app::configure(config, shop, &cookies, sessions, operators))
            .wrap(from_fn(app::sign))
    })
    .on_connect(move |_io, extensions| {
        extensions.insert(Connection::opened(&connections));
    })
    .workers(usize::try_from(args.workers).unwrap_or(1))
    .keep_alive(KEEP_ALIVE)
    .tcp_nodelay(true)
    // Longer than our own grace, which also knows parts of a second.
    .shutdown_timeout(args.shutdown_grace_ms / 1_000 + 1)
    .disable_signals()
    .listen(listener)
    .map_err(ServeError::Http)?
    .run();

    let handle = server.handle();
    let mut server = pin!(server);
    // The first poll starts acceptor and workers; only then is "ready" the truth.
    if let Poll::Ready(ended) = poll_fn(|context| Poll::Ready(server.as_mut().poll(context))).await {
        return ended.map_err(ServeError::Http);
    }
    ready(addr).map_err(|source| ServeError::Process { what: "print the Ready line", source })?;

    tokio::select! {
        ended = &mut server => return ended.map_err(ServeError::Http),
        () = shutdown => {}
    }
    shop.drain();
    drop(handle.stop(true));
    let grace = Duration::from_millis(args.shutdown_grace_ms);
    // actix-web looks once a second whether it is done; the connections tell at once.
    let quiet = async { open_connections.clone().wait_for(|&open| open == 0).await.is_ok() };
    tokio::select! {
        biased;
        ended = &mut server => return ended.map_err(ServeError::Http),
        _ = quiet => {}
        () = tokio::time::sleep(grace) => {
            let cut = *open_connections.borrow();
            shop.log.say(&format!("cut {cut} connections: --shutdown-grace-ms {} is over", grace.as_millis()));
        }
    }
    Ok(())
}

/// Lives as long as a connection.
struct Connection(Arc<watch::Sender<usize>>);

impl Connection {
    fn opened(connections: &Arc<watch::Sender<usize>>) -> Self {
        connections.send_modify(|open| *open += 1);
        Self(Arc::clone(connections))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

fn say_what_is_less_than_safe(args: &ServerArgs) {
    let log = Log::new(&args.instance);
    if args.cookie_key_file.is_none() {
        log.say("cookies are sealed with a random key of this process, which no other server can open (--cookie-key-file)");
    }
    if args.plain_http_cookies {
        log.say("session cookies are sent over plain HTTP (--plain-http-cookies): use this on loopback only");
    }
}

fn listen(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = || -> io::Result<TcpListener> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)?.into_std()
    };
    bound().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse { addr },
        _ => ServeError::Listen { addr, source },
    })
}

fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
