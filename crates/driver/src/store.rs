//! The shared stores: private ones that the lab starts, and those that somebody else runs.

use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program::Program;
use crate::scratch::Scratch;
use crate::seat::secret;
use nix::sys::signal::Signal;
use nix::unistd::User;
use scenario::StoreKind;
use sqlx::Connection;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Stores that are there already.
#[derive(Clone, Debug, Default)]
pub struct ExternalStores {
    /// `redis://...`
    pub redis: Option<String>,
    /// `postgres://...`
    pub postgres: Option<String>,
}

/// The store of one trial.
pub struct Store {
    kind: StoreKind,
    url: String,
    prefix: String,
    facts: BTreeMap<String, String>,
    process: Option<Process>,
}

/// How often a port is chosen anew when somebody else was quicker.
const PORT_TRIES: u32 = 5;
const READY_WITHIN: Duration = Duration::from_secs(20);

impl Store {
    /// Starts a fresh store, or connects to the external one under a prefix of the trial's own.
    ///
    /// # Errors
    /// When the program is not installed, does not come up, or the external store refuses.
    pub async fn start(
        kind: StoreKind,
        external: &ExternalStores,
        run: &str,
        scratch: &Scratch,
        trial: &str,
        logs: &Path,
    ) -> Result<Self, DriverError> {
        // Nobody else's on a server that others use too, another run of the lab included.
        let prefix = format!("lab_{}", &secret()[..16]);
        let url = match kind {
            StoreKind::Redis | StoreKind::RedisActix => external.redis.clone(),
            StoreKind::Postgres => external.postgres.clone(),
            StoreKind::Memory | StoreKind::Sqlite => None,
        };
        let mut store = Self { kind, url: String::new(), prefix, facts: BTreeMap::new(), process: None };
        match (kind, url) {
            (StoreKind::Memory, _) => store.fact("store", "each server's own memory"),
            (StoreKind::Sqlite, _) => {
                store.url = scratch.folder(trial)?.join("sessions.sqlite").display().to_string();
                store.fact("store", "SQLite, a WAL file shared by the servers");
            }
            (_, Some(url)) => {
                store.url = url;
                store.fact("started by", "somebody else (external)");
                store.connect().await.map_err(|what| DriverError::ExternalStore {
                    url: without_password(&store.url),
                    store: kind.name().to_owned(),
                    what,
                })?;
            }
            (StoreKind::Postgres, None) => store.start_postgres(run, &scratch.folder(trial)?, logs).await?,
            (StoreKind::Redis | StoreKind::RedisActix, None) => {
                store.start_redis(run, &scratch.folder(trial)?, logs).await?;
            }
        }
        Ok(store)
    }

    /// What the servers are told: the URL, or the path of the SQLite file.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Keys and tables begin with it.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Facts that belong beside the numbers.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// The private server's process.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Ends a private store; removes what this trial wrote into an external one.
    ///
    /// # Errors
    /// When the external store does not let itself be cleaned.
    pub async fn stop(&self) -> Result<(), DriverError> {
        if let Some(process) = &self.process {
            // Postgres takes SIGINT for its fast shutdown; Redis ends on either.
            process.stop(Signal::SIGINT, Duration::from_secs(5)).await;
            return Ok(());
        }
        let cleaned = match self.kind {
            StoreKind::Redis | StoreKind::RedisActix => remove_redis_keys(&self.url, &self.prefix).await,
            StoreKind::Postgres => remove_postgres_tables(&self.url, &self.prefix).await,
            StoreKind::Memory | StoreKind::Sqlite => Ok(()),
        };
        cleaned.map_err(|what| DriverError::ExternalStore {
            url: without_password(&self.url),
            store: self.kind.name().to_owned(),
            what: format!("what begins with {} could not be removed: {what}", self.prefix),
        })
    }

    fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    async fn start_redis(&mut self, run: &str, folder: &Path, logs: &Path) -> Result<(), DriverError> {
        let program = Program::Redis.find()?;
        self.fact("durability", "none: no snapshots, no append-only file");
        self.fact("maxmemory-policy", "noeviction");
        let start = |port: u16| {
            let mut command = Command::new(&program);
            command.current_dir(folder).args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--dir",
                ".",
            ]);
            command.args([
                "--save",
                "",
                "--appendonly",
                "no",
                "--maxmemory-policy",
                "noeviction",
                "--daemonize",
                "no",
            ]);
            Spec {
                name: "redis",
                command,
                death_signal: Signal::SIGKILL,
                log: logs.join("redis.log"),
                says_ready: false,
            }
        };
        self.start_on_free_port(run, start, |port| format!("redis://127.0.0.1:{port}/")).await
    }

    async fn start_postgres(&mut self, run: &str, folder: &Path, logs: &Path) -> Result<(), DriverError> {
        let program = Program::Postgres.find()?;
        let user = unprivileged_user()?;
        let data = folder.join("data");
        std::fs::create_dir_all(&data).map_err(|e| DriverError::io(&data, e))?;
        if let Some(user) = &user {
            check_may_enter(user, folder)?;
            let owner = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
            std::os::unix::fs::chown(&data, owner.0, owner.1).map_err(|e| DriverError::io(&data, e))?;
            self.fact("runs as", &user.name);
        }
        let as_user = |mut command: Command| {
            command.current_dir(&data).env("LC_ALL", "C");
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command
        };
        init_database(run, &program, &data, logs, &as_user).await?;
        self.fact("durability", "fsync on, synchronous_commit on");
        let start = |port: u16| {
            let mut command = as_user(Command::new(&program));
            command.arg("-D").arg(&data);
            let settings = [
                format!("port={port}"),
                "listen_addresses=127.0.0.1".to_owned(),
                "unix_socket_directories=".to_owned(),
                "max_connections=200".to_owned(),
            ];
            settings.iter().for_each(|setting| {
                command.args(["-c", setting]);
            });
            // The immediate shutdown: its own children are told, and nothing of it is left behind.
            let death_signal = Signal::SIGQUIT;
            Spec {
                name: "postgres",
                command,
                death_signal,
                log: logs.join("postgres.log"),
                says_ready: false,
            }
        };
        self.start_on_free_port(run, start, |port| format!("postgres://lab@127.0.0.1:{port}/postgres")).await
    }

    /// Redis and Postgres cannot say which port they got: choose one, start, and on a clash choose again.
    async fn start_on_free_port<'a>(
        &mut self,
        run: &str,
        start: impl Fn(u16) -> Spec<'a>,
        url: impl Fn(u16) -> String,
    ) -> Result<(), DriverError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let port = free_port()?;
            let process = Process::start(run, start(port))?;
            self.url = url(port);
            match self.until_it_answers(&process).await {
                Ok(()) => {
                    self.process = Some(process);
                    return Ok(());
                }
                // It ended by itself: somebody may have taken the port meanwhile.
                Err(_) if tries < PORT_TRIES && !process.is_running() => {}
                Err(e) => return Err(e),
            }
        }
    }

    async fn until_it_answers(&mut self, process: &Process) -> Result<(), DriverError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match self.connect().await {
                // Another server may sit on the port while ours has ended: an answer counts only while ours is alive.
                Ok(()) if process.is_running() => return Ok(()),
                _ if !process.is_running() => {
                    let status = process.wait(Duration::ZERO).await.unwrap_or_default();
                    return Err(DriverError::child(
                        process.name(),
                        format!("ended at its start ({status})"),
                        process.log(),
                    ));
                }
                Err(what) if Instant::now() > deadline => {
                    let what = format!("does not answer within {READY_WITHIN:?}: {what}");
                    return Err(DriverError::child(process.name(), what, process.log()));
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Connects once and notes the version.
    async fn connect(&mut self) -> Result<(), String> {
        let version = match self.kind {
            StoreKind::Postgres => postgres_version(&self.url).await?,
            _ => redis_version(&self.url).await?,
        };
        self.fact("store", version);
        Ok(())
    }
}

/// Makes an empty database cluster.
async fn init_database(
    run: &str,
    postgres: &Path,
    data: &Path,
    logs: &Path,
    as_user: &impl Fn(Command) -> Command,
) -> Result<(), DriverError> {
    let initdb = postgres.with_file_name("initdb");
    let mut command = as_user(Command::new(&initdb));
    command.arg("-D").arg(data).args([
        "-U",
        "lab",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
    ]);
    let log = logs.join("initdb.log");
    let spec =
        Spec { name: "initdb", command, death_signal: Signal::SIGKILL, log: log.clone(), says_ready: false };
    let process = Process::start(run, spec)?;
    process.order_exit();
    match process.wait(Duration::from_secs(60)).await.as_deref() {
        Some("code 0") => Ok(()),
        status => Err(DriverError::child(
            "initdb",
            format!("failed ({})", status.unwrap_or("no end in 60 s")),
            &log,
        )),
    }
}

/// Postgres refuses to run as root; `None` when the lab is not root anyway.
fn unprivileged_user() -> Result<Option<User>, DriverError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Ok(Some(user)) = User::from_name(name) {
            return Ok(Some(user));
        }
    }
    Err(DriverError::Machine(
        "Postgres does not run as root, and there is neither a user 'postgres' nor 'nobody' to run it as; run the lab as \
         an ordinary user, or name a server with --postgres-url"
            .to_owned(),
    ))
}

/// Every folder on the way must let the user through.
fn check_may_enter(user: &User, folder: &Path) -> Result<(), DriverError> {
    use std::os::unix::fs::MetadataExt;
    let closed = folder.ancestors().find(|above| {
        above.metadata().is_ok_and(|meta| {
            let bit = match (meta.uid() == user.uid.as_raw(), meta.gid() == user.gid.as_raw()) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            meta.mode() & bit == 0
        })
    });
    closed.map_or(Ok(()), |closed| {
        Err(DriverError::Machine(format!(
            "Postgres does not run as root, and the user '{}' that it runs as instead may not enter {}; point TMPDIR at a \
             folder that everybody may enter, or run the lab as an ordinary user",
            user.name,
            closed.display()
        )))
    })
}

/// A port that was free a moment ago.
///
/// # Errors
/// When the machine has none left.
pub fn free_port() -> Result<u16, DriverError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|addr| addr.port())
        .map_err(|e| DriverError::Machine(format!("no free port on 127.0.0.1: {e}")))
}

/// A URL as it may be shown: without the password, and without the query, which may hold one too.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    if let Some((before, _)) = rest.split_once('?') {
        return format!("{}?***", without_password(&format!("{scheme}://{before}")));
    }
    let Some((credentials, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = credentials.split(':').next().unwrap_or_default();
    if credentials.contains(':') { format!("{scheme}://{user}:***@{host}") } else { url.to_owned() }
}

async fn redis_connection(url: &str) -> Result<redis::aio::MultiplexedConnection, String> {
    let client = redis::Client::open(url).map_err(|e| e.to_string())?;
    let connect = client.get_multiplexed_async_connection();
    let connected = tokio::time::timeout(Duration::from_secs(2), connect).await;
    connected.map_err(|_| "no connection within 2 s".to_owned())?.map_err(|e| e.to_string())
}

async fn redis_version(url: &str) -> Result<String, String> {
    let mut connection = redis_connection(url).await?;
    let info: String =
        redis::cmd("INFO").arg("server").query_async(&mut connection).await.map_err(|e| e.to_string())?;
    let version =
        info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("of unknown version");
    Ok(format!("Redis {}", version.trim()))
}

async fn remove_redis_keys(url: &str, prefix: &str) -> Result<(), String> {
    let mut connection = redis_connection(url).await?;
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}:*")).arg("COUNT").arg(500);
        let (next, keys): (u64, Vec<String>) =
            scan.query_async(&mut connection).await.map_err(|e| e.to_string())?;
        if !keys.is_empty() {
            redis::cmd("DEL")
                .arg(keys)
                .query_async::<()>(&mut connection)
                .await
                .map_err(|e| e.to_string())?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

async fn postgres_connection(url: &str) -> Result<sqlx::PgConnection, String> {
    let connected = tokio::time::timeout(Duration::from_secs(2), sqlx::PgConnection::connect(url)).await;
    connected.map_err(|_| "no connection within 2 s".to_owned())?.map_err(|e| e.to_string())
}

async fn postgres_version(url: &str) -> Result<String, String> {
    let mut connection = postgres_connection(url).await?;
    let version: (String,) =
        sqlx::query_as("SHOW server_version").fetch_one(&mut connection).await.map_err(|e| e.to_string())?;
    Ok(format!("PostgreSQL {}", version.0))
}

async fn remove_postgres_tables(url: &str, prefix: &str) -> Result<(), String> {
    let mut connection = postgres_connection(url).await?;
    // The prefix is the lab's own and holds only a-z, 0-9 and '_'.
    let statement = sqlx::AssertSqlSafe(format!("DROP TABLE IF EXISTS {prefix}_sessions"));
    sqlx::query(statement).execute(&mut connection).await.map_err(|e| e.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_shown_url_holds_no_secret() {
        let shown = [
            ("redis://127.0.0.1:6379/", "redis://127.0.0.1:6379/"),
            ("redis://:secret@127.0.0.1/", "redis://:***@127.0.0.1/"),
            ("postgres://me:sec@ret@host:1/db", "postgres://me:***@host:1/db"),
            ("postgres://host/db?user=me&password=secret", "postgres://host/db?***"),
            ("--redis-url=redis://me:secret@host", "--redis-url=redis://me:***@host"),
            ("server-kill", "server-kill"),
        ];
        for (url, expected) in shown {
            assert_eq!(without_password(url), expected);
        }
    }
}
