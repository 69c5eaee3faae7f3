//! Private `redis-server` and PostgreSQL processes on free loopback ports.
//!
//! Each has an undertaker: a shell that waits for the test process to end, in whatever way, then kills the server and removes its
//! folder. So a server may live in a `static`, and a test run that is killed leaves nothing behind. A parent-death signal would
//! not do: it fires when the *thread* that started the server ends, and each test has one of its own.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use stateless_server::store::Prefix;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A slow machine may take long to start a server; a server that has not started by then never will.
const READY: Duration = Duration::from_secs(60);

const UNDERTAKER: &str = r#"
cat > /dev/null
for file in "$1/redis.pid" "$1/data/postmaster.pid"; do
  if [ -f "$file" ]; then
    pid=$(head -n 1 "$file")
    pkill -KILL -P "$pid"
    kill -KILL "$pid"
  fi
done
rm -rf "$1"
"#;

/// A prefix that no other test has.
pub fn fresh_prefix() -> Prefix {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

/// The one Redis of all tests that do not break it.
pub fn shared_redis() -> &'static Backend {
    static SHARED: OnceLock<Backend> = OnceLock::new();
    SHARED.get_or_init(|| Backend::redis(&[]))
}

/// The one PostgreSQL of all tests that do not break it.
pub fn shared_postgres() -> &'static Backend {
    static SHARED: OnceLock<Backend> = OnceLock::new();
    SHARED.get_or_init(Backend::postgres)
}

/// One running server process, with a folder of its own.
pub struct Backend {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
    undertaker: Child,
}

enum Kind {
    Redis {
        flags: Vec<String>,
    },
    /// Redis Sentinel, which watches the primary on this port.
    Sentinel {
        primary: u16,
    },
    Postgres {
        programs: PathBuf,
    },
}

/// What the Sentinels of the tests call their primary.
pub const MASTER: &str = "lab";

impl Backend {
    pub fn redis(flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::start(Kind::Redis { flags }, fresh_folder())
    }

    pub fn postgres() -> Self {
        let (folder, programs) = (fresh_folder(), postgres_programs());
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.arg("--pgdata").arg(folder.join("data"));
        initdb.args(["--username=lab", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]);
        as_unprivileged(&mut initdb, &folder);
        let output = initdb.output().expect("initdb starts");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        Self::start(Kind::Postgres { programs }, folder)
    }

    /// A Sentinel needs a file of its own, which it rewrites; with `resolve-hostnames no` it never waits for a name server.
    pub fn sentinel(primary: &Self) -> Self {
        Self::start(Kind::Sentinel { primary: primary.port }, fresh_folder())
    }

    /// A copy of `primary` that streams from it, asynchronously: `--write-recovery-conf` makes it a standby.
    pub fn standby(primary: &Self) -> Self {
        let (folder, programs) = (fresh_folder(), postgres_programs());
        let mut copy = Command::new(programs.join("pg_basebackup"));
        copy.arg("--pgdata").arg(folder.join("data")).arg("--write-recovery-conf");
        copy.args(["--host=127.0.0.1", "--username=lab", "--checkpoint=fast", "--no-sync"]);
        copy.arg(format!("--port={}", primary.port));
        as_unprivileged(&mut copy, &folder);
        let output = copy.output().expect("pg_basebackup starts");
        assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
        Self::start(Kind::Postgres { programs }, folder)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn start(kind: Kind, folder: PathBuf) -> Self {
        let undertaker = undertaker(UNDERTAKER, folder.as_os_str());
        let mut backend = Self { kind, folder, port: 0, process: None, undertaker };
        // Neither server can bind port 0 and tell: choose, and choose again when somebody was quicker.
        for _ in 0..5 {
            backend.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if backend.try_run() {
                return backend;
            }
        }
        panic!("no server after five ports; its log:\n{}", backend.log());
    }

    pub fn url(&self) -> String {
        match self.kind {
            Kind::Redis { .. } | Kind::Sentinel { .. } => format!("redis://127.0.0.1:{}", self.port),
            Kind::Postgres { .. } => format!("postgres://lab@127.0.0.1:{}/postgres", self.port),
        }
    }

    /// SIGKILL, as a crash would be.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // The children first: PostgreSQL's do not start again while one of them is stopped and holds the shared memory.
            self.signal_children(&process, Signal::SIGKILL);
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let _ = fs::remove_file(self.pid_file());
    }

    /// Starts it again on the same port and waits until it answers.
    pub fn restart(&mut self) {
        let start = Instant::now();
        while !self.try_run() {
            assert!(start.elapsed() < READY, "the server does not restart; its log:\n{}", self.log());
        }
    }

    /// SIGSTOP: connections stay open, and nobody answers.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("the server runs");
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
        self.signal_children(process, signal);
    }

    /// Each process of PostgreSQL is the leader of its own group, so that a signal to the group reaches one of them only.
    fn signal_children(&self, process: &Child, signal: Signal) {
        if matches!(self.kind, Kind::Postgres { .. }) {
            let name = signal.as_str().trim_start_matches("SIG");
            Command::new("pkill")
                .args([&format!("-{name}"), "-P", &process.id().to_string()])
                .status()
                .unwrap();
        }
    }

    /// Whether it answers before it exits.
    fn try_run(&mut self) -> bool {
        let mut process = self.command().spawn().unwrap_or_else(|error| {
            panic!("{:?} does not start: {error}; `just setup` installs it", self.command().get_program())
        });
        let start = Instant::now();
        while !self.answers() {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(start.elapsed() < READY, "the server does not answer; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
        true
    }

    fn command(&self) -> Command {
        let port = self.port.to_string();
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command;
        match &self.kind {
            Kind::Redis { flags } => {
                command = Command::new("redis-server");
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
                command.arg("--dir").arg(&self.folder).arg("--pidfile").arg(self.pid_file()).args(flags);
            }
            Kind::Sentinel { primary } => {
                let config = self.folder.join("sentinel.conf");
                fs::write(&config, sentinel_config(*primary)).unwrap();
                command = Command::new("redis-server");
                command.arg(config).args(["--sentinel", "--port", &port, "--bind", "127.0.0.1"]);
                command.arg("--dir").arg(&self.folder).arg("--pidfile").arg(self.pid_file());
            }
            Kind::Postgres { programs } => {
                command = Command::new(programs.join("postgres"));
                command.arg("-D").arg(self.folder.join("data")).args(["-p", &port, "-h", "127.0.0.1"]);
                for setting in [
                    "fsync=off",
                    "unix_socket_directories=",
                    "shared_buffers=16MB",
                    "max_connections=60",
                    // Of a standby: how long it waits before it looks for its primary again, and before it can be promoted.
                    "wal_retrieve_retry_interval=100ms",
                ] {
                    command.args(["-c", setting]);
                }
                as_unprivileged(&mut command, &self.folder);
            }
        }
        // Ctrl-C ends the tests; the undertaker ends the server.
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    fn answers(&self) -> bool {
        match self.kind {
            Kind::Redis { .. } | Kind::Sentinel { .. } => redis_answers(self.port).unwrap_or(false),
            Kind::Postgres { .. } => postgres_answers(self.port).unwrap_or(false),
        }
    }

    fn pid_file(&self) -> PathBuf {
        match self.kind {
            Kind::Redis { .. } | Kind::Sentinel { .. } => self.folder.join("redis.pid"),
            Kind::Postgres { .. } => self.folder.join("data/postmaster.pid"),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
        drop(self.undertaker.stdin.take());
        let _ = self.undertaker.wait();
    }
}

/// Runs `script` on `what` when the test process has ended, or its own standard input is closed.
pub fn undertaker(script: &str, what: &OsStr) -> Child {
    Command::new("sh")
        .args(["-c", script, "undertaker"])
        .arg(what)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts")
}

/// Two of three must agree that the primary is down. A failed election is tried again after twice the `failover-timeout`.
/// Sentinels first ping a primary a second after they have made it one: with no more patience than that, they hold it for down just then,
/// and put the old one, which is back and empty, in its place again.
fn sentinel_config(primary: u16) -> String {
    format!(
        "sentinel resolve-hostnames no\n\
         sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {MASTER} 1500\n\
         sentinel failover-timeout {MASTER} 2000\n\
         sentinel parallel-syncs {MASTER} 1\n"
    )
}

fn redis_answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG")
}

/// Sends a startup message, and looks for `R`, a request to log in or its success; `E` says that it is still starting.
fn postgres_answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let parameters = b"user\0lab\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &196_608_u32.to_be_bytes(), parameters].concat())?;
    let mut answer = [0; 1];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"R")
}

/// The undertaker removes it.
fn fresh_folder() -> PathBuf {
    TempDir::with_prefix("lab-backend-").unwrap().keep()
}

/// PostgreSQL refuses to run as root.
fn as_unprivileged(command: &mut Command, folder: &Path) {
    if geteuid().is_root() {
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user =
            user.expect("run by root, the tests need a user `postgres` or `nobody` to run PostgreSQL as");
        chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir(folder);
    }
}

/// On `PATH`, or where Debian puts them; the newest of several. What is on `PATH` may be links to some of them only.
fn postgres_programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    std::env::split_paths(&on_path)
        .chain(debian.into_iter().rev())
        .filter_map(|folder| Some(folder.join("postgres").canonicalize().ok()?.parent()?.to_owned()))
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_basebackup").is_file())
        .expect(
            "no initdb, postgres and pg_basebackup on PATH or in /usr/lib/postgresql/*/bin; `just setup` installs \
             PostgreSQL",
        )
}
