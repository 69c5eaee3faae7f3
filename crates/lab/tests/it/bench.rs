//! A place to run the lab in: a folder of its own, a mark on every process, and short scenarios.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Every child inherits it from the lab, so that a test finds its own processes and nobody else's.
const MARK: &str = "SESSION_LAB_TEST_MARK";

/// A folder, a mark, and the lab.
pub struct Bench {
    folder: TempDir,
    mark: String,
}

impl Bench {
    /// A fresh one.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("bench").tempdir().unwrap();
        // Postgres runs as another user when the tests are root, and has to pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        fs::set_permissions(folder.path().join("tmp"), fs::Permissions::from_mode(0o755)).unwrap();
        let mark = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        Self { folder, mark }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a scenario and gives its path.
    pub fn scenario(&self, name: &str, text: &str) -> String {
        let path = self.path().join(format!("{name}.toml"));
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The lab, in this folder.
    pub fn lab(&self, arguments: &[&str]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_lab")), arguments)
    }

    /// Another copy of the lab, in this folder.
    pub fn program(&self, lab: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(lab);
        command.args(arguments).current_dir(self.path()).env(MARK, &self.mark);
        command
            .env("TMPDIR", self.path().join("tmp"))
            .env_remove("LAB_REDIS_URL")
            .env_remove("LAB_POSTGRES_URL");
        command.stdin(std::process::Stdio::null());
        command
    }

    /// The lab and what it starts, copied into this folder, for a test that changes them: the lab, and where they all are.
    pub fn own_copy(&self) -> (PathBuf, PathBuf) {
        let built = Path::new(env!("CARGO_BIN_EXE_lab")).parent().unwrap();
        let programs = self.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for name in ["lab", "relay", "router", "stateful-server", "stateless-server"] {
            fs::copy(built.join(name), programs.join(name)).unwrap();
        }
        (programs.join("lab"), programs)
    }

    /// Runs the lab to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::from(self.lab(arguments).output().unwrap())
    }

    /// The folder of the latest run.
    pub fn latest(&self) -> PathBuf {
        self.path().join("results").join("latest").canonicalize().unwrap()
    }

    /// What runs with this bench's mark.
    pub fn processes(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.mark);
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let marked = all.filter(|process| {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
        });
        let told = marked.map(|process| {
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).replace('\0', " ")
        });
        told.filter(|command| !command.is_empty()).collect()
    }
}

/// How the lab ended, and what it said.
pub struct Said {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// Demands an exit code, and shows everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- out ---\n{}\n--- err ---\n{}", self.out, self.err);
        self
    }

    /// Demands that the error names these things.
    #[track_caller]
    pub fn tells(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "'{part}' is not in: {}", self.err);
        }
        self
    }
}

/// A small scenario of four seconds in which a server is killed.
pub const KILL: &str = r#"
name = "small-kill"
question = "Who loses what?"
story = "A server dies."
stacks = ["stateful", "stateless-redis", "stateless-postgres", "stateless-sqlite"]
topology = { servers = 3 }
load = { shoppers = 60, think_time_ms = 200, mix = { read = 5, add = 4, check-out = 1 } }
phases = { warm_up_s = 1, baseline_s = 1, fault_s = 1, recovery_s = 0.5, quiet_s = 0.5 }
# The tests share their machine with one another: what is promised here is the sessions, not the latency.
steady_state = { ok_ratio = 0.5, p99_ms = 5000, sustain_s = 0.5 }

[[faults]]
at_s = 2
action = "kill"
target = "busiest-server"

[[expect]]
stacks = ["stateful"]
metric = "sessions-lost-percent"
min = 25
max = 42
because = "a third lived there"

[[expect]]
stacks = ["stateless-*"]
metric = "sessions-lost"
max = 0
because = "the store is shared"
"#;
