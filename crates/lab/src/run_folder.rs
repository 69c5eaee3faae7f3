//! A run's folder in the results, and what is read back from one.

use crate::failure::Failure;
use crate::text_file;
use anyhow::{Context, anyhow};
use driver::DriverError;
use journal::{PlannedTrial, RUN_FORMAT, Run};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::macros::format_description;

/// The file that names the trials.
pub const RUN_FILE: &str = "run.json";
/// Far above that of any run.
const MOST_BYTES: u64 = 64 << 20;

/// Milliseconds since 1970, UTC.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Makes a fresh folder for a run: `<time>-<what>`, with a number behind it when that is taken.
///
/// # Errors
/// When it cannot be made or written.
pub fn create(out: &Path, what: &str) -> Result<(String, PathBuf), Failure> {
    fs::create_dir_all(out).map_err(|e| DriverError::io(out, e))?;
    let format = format_description!("[year][month][day]-[hour][minute][second]");
    let stamp = OffsetDateTime::now_utc()
        .format(format)
        .map_err(|e| Failure::environment(anyhow!("no time: {e}")))?;
    for number in 1..1_000 {
        let id = if number == 1 { format!("{stamp}-{what}") } else { format!("{stamp}-{what}-{number}") };
        let folder = out.join(&id);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((id, folder)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(DriverError::io(&folder, e).into()),
        }
    }
    Err(Failure::environment(anyhow!("{}: too many runs in one second", out.display())))
}

/// Points `latest` at a run. Where links cannot be made there is none.
pub fn point_latest(out: &Path, id: &str) {
    let link = out.join("latest");
    if link.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        let _ = fs::remove_file(&link);
    }
    let _ = std::os::unix::fs::symlink(id, &link);
}

/// Writes a file as a whole, or leaves the old one: a full disk never leaves half a report.
///
/// # Errors
/// Those of the file system.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|e| {
        let _ = fs::remove_file(&beside);
        DriverError::io(path, e).into()
    })
}

/// Saves what is known of a run.
///
/// # Errors
/// Those of the file system.
pub fn save(folder: &Path, run: &Run) -> Result<(), Failure> {
    let json =
        serde_json::to_string_pretty(run).context("a run is plain data").map_err(Failure::environment)?;
    write_whole(&folder.join(RUN_FILE), &(json + "\n"))
}

/// Reads what is known of a run.
///
/// # Errors
/// When the folder is no run's, or a newer lab wrote it.
pub fn load(folder: &Path) -> Result<Run, Failure> {
    let path = folder.join(RUN_FILE);
    let text = text_file::read(&path, MOST_BYTES).map_err(|e| {
        Failure::usage(anyhow!(
            "{}: {e}; name the folder of a run, such as those in 'results', which holds a {RUN_FILE}",
            path.display()
        ))
    })?;
    let format: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| Failure::usage(anyhow!("{}: {e}; the file is damaged", path.display())))?;
    let found = format.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if found > u64::from(RUN_FORMAT) {
        return Err(Failure::usage(anyhow!(
            "{}: format {found} is newer than {RUN_FORMAT}, the newest that this lab reads; use the lab that wrote it",
            path.display()
        )));
    }
    serde_json::from_value(format)
        .map_err(|e| Failure::usage(anyhow!("{}: {e}; the file is damaged", path.display())))
}

/// Held by the lab that writes into a run's folder; the kernel lets go of it when that lab ends, however it ends.
pub type Lock = Flock<File>;

/// Keeps other labs out of a run's folder.
///
/// # Errors
/// When another one is at work there.
pub fn lock(folder: &Path) -> Result<Lock, Failure> {
    let file = File::open(folder).map_err(|e| DriverError::io(folder, e))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| {
        Failure::usage(anyhow!(
            "{}: another lab is running this comparison at the moment ({e}); wait until it has ended",
            folder.display()
        ))
    })
}

/// The name of a trial's folder within its run's.
pub fn trial_dir(trial: &PlannedTrial) -> String {
    let PlannedTrial { scenario, stack, replica, order, .. } = trial;
    let again = if *replica == 0 { "" } else { "-again" };
    format!("{order:03}-{scenario}-{}{again}", stack.to_string().replace('+', "-with-"))
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of the lab's own executable: it makes the load.
///
/// # Errors
/// When it cannot be read.
pub fn own_digest() -> Result<String, Failure> {
    // The program that runs, even when the file has been replaced since.
    let path = Path::new("/proc/self/exe");
    let mut file = File::open(path).map_err(|e| DriverError::io(path, e))?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).map_err(|e| DriverError::io(path, e))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
