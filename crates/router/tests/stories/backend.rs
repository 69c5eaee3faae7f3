//! A server for the router to spread requests over: it counts, and can be slow, silent, sick or dead.

use crate::harness::until;
use bytes::Bytes;
use futures_util::Stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

type Answer = Result<Response<BoxBody<Bytes, io::Error>>, io::Error>;

/// What a backend has seen and how it behaves; shared with its connections.
#[derive(Default)]
pub struct State {
    /// Requests, health checks apart.
    pub requests: AtomicU64,
    /// Of those, POSTs.
    pub posts: AtomicU64,
    /// Connections that are open, those of health checks included.
    pub connections: AtomicU64,
    /// Answers nothing any more, not even health checks: like a process that was stopped.
    pub silent: AtomicBool,
    /// Fails its health checks.
    pub sick: AtomicBool,
    /// Lets the requests to `/wait` go on.
    pub go_on: Notify,
}

pub struct Backend {
    pub id: String,
    pub addr: SocketAddr,
    pub state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Backend {
    pub async fn start(id: &str) -> Self {
        // Not 127.0.0.1, from which connections start: one might take the port of a server that is to come back.
        Self::start_at(id, "127.0.0.2:0".parse().unwrap()).await
    }

    pub async fn start_at(id: &str, addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, Arc::<str>::from(id), Arc::clone(&state)));
        Backend { id: id.to_owned(), addr, state, accepting }
    }

    /// Dies like a killed process: its connections are closed in the middle of whatever they did, new ones are refused.
    pub async fn kill(&mut self) {
        self.accepting.abort();
        let _aborted = (&mut self.accepting).await;
        let closed = async || self.state.connections.load(SeqCst) == 0;
        until("the connections of a killed server to be closed", closed).await;
    }

    pub fn requests(&self) -> u64 {
        self.state.requests.load(SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, id: Arc<str>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(converse(accepted.unwrap().0, Arc::clone(&id), Arc::clone(&state)));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, SeqCst);
    }
}

async fn converse(stream: TcpStream, id: Arc<str>, state: Arc<State>) {
    state.connections.fetch_add(1, SeqCst);
    let _open = Open(Arc::clone(&state));
    let service = service_fn(|request| answer(request, Arc::clone(&id), Arc::clone(&state)));
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, id: Arc<str>, state: Arc<State>) -> Answer {
    if state.silent.load(SeqCst) {
        std::future::pending::<()>().await;
    }
    if request.uri().path() == protocol::app::HEALTH {
        let mut response = respond(&id, Bytes::new());
        if state.sick.load(SeqCst) {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        return Ok(response);
    }
    state.requests.fetch_add(1, SeqCst);
    if request.method() == Method::POST {
        state.posts.fetch_add(1, SeqCst);
    }
    let path = request.uri().path().to_owned();
    match path.as_str() {
        // The connection is lost after the request was read, as when the process is killed in the middle of it.
        "/die" => Err(io::Error::other("killed in the middle of a request")),
        "/silence" => std::future::pending().await,
        "/wait" => {
            state.go_on.notified().await;
            Ok(respond(&id, Bytes::from_static(b"waited")))
        }
        // The answer breaks off after its first part, when it is told to go on.
        "/half" => {
            let parts = futures_util::stream::unfold(0, move |part| {
                let state = Arc::clone(&state);
                async move {
                    if part == 0 {
                        return Some((Ok(Frame::data(Bytes::from_static(b"half"))), 1));
                    }
                    state.go_on.notified().await;
                    Some((Err(io::Error::other("killed within the answer")), 2))
                }
            });
            Ok(stream(&id, parts))
        }
        "/endless" => {
            let parts =
                futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 65536]))));
            Ok(stream(&id, parts))
        }
        "/close" => {
            let mut response = respond(&id, Bytes::from_static(b"last"));
            response.headers_mut().insert("connection", "close, x-private".parse().unwrap());
            response.headers_mut().insert("x-private", "1".parse().unwrap());
            Ok(response)
        }
        "/big" => Ok(respond(&id, Bytes::from(vec![b'x'; 4 << 20]))),
        _ => echo(request, &id).await,
    }
}

/// Answers with the request as it arrived, so that tests see what the router made of it.
async fn echo(request: Request<Incoming>, id: &str) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &parts.headers {
        headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
    }
    let target = parts.uri.to_string();
    let echo = serde_json::json!({ "target": target, "headers": headers, "body_bytes": body.len() });
    Ok(respond(id, Bytes::from(echo.to_string())))
}

fn stream(
    id: &str,
    parts: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + Sync + 'static,
) -> Response<BoxBody<Bytes, io::Error>> {
    let mut response = respond(id, Bytes::new());
    *response.body_mut() = BodyExt::boxed(StreamBody::new(parts));
    response
}

fn respond(id: &str, body: Bytes) -> Response<BoxBody<Bytes, io::Error>> {
    let mut response = Response::new(BodyExt::boxed(Full::new(body).map_err(|never| match never {})));
    response.headers_mut().insert(protocol::app::SERVED_BY, id.parse().unwrap());
    response
}
