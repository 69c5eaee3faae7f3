//! Starts the router, speaks to it as a client and over its admin API, and waits for what must come with a deadline.

use crate::backend::Backend;
use protocol::admin::{AddServer, Health, POLICY, Policy, SERVERS, ServerStatus, SetPolicy, Snapshot};
use protocol::app::{AFFINITY_COOKIE, Refusal, SERVED_BY};
use protocol::process::Ready;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub const TOKEN: &str = "a long and secret word";
const DEADLINE: Duration = Duration::from_secs(20);
static ROUTERS: AtomicU64 = AtomicU64::new(0);

pub struct Router {
    pub addr: SocketAddr,
    pub admin_addr: SocketAddr,
    pub http: Client,
    child: Child,
}

pub struct Answer {
    pub status: StatusCode,
    pub served_by: String,
    pub response: Response,
}

impl Answer {
    /// The affinity cookie that it sets, as a client sends it back.
    pub fn cookie(&self) -> Option<String> {
        let cookies = self.response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let cookie = cookies.into_iter().find(|cookie| cookie.starts_with(AFFINITY_COOKIE))?;
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    pub async fn refusal(self) -> Refusal {
        assert_eq!(self.served_by, "router");
        self.response.json().await.unwrap()
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}

/// Polls until the condition holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub fn command(args: &[&str]) -> (Command, std::path::PathBuf) {
    let name = format!("token-{}-{}", std::process::id(), ROUTERS.fetch_add(1, Relaxed));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    // The router dies with the test's thread, even when the tests are killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_router")]);
    command.arg("--admin-token-file").arg(&file).args(args).kill_on_drop(true).stdin(Stdio::null());
    (command, file)
}

impl Router {
    /// A router that checks its servers often.
    pub async fn start(policy: Policy, args: &[&str]) -> Self {
        let often = ["--health-interval-ms", "50", "--health-timeout-ms", "250"];
        Self::spawn(policy, &[args, &often].concat()).await
    }

    /// A router that checks every server once, and then not again within a test.
    pub async fn start_unwatchful(policy: Policy) -> Self {
        Self::spawn(policy, &["--health-interval-ms", "3600000"]).await
    }

    async fn spawn(policy: Policy, args: &[&str]) -> Self {
        let (mut command, token_file) = command(args);
        command.args(["--policy", policy.name()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within("the Ready line", lines.next_line()).await.unwrap().expect("a Ready line");
        std::fs::remove_file(token_file).unwrap();
        let Some(Ready::Router { addr, admin_addr, pid }) = Ready::from_line(&line) else {
            panic!("no Ready line of a router: {line}");
        };
        assert_eq!(Some(pid), child.id());
        let http = Client::builder().timeout(DEADLINE).build().unwrap();
        Router { addr, admin_addr, http, child }
    }

    /// A router with servers that are up.
    pub async fn with<const N: usize>(policy: Policy, args: &[&str], ids: [&str; N]) -> (Self, [Backend; N]) {
        let router = Router::start(policy, args).await;
        let mut backends = Vec::new();
        for id in ids {
            backends.push(Backend::start(id).await);
            router.add(backends.last().unwrap()).await;
        }
        router.until_all_up().await;
        (router, backends.try_into().ok().unwrap())
    }

    pub fn admin(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.admin_addr);
        self.http.request(method.parse().unwrap(), url).bearer_auth(TOKEN)
    }

    pub async fn add(&self, backend: &Backend) {
        let new = AddServer { id: backend.id.clone(), addr: backend.addr };
        let response = self.admin("POST", SERVERS).json(&new).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
    }

    pub async fn undrain(&self, id: &str) -> ServerStatus {
        self.admin("DELETE", &format!("{SERVERS}/{id}/drain")).send().await.unwrap().json().await.unwrap()
    }

    pub async fn drain(&self, id: &str, deadline_ms: u64) -> ServerStatus {
        let path = format!("{SERVERS}/{id}/drain");
        let drain = protocol::admin::Drain { deadline_ms };
        self.admin("POST", &path).json(&drain).send().await.unwrap().json().await.unwrap()
    }

    pub async fn remove(&self, id: &str) {
        let response = self.admin("DELETE", &format!("{SERVERS}/{id}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
    }

    pub async fn set_policy(&self, policy: Policy) {
        let response = self.admin("PUT", POLICY).json(&SetPolicy { policy }).send().await.unwrap();
        assert_eq!(response.json::<Snapshot>().await.unwrap().policy, policy);
    }

    pub async fn snapshot(&self) -> Snapshot {
        self.admin("GET", SERVERS).send().await.unwrap().json().await.unwrap()
    }

    pub async fn status(&self, id: &str) -> ServerStatus {
        self.snapshot().await.servers.into_iter().find(|server| server.id == id).unwrap()
    }

    pub async fn until_health(&self, id: &str, health: Health) {
        until(&format!("{id} to be {health:?}"), async || self.status(id).await.health == health).await;
    }

    pub async fn until_all_up(&self) {
        let all_up = async || self.snapshot().await.servers.iter().all(|server| server.health == Health::Up);
        until("all servers to be up", all_up).await;
    }

    pub async fn until_idle(&self) {
        let idle = async || self.snapshot().await.servers.iter().all(|server| server.in_flight == 0);
        until("nothing to be in flight", idle).await;
    }

    pub fn request(&self, method: &str, path: &str, cookie: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), format!("http://{}{path}", self.addr));
        match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        self.send("GET", path, cookie).await
    }

    pub async fn send(&self, method: &str, path: &str, cookie: Option<&str>) -> Answer {
        let response = self.request(method, path, cookie).send().await.unwrap();
        let served_by = response.headers().get(SERVED_BY).unwrap().to_str().unwrap().to_owned();
        Answer { status: response.status(), served_by, response }
    }

    /// Sends bytes as they are, and reads until the router closes the connection.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end, too.
        let _end = within("the router to close", stream.read_to_end(&mut answer)).await;
        String::from_utf8(answer).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the router runs")
    }

    pub async fn terminate(&mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        within("the router to end", self.child.wait()).await.unwrap()
    }
}
