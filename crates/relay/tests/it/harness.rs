//! Starts the relay and what stands behind it, and waits for what must come with a deadline.

use protocol::process::Ready;
use protocol::relay::{LEVEL, Lane, Level, STATE, SetUpstream, State, UPSTREAM};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

pub const TOKEN: &str = "a long and secret word";
pub const DEADLINE: Duration = Duration::from_secs(20);
static RELAYS: AtomicU64 = AtomicU64::new(0);

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}

/// Polls until the condition holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Nothing comes within a while. That nothing comes later either is shown by what each test does next.
pub async fn silent(stream: &mut TcpStream) {
    let waited = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(waited.is_err(), "{waited:?}");
}

pub fn command(args: &[&str]) -> (Command, std::path::PathBuf) {
    let name = format!("relay-token-{}-{}", std::process::id(), RELAYS.fetch_add(1, Relaxed));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    // The relay dies with the test's thread, even when the tests are killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_relay")]);
    command.arg("--admin-token-file").arg(&file).args(args).kill_on_drop(true).stdin(Stdio::null());
    (command, file)
}

pub struct Relay {
    pub addr: SocketAddr,
    pub admin_addr: SocketAddr,
    pub http: reqwest::Client,
    child: Child,
}

impl Relay {
    pub async fn before(upstream: SocketAddr) -> Self {
        let (mut command, token_file) = command(&["--upstream", &upstream.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within("the Ready line", lines.next_line()).await.unwrap().expect("a Ready line");
        std::fs::remove_file(token_file).unwrap();
        let Some(Ready::Relay { addr, admin_addr, pid }) = Ready::from_line(&line) else {
            panic!("no Ready line of a relay: {line}");
        };
        assert_eq!(Some(pid), child.id());
        let http = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Relay { addr, admin_addr, http, child }
    }

    pub fn admin(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.admin_addr);
        self.http.request(method.parse().unwrap(), url).bearer_auth(TOKEN)
    }

    pub async fn state(&self) -> State {
        self.admin("GET", STATE).send().await.unwrap().json().await.unwrap()
    }

    pub async fn set(&self, level: Level) -> State {
        let answer = self.admin("PUT", LEVEL).json(&level).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let state: State = answer.json().await.unwrap();
        assert_eq!((state.level, state.unread_by), (level, 0));
        state
    }

    pub async fn heal(&self) -> State {
        self.set(Level::default()).await
    }

    pub async fn set_upstream(&self, upstream: SocketAddr) {
        let answer = self.admin("PUT", UPSTREAM).json(&SetUpstream { upstream }).send().await.unwrap();
        assert_eq!(answer.json::<State>().await.unwrap().upstream, upstream);
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        until(what, async || holds(&self.state().await)).await;
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = within("a connection", TcpStream::connect(self.addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the relay runs").to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        within("the relay to end", self.child.wait()).await.unwrap()
    }
}

/// The same in both directions.
pub fn both(lane: Lane) -> Level {
    Level { up: lane, down: lane, ..Level::default() }
}

/// Answers every byte with itself, until its clients close; it ends when dropped, and its connections with it.
pub struct Echo {
    pub addr: SocketAddr,
    heard: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, heard) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let count = Arc::clone(&heard);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                connections.spawn(async move {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        count.fetch_add(read as u64, Relaxed);
                        if stream.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Echo { addr, heard, _tasks: tasks }
    }

    pub fn heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }
}

/// Sends these bytes and reads them back.
pub async fn echoed(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    within("the echo", stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, bytes);
}

pub fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Writes in pieces of every size, now and then with a breath between two, and then closes this direction.
pub async fn write_raggedly(mut sink: impl tokio::io::AsyncWrite + Unpin, bytes: Vec<u8>, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let most = 1 << random.random_range(0..18);
        let (piece, left) = rest.split_at(random.random_range(1..=most).min(rest.len()));
        sink.write_all(piece).await.unwrap();
        if random.random_ratio(1, 8) {
            tokio::time::sleep(Duration::from_micros(random.random_range(0..2_000))).await;
        }
        rest = left;
    }
    sink.shutdown().await.unwrap();
}

pub async fn read_whole(mut source: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    within("the end of the bytes", source.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

/// The connection is reset, whatever else comes first.
pub async fn until_reset(stream: &mut TcpStream) {
    let end = within("a reset", async {
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => panic!("closed, and not reset"),
                Ok(_) => {}
                Err(error) => return error.kind(),
            }
        }
    });
    assert_eq!(end.await, std::io::ErrorKind::ConnectionReset);
}
