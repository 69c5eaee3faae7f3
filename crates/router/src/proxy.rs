//! One request on its way: vetted, read whole, sent to the server that the policy picks, its answer streamed back.
//!
//! Invariant: a request is sent elsewhere only while it is certain that not a byte of it was sent (the connection was
//! refused, or hyper gave the request back unwritten). After that the client gets 502 or 504 and has to decide itself,
//! since the server may have done what it was asked.

use crate::affinity;
use crate::body::{self, Body, Flight, Streamed, UnreadBody};
use crate::headers::{self, Origin, Unfit};
use crate::listener::{Responder, Sighting};
use crate::log;
use crate::policy::{Ask, Serial, Table};
use crate::pool::{self, ConnectError, Outgoing, Sender};
use crate::refusal;
use crate::registry::{Fleet, Registry, Server};
use http::header::{HOST, SET_COOKIE, TRANSFER_ENCODING};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bounds on a request's way.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// To connect to a server.
    pub connect_timeout: Duration,
    /// From sending a request to its answer's head, and for any silence within the answer's body.
    pub response_timeout: Duration,
    /// To read a request's body.
    pub body_timeout: Duration,
    /// The longest request body.
    pub body_max_bytes: usize,
    /// Idle connections to servers are closed after this.
    pub idle_timeout: Duration,
}

/// What all connections share.
#[derive(Debug)]
pub struct Proxy {
    /// The servers.
    pub registry: Arc<Registry>,
    /// The bounds.
    pub bounds: Bounds,
}

/// What is known of a client for as long as its connection lasts.
#[derive(Debug)]
pub struct Client {
    /// Its address and port.
    pub addr: SocketAddr,
    /// What servers are told of it.
    pub origin: Origin,
    /// What was seen on the wire.
    pub sighting: Arc<Sighting>,
}

/// How one attempt ended.
enum Attempt {
    /// There is an answer, good or bad.
    Answered(Response<Body>),
    /// Nothing was sent: here it is again. The server is to be left alone for this request.
    Unsent(Request<Outgoing>),
}

/// A request, ready to be sent as often as nobody takes it.
struct Errand {
    request: Request<Outgoing>,
    host_is_missing: bool,
    refused_by: Vec<Serial>,
}

impl Responder for Proxy {
    type Client = Client;

    fn client(&self, addr: SocketAddr, sighting: Arc<Sighting>) -> Client {
        Client { addr, origin: Origin::of(addr.ip()), sighting }
    }

    async fn answer(&self, client: &Client, request: Request<Incoming>) -> Response<Body> {
        if let Err(unfit) = headers::vet(&request) {
            return refusal::malformed(status_of(&unfit), &unfit.to_string());
        }
        // hyper reads such a body as chunked and hides the length; somebody before us may have done the opposite.
        if client.sighting.length() && request.headers().contains_key(TRANSFER_ENCODING) {
            let detail = "a request has Content-Length or Transfer-Encoding, not both";
            return refusal::malformed(StatusCode::BAD_REQUEST, detail);
        }
        let (parts, body) = request.into_parts();
        let body = match body::read(body, self.bounds.body_max_bytes, self.bounds.body_timeout).await {
            Ok(body) => body,
            Err(unread) => return refusal::malformed(status_of_body(&unread), &unread.to_string()),
        };
        client.sighting.expect_head();
        let fleet = self.registry.fleet();
        let ask = affinity::ask(fleet.table.policy(), &parts.headers, client.addr);
        let host_is_missing = !parts.headers.contains_key(HOST);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method;
        *request.uri_mut() = origin_form(parts.uri);
        *request.headers_mut() = parts.headers;
        affinity::strip(request.headers_mut());
        headers::to_server(request.headers_mut(), &client.origin);
        let errand = Errand { request, host_is_missing, refused_by: Vec::new() };
        self.run(fleet, ask, errand).await
    }
}

impl Proxy {
    async fn run(&self, mut fleet: Arc<Fleet>, mut ask: Ask<'static>, mut errand: Errand) -> Response<Body> {
        ask.turn = self.registry.turn();
        loop {
            let asked = Ask { refused_by: &errand.refused_by, ..ask };
            let Some(pick) = fleet.table.pick(&asked, |index| fleet.load(index)) else {
                return refusal::no_server(nobody(&fleet.table));
            };
            let serial = fleet.table.members()[pick.index].serial;
            let flight = Flight::start(Arc::clone(&fleet.servers[pick.index]), pick.bind);
            if errand.host_is_missing {
                headers::set_host(errand.request.headers_mut(), flight.server().addr);
            }
            match self.attempt(serial, flight, errand.request).await {
                Attempt::Answered(response) => return response,
                Attempt::Unsent(request) => errand.request = request,
            }
            errand.refused_by.push(serial);
            fleet = self.registry.fleet();
        }
    }

    async fn attempt(&self, serial: Serial, flight: Flight, mut request: Request<Outgoing>) -> Attempt {
        // Each turn takes an idle connection that turned out closed; the last one makes a new connection.
        loop {
            let idle = flight.server().pool.take(self.bounds.idle_timeout);
            let was_idle = idle.is_some();
            let mut sender = match idle {
                Some(sender) => sender,
                None => match self.connect(serial, flight.server()).await {
                    Some(sender) => sender,
                    None => return Attempt::Unsent(request),
                },
            };
            flight.sent();
            let sending = sender.try_send_request(request);
            match tokio::time::timeout(self.bounds.response_timeout, sending).await {
                Ok(Ok(response)) => return Attempt::Answered(self.pass_on(response, flight, sender)),
                Ok(Err(mut lost)) => match lost.take_message() {
                    Some(unsent) => {
                        flight.given_back();
                        request = unsent;
                        if !was_idle {
                            return Attempt::Unsent(request);
                        }
                    }
                    None => {
                        flight.failed();
                        let detail = "the server's connection was lost; the request may have had an effect";
                        return Attempt::Answered(refusal::bad_gateway(detail));
                    }
                },
                Err(_elapsed) => {
                    flight.failed();
                    let detail = "the server did not answer in time; the request may have had an effect";
                    return Attempt::Answered(refusal::gateway_timeout(detail));
                }
            }
        }
    }

    async fn connect(&self, serial: Serial, server: &Server) -> Option<Sender> {
        match pool::connect(server.addr, self.bounds.connect_timeout).await {
            Ok(sender) => Some(sender),
            Err(ConnectError::Refused(_)) => {
                self.registry.refused(serial);
                None
            }
            Err(error) => {
                // Not proof that the server is gone: a full table of files on our side looks the same.
                log::line(format_args!("server {}: {error}; the request goes elsewhere", server.id));
                None
            }
        }
    }

    fn pass_on(&self, response: Response<Incoming>, mut flight: Flight, sender: Sender) -> Response<Body> {
        let (mut parts, incoming) = response.into_parts();
        if parts.status.is_informational() {
            // Nobody asked to change the protocol, and hyper's server cannot pass such an answer on.
            flight.failed();
            return refusal::bad_gateway("the server answered with a status that ends no request");
        }
        headers::to_client(&mut parts.headers);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        if flight.bind() {
            parts.headers.append(SET_COOKIE, flight.server().binding.clone());
        }
        let body = Streamed::new(incoming, flight, sender, self.bounds.response_timeout);
        Response::from_parts(parts, Body::Streamed(body))
    }
}

/// Only the path: the client's idea of scheme and host is not the server's business, and its Host header says it too.
fn origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    uri.into_parts().path_and_query.unwrap_or(PathAndQuery::from_static("/")).into()
}

fn nobody(table: &Table) -> &'static str {
    if table.members().is_empty() { "there are no servers" } else { "no server is up and takes new sessions" }
}

fn status_of(unfit: &Unfit) -> StatusCode {
    match unfit {
        Unfit::Tunnel => StatusCode::METHOD_NOT_ALLOWED,
        Unfit::Upgrade => StatusCode::NOT_IMPLEMENTED,
        Unfit::Host => StatusCode::BAD_REQUEST,
    }
}

fn status_of_body(unread: &UnreadBody) -> StatusCode {
    match unread {
        UnreadBody::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        UnreadBody::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        UnreadBody::Malformed(_) => StatusCode::BAD_REQUEST,
    }
}
