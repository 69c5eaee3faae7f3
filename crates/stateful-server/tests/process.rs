//! The real binary, from its Ready line to its exit code.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::app::CartView;
use protocol::process::Ready;
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server process, killed when the test ends however it ends.
struct Server {
    child: Child,
    ready: Ready,
    addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(flags: &[&str]) -> Command {
    // The server dies with the test's thread, even when the tests are killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_stateful-server")]);
    command.args(["--plain-http-cookies", "--service-time-ms", "1"]).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let mut child = command(flags).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| tell.send(line))
        });
        let line = told.recv_timeout(PATIENCE).expect("a Ready line");
        let ready = Ready::from_line(&line).unwrap_or_else(|| panic!("not a Ready line: {line:?}"));
        let Ready::Server { addr, .. } = ready else { panic!("{ready:?} is not a server's") };
        Self { child, ready, addr }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    fn exit(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the process did not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A browser of one cookie.
struct Shopper {
    http: reqwest::Client,
    cookie: String,
}

impl Shopper {
    async fn logged_in_at(addr: SocketAddr) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let login = http.post(format!("http://{addr}/login")).json(&json!({ "owner": "ada" }));
        let answer = login.send().await.unwrap().error_for_status().unwrap();
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        Self { cookie: set.split(';').next().unwrap().to_owned(), http }
    }

    async fn add(&self, addr: SocketAddr, op: &str) -> u16 {
        let add = self.http.post(format!("http://{addr}/cart/lines")).json(&json!({ "op": op }));
        add.header("cookie", &self.cookie).send().await.unwrap().status().as_u16()
    }

    async fn cart(&self, addr: SocketAddr) -> CartView {
        let read = self.http.get(format!("http://{addr}/cart")).header("cookie", &self.cookie);
        read.send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn it_says_who_and_where_it_is_serves_and_ends_with_0_when_told_to_by_sigterm_or_sigint() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = Server::start(&["--instance", "server-1"]);
        let said = Ready::Server {
            instance: "server-1".to_owned(),
            addr: server.addr,
            pid: server.child.id(),
            store: "memory".to_owned(),
        };
        assert_eq!(server.ready, said);
        let ada = Shopper::logged_in_at(server.addr).await;
        assert_eq!(ada.add(server.addr, "apple").await, 200);
        assert_eq!(ada.cart(server.addr).await.ops, ["apple"]);

        server.signal(signal);
        assert_eq!(server.exit().code(), Some(0), "{signal}");
    }
}

/// The whole point of this tier's being in the lab.
#[tokio::test]
async fn another_server_and_a_restarted_one_know_nothing_of_its_sessions_even_with_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, [7; 64]).unwrap();
    let key = ["--cookie-key-file", key.to_str().unwrap()];
    let (mut one, other) = (Server::start(&key), Server::start(&key));
    let ada = Shopper::logged_in_at(one.addr).await;
    assert_eq!(ada.add(one.addr, "apple").await, 200);
    assert_eq!(ada.cart(other.addr).await.owner, None);
    assert_eq!(ada.add(other.addr, "bread").await, 401);

    one.signal(Signal::SIGKILL);
    one.exit();
    let restarted = Server::start(&key);
    assert_eq!(ada.cart(restarted.addr).await.owner, None);
}

#[test]
fn a_port_in_use_is_named_with_what_to_do_and_a_policy_nobody_knows_is_wrong_use() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let (code, stderr) = fails(&["--listen", &addr]);
    assert_eq!(code, Some(1));
    let expected =
        format!("port {} of 127.0.0.1 is in use; choose another with --listen", server.addr.port());
    assert!(stderr.contains(&expected), "{stderr}");

    let (code, stderr) = fails(&["--conflict-policy", "maybe"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("last-write-wins, optimistic"), "{stderr}");
    let (code, stderr) = fails(&["--cookie-key-file", "no/such/key"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no/such/key"), "{stderr}");
}

fn fails(flags: &[&str]) -> (Option<i32>, String) {
    let mut child = command(flags).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let code = wait(&mut child).code();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    (code, said)
}

#[test]
fn the_log_says_what_is_less_than_safe_and_standard_output_has_the_ready_line_alone() {
    let mut server = Server::start(&[]);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit().code(), Some(0));
    let mut log = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("random key"), "{log}");
    assert!(log.contains("--plain-http-cookies"), "{log}");
}
