//! A private PostgreSQL.

use super::connection::Connection;
use super::node::Node;
use super::user::{check_may_enter, unprivileged_user};
use super::{Place, none_of_ours};
use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program::Program;
use crate::relay::Relay;
use nix::sys::signal::Signal;
use nix::unistd::User;
use scenario::{Edge, Family, StoreKind};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(super) struct Postgres {
    place: Place,
    installation: Installation,
    version: String,
    nodes: Vec<Node>,
    /// What stands between the servers and it.
    relay: Option<Relay>,
}

/// Where its programs are and whom they run as.
struct Installation {
    program: PathBuf,
    user: Option<User>,
}

impl Postgres {
    pub(super) async fn start(place: Place) -> Result<Self, DriverError> {
        let installation = Installation { program: Program::Postgres.find()?, user: unprivileged_user()? };
        let data = place.folder.join("data");
        installation.make_folder(&data, &place.folder)?;
        installation.init_database(&place, &data).await?;
        let node = Node::on_free_port(
            &place.run,
            |port| installation.spec(&place, &data, "postgres", port),
            |port| async move { Connection::postgres(&url(port)).await.map(|_| ()) },
        )
        .await?;
        let relay = place.relay(Edge::ServerStore, node.port).await?;
        let version = Connection::version(Family::Postgres, &url(node.port)).await.unwrap_or_default();
        Ok(Self { place, installation, version, nodes: vec![node], relay })
    }

    /// What the servers are told.
    pub(super) fn url(&self) -> String {
        self.relay.as_ref().map_or_else(|| self.own_url(), |relay| url(relay.addr().port()))
    }

    /// The same without what may stand between.
    fn own_url(&self) -> String {
        self.nodes.first().map_or(String::new(), |node| url(node.port))
    }

    pub(super) fn relay_on(&self, edge: Edge) -> Option<&Relay> {
        self.relay.as_ref().filter(|_| edge == Edge::ServerStore)
    }

    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let mut fact = |name: &str, value: &str| facts.insert(name.to_owned(), value.to_owned());
        fact("store", &self.version);
        fact("durability", durability(self.place.kind).0);
        if let Some(user) = &self.installation.user {
            fact("runs as", &user.name);
        }
        facts
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    #[expect(clippy::unused_async, reason = "of a replicated store it must be asked")]
    pub(super) async fn primary(&mut self) -> Result<&mut Node, DriverError> {
        self.nodes.first_mut().ok_or_else(none_of_ours)
    }

    #[expect(clippy::unused_async, reason = "of a replicated store it must be asked")]
    pub(super) async fn replica(&mut self) -> Result<&mut Node, DriverError> {
        Err(DriverError::Machine("this PostgreSQL has no standby".to_owned()))
    }

    pub(super) async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        let Self { place, installation, nodes, .. } = self;
        let node = nodes.first_mut().ok_or_else(none_of_ours)?;
        if node.process.is_running() {
            let what = "postgres is still running; kill or terminate it first";
            return Err(DriverError::Machine(what.to_owned()));
        }
        let data = place.folder.join("data");
        let name = format!("postgres.{}", node.generation + 1);
        let (spec, at) = (installation.spec(place, &data, &name, node.port), url(node.port));
        node.again(&place.run, spec, || async { Connection::postgres(&at).await.map(|_| ()) }).await?;
        let pid = node.process.pid();
        if empty {
            return self.truncate().await.map(|()| format!("process {pid} answers, and its table is empty"));
        }
        Ok(format!("process {pid} answers"))
    }

    async fn truncate(&self) -> Result<(), DriverError> {
        let refused =
            |what: String| DriverError::Machine(format!("postgres does not empty its table: {what}"));
        let mut connection = Connection::postgres(&self.own_url()).await.map_err(refused)?;
        // The prefix is the lab's own and holds only a-z, 0-9 and '_'.
        let statement = sqlx::AssertSqlSafe(format!("TRUNCATE {}_sessions", self.place.prefix));
        sqlx::query(statement).execute(&mut connection).await.map(|_| ()).map_err(|e| refused(e.to_string()))
    }

    pub(super) async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        let refused = |what: String| DriverError::Machine(format!("postgres does not forget: {what}"));
        let mut connection = Connection::postgres(&self.own_url()).await.map_err(refused)?;
        // The prefix is the lab's own and holds only a-z, 0-9 and '_'. The keys are hashes: their order picks at random.
        let table = format!("{}_sessions", self.place.prefix);
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

    pub(super) async fn whole(&mut self) -> Result<String, String> {
        Connection::postgres(&self.own_url()).await.map(|_| "postgres answers".to_owned())
    }
}

fn url(port: u16) -> String {
    format!("postgres://lab@127.0.0.1:{port}/postgres")
}

/// What a kind of PostgreSQL keeps: in words, and as its own settings.
fn durability(kind: StoreKind) -> (&'static str, &'static [&'static str]) {
    match kind {
        StoreKind::PostgresAsyncCommit => (
            "fsync on, synchronous_commit off: acknowledged before it is on disk",
            &["synchronous_commit=off"],
        ),
        StoreKind::PostgresUnlogged => ("UNLOGGED table: emptied by a crash", &[]),
        _ => ("fsync on, synchronous_commit on", &[]),
    }
}

impl Installation {
    fn make_folder(&self, data: &Path, folder: &Path) -> Result<(), DriverError> {
        std::fs::create_dir_all(data).map_err(|e| DriverError::io(data, e))?;
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

    fn spec<'a>(&self, place: &Place, data: &Path, name: &'a str, port: u16) -> Spec<'a> {
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

    /// Makes an empty database cluster.
    async fn init_database(&self, place: &Place, data: &Path) -> Result<(), DriverError> {
        let mut command = self.command(&self.program.with_file_name("initdb"), data);
        command.arg("-D").arg(data);
        command.args(["-U", "lab", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        self.errand(place, "initdb", command).await
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
