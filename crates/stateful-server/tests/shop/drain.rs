//! The end of a server, on connections that a test holds in its hand.

use crate::server::{Server, memory};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const BODY: &str = r#"{"owner":"ada"}"#;

struct Connection(TcpStream);

impl Connection {
    async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.addr).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a login's head and waits for "100 Continue": from then on the server is inside that request.
    async fn start_login(&mut self) {
        let length = BODY.len();
        self.send(&format!(
            "POST /login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        ))
        .await;
        self.read_until("100 Continue\r\n\r\n").await;
    }

    async fn read_until(&mut self, end: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(end) {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.expect("an answer");
            seen.push(byte.unwrap_or_else(|err| panic!("{err} after {}", String::from_utf8_lossy(&seen))));
        }
        String::from_utf8(seen).unwrap()
    }

    /// Everything until the server closes.
    async fn read_to_end(&mut self) -> String {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the server to close").unwrap();
        String::from_utf8(rest).unwrap()
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_its_connection_is_closed() {
    let mut server = Server::plain(memory(), "--shutdown-grace-ms 15000").await;
    let mut busy = Connection::open(&server).await;
    busy.start_login().await;

    let mut idle = Connection::open(&server).await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let healthy = idle.read_until("\r\n\r\n").await.to_lowercase();
    assert!(!healthy.contains("connection: close"), "{healthy}");

    server.tell_to_stop();
    assert_eq!(idle.read_to_end().await, "", "an idle connection is closed while the busy one is not");
    busy.send(BODY).await;
    let answer = busy.read_to_end().await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.contains(r#""owner":"ada""#), "{answer}");
    let addr = server.addr;
    server.end().await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_request_that_outlasts_the_grace_is_cut() {
    let mut server = Server::plain(memory(), "--shutdown-grace-ms 50").await;
    let mut endless = Connection::open(&server).await;
    endless.start_login().await;
    server.tell_to_stop();
    server.end().await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, endless.0.read_to_end(&mut rest)).await.expect("the connection to be cut");
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn an_idle_server_ends_at_once_however_long_its_grace() {
    let mut server = Server::plain(memory(), "--shutdown-grace-ms 3600000").await;
    server.tell_to_stop();
    server.end().await.unwrap();
}
