//! The PostgreSQL that is installed: how its programs are run, and what it keeps.

use super::Place;
use super::connection::Connection;
use super::user::{check_may_enter, unprivileged_user};
use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program::Program;
use nix::sys::signal::Signal;
use nix::unistd::User;
use scenario::StoreKind;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where its programs are and whom they run as.
#[derive(Clone)]
pub(super) struct Installation {
    program: PathBuf,
    user: Option<User>,
}

/// Where a database of ours is.
pub(super) fn url(port: u16) -> String {
    format!("postgres://lab@127.0.0.1:{port}/postgres")
}

/// Whether it answers.
pub(super) async fn answers(url: String) -> Result<(), String> {
    Connection::postgres(&url).await.map(|_| ())
}

/// What a kind of PostgreSQL keeps: in words, and as its own settings.
fn durability(kind: StoreKind) -> (&'static str, &'static [&'static str]) {
    match kind {
        StoreKind::PostgresAsyncCommit => (
            "fsync on, synchronous_commit off: acknowledged before it is on disk",
            &["synchronous_commit=off"],
        ),
        StoreKind::PostgresUnlogged => ("UNLOGGED table: emptied by a crash", &[]),
        StoreKind::PostgresStandbySync => {
            ("fsync on, synchronous_commit on: acknowledged once it is on both disks", &[])
        }
        _ => ("fsync on, synchronous_commit on", &[]),
    }
}

impl Installation {
    pub(super) fn find() -> Result<Self, DriverError> {
        let program = Program::Postgres.find()?;
        // What is on PATH may be a link to this one program, and the others stand beside the real one.
        let program = program.canonicalize().map_err(|e| DriverError::io(&program, e))?;
        Ok(Self { program, user: unprivileged_user()? })
    }

    /// What is told of every PostgreSQL.
    pub(super) fn facts(&self, version: &str, kind: StoreKind) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let mut fact = |name: &str, value: &str| facts.insert(name.to_owned(), value.to_owned());
        fact("store", version);
        fact("durability", durability(kind).0);
        if let Some(user) = &self.user {
            fact("runs as", &user.name);
        }
        facts
    }

    fn make_folder(&self, data: &Path, folder: &Path) -> Result<(), DriverError> {
        std::fs::create_dir_all(data).map_err(|e| DriverError::io(data, e))?;
        // It refuses a folder that others may look into.
        let own = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(data, own).map_err(|e| DriverError::io(data, e))?;
        let Some(user) = &self.user else { return Ok(()) };
        check_may_enter(user, folder)?;
        let owner = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
        std::os::unix::fs::chown(data, owner.0, owner.1).map_err(|e| DriverError::io(data, e))
    }

    fn command(&self, program: &Path, data: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(data).env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// The server.
    pub(super) fn spec<'a>(&self, place: &Place, data: &Path, name: &'a str, port: u16) -> Spec<'a> {
        let mut command = self.command(&self.program, data);
        command.arg("-D").arg(data);
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
        ];
        let durable = durability(place.kind).1.iter().map(ToString::to_string);
        for setting in settings.into_iter().chain(durable) {
            command.args(["-c", &setting]);
        }
        // The immediate shutdown: its own children are told, and nothing of it is left behind.
        let death_signal = Signal::SIGQUIT;
        Spec { name, command, death_signal, log: place.logs.join(format!("{name}.log")), says_ready: false }
    }

    /// Makes an empty database cluster, on the disk to its last byte: after a crash PostgreSQL forces every file of it there before it
    /// serves, and what the lab itself had left in memory would be told as the recovery of the store.
    pub(super) async fn init_database(&self, place: &Place, data: &Path) -> Result<(), DriverError> {
        self.make_folder(data, &place.folder)?;
        let mut command = self.command(&self.program.with_file_name("initdb"), data);
        command.arg("-D").arg(data);
        command.args(["-U", "lab", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        self.errand(place, "initdb", command).await
    }

    /// Makes a standby's copy of the server on a port, in the place of whatever was there.
    pub(super) async fn copy_database(
        &self,
        place: &Place,
        data: &Path,
        name: &str,
        source: u16,
    ) -> Result<(), DriverError> {
        if data.exists() {
            std::fs::remove_dir_all(data).map_err(|e| DriverError::io(data, e))?;
        }
        self.make_folder(data, &place.folder)?;
        let mut command = self.command(&self.program.with_file_name("pg_basebackup"), data);
        command.arg("--pgdata").arg(data).args(["--write-recovery-conf", "--checkpoint=fast"]);
        command.args(["--host=127.0.0.1", "--username=lab"]).arg(format!("--port={source}"));
        self.errand(place, &format!("{name}-copy"), command).await
    }

    /// Writes what the table of the sessions holds at this moment into a file, in a folder of the database's own user.
    pub(super) async fn dump(
        &self,
        place: &Place,
        name: &str,
        port: u16,
        file: &Path,
    ) -> Result<(), DriverError> {
        let folder = file.parent().unwrap_or(&place.folder);
        self.make_folder(folder, &place.folder)?;
        let mut command = self.command(&self.program.with_file_name("pg_dump"), folder);
        command.args(["--host=127.0.0.1", "--username=lab", "--format=custom", "--dbname=postgres"]);
        command.arg(format!("--port={port}")).arg(format!("--table={}_sessions", place.prefix));
        command.arg("--file").arg(file);
        self.errand(place, name, command).await
    }

    /// Fills an empty database with what such a file holds.
    pub(super) async fn restore(
        &self,
        place: &Place,
        name: &str,
        port: u16,
        file: &Path,
    ) -> Result<(), DriverError> {
        let mut command =
            self.command(&self.program.with_file_name("pg_restore"), &place.folder.join("data"));
        command.args(["--host=127.0.0.1", "--username=lab", "--exit-on-error", "--dbname=postgres"]);
        command.arg(format!("--port={port}")).arg(file);
        self.errand(place, name, command).await
    }

    /// Runs a program of its own to its end.
    async fn errand(&self, place: &Place, name: &str, command: Command) -> Result<(), DriverError> {
        let log = place.logs.join(format!("{name}.log"));
        let spec = Spec { name, command, death_signal: Signal::SIGKILL, log: log.clone(), says_ready: false };
        let process = Process::start(&place.run, spec)?;
        process.order_exit();
        match process.wait(Duration::from_secs(60)).await.as_deref() {
            Some("code 0") => Ok(()),
            status => {
                let what = format!("failed ({})", status.unwrap_or("no end in 60 s"));
                Err(DriverError::child(name, what, &log))
            }
        }
    }
}

/// A promotion has this long.
const PROMOTED_WITHIN: Duration = Duration::from_secs(20);
/// How often a standby is asked whether it takes writes, once it has been told to.
const LOOK: Duration = Duration::from_millis(5);

/// Has a standby take writes, and waits until it does; `told` is called once it has been told to.
pub(super) async fn promote(standby: &Process, port: u16, told: impl FnOnce()) -> Result<(), DriverError> {
    let failed = |what: String| DriverError::child(standby.name(), what, standby.log());
    let mut connection = Connection::postgres(&url(port)).await.map_err(failed)?;
    told();
    let promoted = sqlx::query("SELECT pg_promote(wait => false)").execute(&mut connection).await;
    promoted.map_err(|e| failed(e.to_string()))?;
    let deadline = Instant::now() + PROMOTED_WITHIN;
    loop {
        let (read_only,): (String,) = sqlx::query_as("SHOW transaction_read_only")
            .fetch_one(&mut connection)
            .await
            .map_err(|e| failed(e.to_string()))?;
        if read_only == "off" {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(failed(format!("still read-only {PROMOTED_WITHIN:?} after its promotion")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Empties the table of the sessions.
pub(super) async fn truncate(url: &str, prefix: &str) -> Result<(), DriverError> {
    let refused = |what: String| DriverError::Machine(format!("postgres does not empty its table: {what}"));
    let mut connection = Connection::postgres(url).await.map_err(refused)?;
    // The prefix is the lab's own and holds only a-z, 0-9 and '_'.
    let statement = sqlx::AssertSqlSafe(format!("TRUNCATE {prefix}_sessions"));
    sqlx::query(statement).execute(&mut connection).await.map(|_| ()).map_err(|e| refused(e.to_string()))
}

/// Forgets some of every hundred sessions.
pub(super) async fn evict(url: &str, prefix: &str, percent: u32) -> Result<String, DriverError> {
    let refused = |what: String| DriverError::Machine(format!("postgres does not forget: {what}"));
    let mut connection = Connection::postgres(url).await.map_err(refused)?;
    // The prefix is the lab's own and holds only a-z, 0-9 and '_'. The keys are hashes: their order picks at random.
    let table = format!("{prefix}_sessions");
    let statement = sqlx::AssertSqlSafe(format!(
        "WITH gone AS (DELETE FROM {table} WHERE key IN (SELECT key FROM {table} ORDER BY key LIMIT \
         (SELECT ceil(count(*) * {percent} / 100.0)::bigint FROM {table})) RETURNING 1) SELECT count(*) FROM gone"
    ));
    let (gone,): (i64,) =
        sqlx::query_as(statement).fetch_one(&mut connection).await.map_err(|e| refused(e.to_string()))?;
    if gone == 0 {
        return Err(refused("it holds no session".to_owned()));
    }
    Ok(format!("{gone} sessions are gone from postgres"))
}
