//! How the servers of a tier are started: all alike, but for their names and the keys of the moment.

use crate::cluster::ClusterSpec;
use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program;
use crate::seat::{secret, write_secret};
use crate::store::Store;
use nix::sys::signal::Signal;
use protocol::ops::TOKEN_FILE;
use protocol::process::Ready;
use scenario::{Family, StoreKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const READY_WITHIN: Duration = Duration::from_secs(15);

/// A server process.
pub struct Server {
    /// `server-2.1`: place 2, first process there.
    pub instance: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its process.
    pub process: Process,
    /// From its start to its Ready line.
    pub took: Duration,
}

/// A server that is none of the tier's, for a cookie that the tier must not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It has the tier's store and another key.
    OtherKey,
    /// It has the tier's key, and sessions of its own.
    OtherTier,
}

impl Stranger {
    fn name(self) -> &'static str {
        match self {
            Stranger::OtherKey => "other-key",
            Stranger::OtherTier => "other-tier",
        }
    }
}

/// Starts servers alike.
pub struct Recipe {
    run: String,
    /// What the names of all of them begin with.
    prefix: &'static str,
    executable: PathBuf,
    arguments: Vec<String>,
    /// Of the arguments those that say nothing of a store.
    plain: Vec<String>,
    family: Family,
    store_url: Option<String>,
    logs: PathBuf,
    folder: PathBuf,
    /// The keys that open cookies; the first of them seals.
    keys: Vec<String>,
    /// The file that holds them: a new one for every change, since a server may read its own at any time.
    key_file: PathBuf,
    key_files: u32,
    /// What operators must show.
    ops_token_file: PathBuf,
}

impl Recipe {
    pub(crate) fn new(spec: &ClusterSpec<'_>, store: &Store, folder: &Path) -> Result<Self, DriverError> {
        let topology = &spec.scenario.topology;
        let conflict = spec.stack.conflict.unwrap_or(topology.conflict_policy);
        let mut arguments = vec![
            "--listen=127.0.0.1:0".to_owned(),
            format!("--service-time-ms={}", topology.service_time_ms),
            format!("--conflict-policy={}", conflict.name()),
            "--plain-http-cookies".to_owned(),
        ];
        if let Some(concurrency) = topology.concurrency {
            arguments.push(format!("--concurrency={concurrency}"));
        }
        let plain = arguments.clone();
        let in_memory = spec.stack.is_stateful();
        if !in_memory {
            arguments.push(format!("--store={}", spec.stack.store.of_server()));
            arguments.push(format!("--store-prefix={}", store.prefix()));
        }
        if spec.stack.store == StoreKind::PostgresUnlogged {
            arguments.push("--postgres-unlogged".to_owned());
        }
        let executable = match spec.server {
            Some(program) => {
                arguments.extend_from_slice(&program.arguments);
                program.executable.clone()
            }
            None => program::own(if in_memory { "stateful-server" } else { "stateless-server" })?,
        };
        let mut recipe = Self {
            run: spec.run.to_owned(),
            prefix: "",
            executable,
            arguments,
            plain,
            family: spec.stack.store.family(),
            store_url: (!store.url().is_empty()).then(|| store.url().to_owned()),
            logs: spec.logs.to_owned(),
            folder: folder.to_owned(),
            keys: Vec::new(),
            key_file: PathBuf::new(),
            key_files: 0,
            ops_token_file: folder.join("ops-token"),
        };
        write_secret(&recipe.ops_token_file, &secret())?;
        recipe.set_keys(vec![secret()])?;
        Ok(recipe)
    }

    /// The file with what operators must show to every server.
    pub fn ops_token_file(&self) -> &Path {
        &self.ops_token_file
    }

    /// The same servers at a second site: another store, other names, and the same keys, which a deployment gives to both.
    ///
    /// # Errors
    /// When the file with the keys cannot be written.
    pub(crate) fn elsewhere(
        &self,
        prefix: &'static str,
        folder: &Path,
        store: Option<&Store>,
    ) -> Result<Self, DriverError> {
        let mut recipe = Self {
            run: self.run.clone(),
            prefix,
            executable: self.executable.clone(),
            arguments: self.arguments.clone(),
            plain: self.plain.clone(),
            family: self.family,
            store_url: store.map(|store| store.url().to_owned()),
            logs: self.logs.clone(),
            folder: folder.to_owned(),
            keys: Vec::new(),
            key_file: PathBuf::new(),
            key_files: 0,
            ops_token_file: self.ops_token_file.clone(),
        };
        recipe.set_keys(self.keys.clone())?;
        Ok(recipe)
    }

    /// The keys of servers that are started from now on; the first of them seals.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Changes them.
    ///
    /// # Errors
    /// When their file cannot be written.
    pub fn set_keys(&mut self, keys: Vec<String>) -> Result<(), DriverError> {
        self.key_files += 1;
        self.key_file = self.folder.join(format!("cookie-keys-{}", self.key_files));
        write_secret(&self.key_file, &keys.join("\n"))?;
        self.keys = keys;
        Ok(())
    }

    pub(crate) async fn start(&self, place: u32, generation: u32) -> Result<Server, DriverError> {
        let instance = format!("{}server-{place}.{generation}", self.prefix);
        self.launch(instance, &self.executable, &self.arguments, &self.key_file).await
    }

    /// Starts a server that is none of the tier's and never meets its router.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn stranger(&self, who: Stranger) -> Result<Server, DriverError> {
        let (mut executable, mut arguments) = (self.executable.clone(), self.arguments.clone());
        let mut key_file = self.key_file.clone();
        match (who, self.family) {
            (Stranger::OtherKey, _) => {
                key_file = self.folder.join("cookie-key-of-a-stranger");
                write_secret(&key_file, &secret())?;
            }
            (Stranger::OtherTier, Family::Cookie) => {
                for argument in arguments.iter_mut().filter(|text| text.starts_with("--store-prefix=")) {
                    "--store-prefix=other_tier".clone_into(argument);
                }
            }
            // In a shared store it would leave something behind, and it is the tier that must refuse.
            (Stranger::OtherTier, Family::Redis | Family::Postgres | Family::Sqlite) => {
                executable = program::own("stateful-server")?;
                arguments.clone_from(&self.plain);
            }
            (Stranger::OtherTier, Family::Memory) => {}
        }
        self.launch(who.name().to_owned(), &executable, &arguments, &key_file).await
    }

    async fn launch(
        &self,
        instance: String,
        executable: &Path,
        arguments: &[String],
        key_file: &Path,
    ) -> Result<Server, DriverError> {
        let mut command = Command::new(executable);
        command.args(arguments).arg(format!("--instance={instance}"));
        command.arg("--cookie-key-file").arg(key_file);
        // Not an argument: a tier that cannot be asked need not know of it.
        command.env(TOKEN_FILE, &self.ops_token_file);
        if let Some(url) = &self.store_url {
            // Not an argument: a password would be seen in the list of processes.
            command.env("LAB_STORE_URL", url);
        }
        let log = self.logs.join(format!("{instance}.log"));
        let spec = Spec { name: &instance, command, death_signal: Signal::SIGKILL, log, says_ready: true };
        let mut process = Process::start(&self.run, spec)?;
        let line = process.ready_line(READY_WITHIN).await?;
        let took = process.started().elapsed();
        match Ready::from_line(&line) {
            Some(Ready::Server { instance: said, addr, .. }) if said == instance => {
                Ok(Server { instance, addr, process, took })
            }
            _ => Err(DriverError::child(
                &instance,
                format!("said '{line}' instead of a Ready line"),
                process.log(),
            )),
        }
    }
}
