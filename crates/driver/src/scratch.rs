//! The private folder of a run, for the stores' data, sockets and secrets; and what runs that were killed left behind.

use crate::error::DriverError;
use crate::process::RUN_TAG;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "session-lab-";
const OWNER: &str = "owner";

/// A folder that is removed when dropped. It names its owner, so that a later run can tell whether it is still in use.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A folder for a run, below the system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(run: &str) -> Result<Self, DriverError> {
        let path = std::env::temp_dir().join(format!("{PREFIX}{run}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| scratch_error(&path, e))?;
        let scratch = Self { path };
        // Others may pass through, not look: Postgres runs as another user when the lab is root.
        fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o711))
            .map_err(|e| scratch_error(&scratch.path, e))?;
        let me = std::process::id();
        let owner = format!("{me} {}", start_time(me).unwrap_or_default());
        let file = scratch.path.join(OWNER);
        fs::write(&file, owner).map_err(|e| scratch_error(&file, e))?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder within it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, DriverError> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|e| scratch_error(&path, e))?;
        Ok(path)
    }
}

fn scratch_error(path: &Path, source: std::io::Error) -> DriverError {
    DriverError::Io {
        path: path.to_owned(),
        source,
        remedy: "the lab keeps its stores' data there; free some space, or point TMPDIR at another folder"
            .to_owned(),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is found and reported by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Something that a killed run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// A private folder whose owner is dead.
    Folder(PathBuf),
    /// A process that carries a run's tag and whose parent is no lab any more.
    Process {
        /// Its process id.
        pid: u32,
        /// When it started, in the kernel's ticks: guards against a reused id.
        start_time: u64,
        /// The run that started it.
        run: String,
        /// Its command.
        command: String,
    },
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Leftover::Folder(path) => write!(f, "folder {}", path.display()),
            Leftover::Process { pid, run, command, .. } => write!(f, "process {pid} of run {run}: {command}"),
        }
    }
}

/// What earlier runs left behind when they were killed.
pub fn leftovers() -> Vec<Leftover> {
    let mut found = orphans();
    let folders = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let abandoned = folders.map(|entry| entry.path()).filter(|path| is_private(path) && !owner_lives(path));
    found.extend(abandoned.map(Leftover::Folder));
    found
}

/// Removes a leftover.
///
/// # Errors
/// When it may not be removed or signalled.
pub fn remove(leftover: &Leftover) -> std::io::Result<()> {
    match leftover {
        Leftover::Folder(path) => fs::remove_dir_all(path),
        Leftover::Process { pid, start_time: known, .. } => {
            if start_time(*pid) != Some(*known) {
                return Ok(());
            }
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).map_err(Into::into)
        }
    }
}

/// The private folders of runs that go on at this moment.
pub(crate) fn in_use() -> Vec<PathBuf> {
    let folders = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    folders.map(|entry| entry.path()).filter(|path| is_private(path) && owner_lives(path)).collect()
}

fn is_private(path: &Path) -> bool {
    let named = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(PREFIX));
    named && path.is_dir()
}

fn owner_lives(folder: &Path) -> bool {
    let Ok(owner) = fs::read_to_string(folder.join(OWNER)) else {
        // Being made at this moment, perhaps: leave it alone unless it is old.
        let age = folder.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        return age.is_none_or(|age| age.as_secs() < 60);
    };
    let mut words = owner.split(' ').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(started))) = (words.next(), words.next()) else { return false };
    u32::try_from(pid).is_ok_and(|pid| start_time(pid) == Some(started))
}

/// Tagged processes of this user that have lost the lab that started them.
fn orphans() -> Vec<Leftover> {
    let me = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let tagged = processes.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let tag = format!("{RUN_TAG}=");
        let run = environment.split(|b| *b == 0).find_map(|pair| pair.strip_prefix(tag.as_bytes()))?;
        let stat = Stat::of(pid)?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let orphan = stat.parent == 1 && pid != me && stat.state != 'Z';
        orphan.then(|| Leftover::Process {
            pid,
            start_time: stat.start_time,
            run: String::from_utf8_lossy(run).into_owned(),
            command: command.trim().to_owned(),
        })
    });
    tagged.collect()
}

/// When a process started, in the kernel's ticks since boot.
pub fn start_time(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.start_time)
}

/// The parts of `/proc/PID/stat` that the lab needs (proc(5)).
pub struct Stat {
    /// `R`, `S`, `T` (stopped), `Z` (zombie), ...
    pub state: char,
    /// The parent's process id.
    pub parent: u32,
    /// User and system time of its own, in ticks.
    pub cpu_ticks: u64,
    /// User and system time of the children that have ended and that it has waited for, in ticks.
    pub ended_children_ticks: u64,
    /// When it started, in ticks since boot.
    pub start_time: u64,
}

impl Stat {
    /// Reads it; `None` when there is no such process, or no `/proc`.
    pub fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the command in parentheses, and may hold anything.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            cpu_ticks: (11..=12).filter_map(number).sum(),
            ended_children_ticks: (13..=14).filter_map(number).sum(),
            start_time: number(19)?,
        })
    }
}
