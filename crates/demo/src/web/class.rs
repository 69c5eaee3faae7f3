//! The class's own listener, which the local network reaches: join with a code, vote, see how it went. Nothing here steers, and nothing
//! that a stranger does here is passed on to whoever watches, unless it changes the vote.

use super::{Answer, No, Served, Site, addr_of, known, listen, no, ok, parse, remember, run, send_file};
use crate::demo::{ClassRoom, DemoError, Inner, lock};
use crate::guard::{Hosts, PerPeer};
use crate::vote::{Ballot, Class};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Knows a phone of the class again.
const PUPIL: &str = "demo-pupil";
/// A whole class may stand behind one address, each asking once a second.
const MOST_ASKED_PER_S: usize = 200;
/// Wrong codes from one address, within a minute. A million codes take weeks then.
const MOST_WRONG: usize = 30;
const WRONG_WITHIN: Duration = Duration::from_secs(60);

/// How often one address may do what.
pub(super) struct Bounds {
    asked: Mutex<PerPeer>,
    wrong: Mutex<PerPeer>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            asked: Mutex::new(PerPeer::new(MOST_ASKED_PER_S, Duration::from_secs(1))),
            wrong: Mutex::new(PerPeer::new(MOST_WRONG, WRONG_WITHIN)),
        }
    }
}

/// Binds a port on the local network.
pub(crate) fn class_listener(room: ClassRoom) -> Result<TcpListener, DemoError> {
    let address = room.address.or_else(own_address).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if address.is_unspecified() {
        return Err(DemoError::NoName { address });
    }
    listen(SocketAddr::new(address, room.port), "--class-port").map_err(|error| match error {
        DemoError::Listen { addr, reason, .. } if reason.kind() == std::io::ErrorKind::AddrNotAvailable => {
            DemoError::Listen { addr, reason, option: "--class-address" }
        }
        other => other,
    })
}

/// The address by which this machine reaches others. A datagram socket is given a way and sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737): nobody is there, and nobody is asked.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified())
}

/// Six digits for the board.
pub(crate) fn code() -> String {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).expect("the operating system's random source failed");
    format!("{:06}", u32::from_le_bytes(bytes) % 1_000_000)
}

/// Serves the class, and nothing that steers.
pub(crate) fn serve_class(listener: TcpListener, inner: &Arc<Inner>) -> Result<Served, DemoError> {
    let addr = addr_of(&listener)?;
    run(listener, Site::new(inner, Hosts::network(addr.port(), vec![addr.ip()])), |config| {
        config
            .route("/class/state", get().to(state))
            .route("/class/join", post().to(join))
            .route("/class/vote", post().to(vote))
            .route("/", get().to(index))
            .route("/{name}", get().to(file));
    })
}

fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip())
}

/// Whether this address may ask for one more thing.
fn not_too_often(site: &Site, request: &HttpRequest) -> Result<(), No> {
    match lock(&site.pupils.asked).allows(peer(request), Instant::now()) {
        true => Ok(()),
        false => Err(no(StatusCode::TOO_MANY_REQUESTS, "not so fast")),
    }
}

async fn index(site: Data<Site>, request: HttpRequest) -> Answer {
    not_too_often(&site, &request)?;
    send_file(&site, &request, "class.html")
}

async fn file(site: Data<Site>, request: HttpRequest) -> Answer {
    not_too_often(&site, &request)?;
    match request.match_info().query("name") {
        name if name == "dom.js" || name.starts_with("class.") => send_file(&site, &request, name),
        _ => Err(no(StatusCode::NOT_FOUND, "there is no such thing")),
    }
}

async fn state(site: Data<Site>, request: HttpRequest) -> Answer {
    site.admit(&request, false)?;
    not_too_often(&site, &request)?;
    let class = site.inner.class.as_ref().ok_or_else(|| no(StatusCode::NOT_FOUND, "there is no class"))?;
    let (pupil, _) = known(&request, PUPIL);
    let class = lock(class);
    let mut state = class.for_phones();
    // A phone that joined another lab at this address learns it here.
    state["known"] = json!(class.knows(&pupil));
    Ok(ok().json(state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    code: String,
}

async fn join(site: Data<Site>, request: HttpRequest, body: Bytes) -> Answer {
    let join: Join = of_class(&site, &request, &body)?;
    let (from, wrong) = (peer(&request), &site.pupils.wrong);
    if lock(wrong).is_spent(from, Instant::now()) {
        let why = "too many wrong codes came from your address; wait a minute, and ask for the code";
        return Err(no(StatusCode::TOO_MANY_REQUESTS, why));
    }
    let (pupil, _) = known(&request, PUPIL);
    let joined = in_class(&site, &pupil, |class| class.join(&pupil, &join.code));
    if joined.is_err() {
        lock(wrong).allows(from, Instant::now());
    }
    joined
}

async fn vote(site: Data<Site>, request: HttpRequest, body: Bytes) -> Answer {
    let ballot: Ballot = of_class(&site, &request, &body)?;
    let (pupil, _) = known(&request, PUPIL);
    in_class(&site, &pupil, |class| class.vote(&pupil, ballot))
}

fn of_class<T: DeserializeOwned>(site: &Site, request: &HttpRequest, body: &Bytes) -> Result<T, No> {
    site.admit(request, true)?;
    not_too_often(site, request)?;
    parse(request, body)
}

fn in_class(site: &Site, pupil: &str, act: impl FnOnce(&mut Class) -> Result<(), &'static str>) -> Answer {
    let class = site.inner.class.as_ref().ok_or_else(|| no(StatusCode::NOT_FOUND, "there is no class"))?;
    match act(&mut lock(class)) {
        Ok(()) => {
            site.inner.class_changed();
            Ok(remember(ok(), PUPIL, pupil).json(json!({ "ok": true })))
        }
        Err(why) => Err(no(StatusCode::FORBIDDEN, why)),
    }
}
