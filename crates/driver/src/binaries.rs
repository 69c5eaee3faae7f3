//! The programs that stand in a request's way, pinned for a run: all trials of a run are of one build, or there is no run.

use crate::error::DriverError;
use crate::program::own;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The programs of the measured half, and the relay between them.
const NAMES: [&str; 4] = ["relay", "router", "stateful-server", "stateless-server"];

/// What tells a file from another one that took its place.
type Stamp = (u64, u64, u64, i64, i64);

/// The executables with what they held when the run began.
#[derive(Debug)]
pub struct Binaries(Vec<Binary>);

#[derive(Debug)]
struct Binary {
    name: &'static str,
    path: PathBuf,
    sha256: String,
    stamp: Stamp,
}

impl Binaries {
    /// Finds and reads them.
    ///
    /// # Errors
    /// When one is not built, or cannot be read.
    pub fn pin() -> Result<Self, DriverError> {
        let pin = |name| {
            let path = own(name)?;
            Ok(Binary { name, sha256: digest(&path)?, stamp: stamp(&path)?, path })
        };
        NAMES.into_iter().map(pin).collect::<Result<_, _>>().map(Self)
    }

    /// SHA-256 of each, in hexadecimal, by name.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|binary| (binary.name.to_owned(), binary.sha256.clone())).collect()
    }

    /// Whether they still are what they were.
    ///
    /// # Errors
    /// [`DriverError::Changed`] when one is not: somebody has built it anew.
    pub fn unchanged(&self) -> Result<(), DriverError> {
        self.0.iter().try_for_each(Binary::unchanged)
    }
}

impl Binary {
    fn unchanged(&self) -> Result<(), DriverError> {
        let changed = |now: String| DriverError::Changed {
            program: self.name.to_owned(),
            before: self.sha256[..12].to_owned(),
            now,
        };
        match stamp(&self.path) {
            // Reading a hundred megabytes between any two trials would disturb them; a file that was written has another stamp.
            Ok(stamp) if stamp == self.stamp => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(changed("gone".to_owned())),
        }
        let now = digest(&self.path)?;
        if now == self.sha256 { Ok(()) } else { Err(changed(now[..12].to_owned())) }
    }
}

fn stamp(path: &Path) -> Result<Stamp, DriverError> {
    let meta = path.metadata().map_err(|e| DriverError::io(path, e))?;
    Ok((meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

fn digest(path: &Path) -> Result<String, DriverError> {
    let mut file = File::open(path).map_err(|e| DriverError::io(path, e))?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).map_err(|e| DriverError::io(path, e))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(path: &Path) -> Binary {
        Binary {
            name: "router",
            sha256: digest(path).unwrap(),
            stamp: stamp(path).unwrap(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_program_that_was_built_anew_is_named_and_one_that_was_only_touched_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("router");
        std::fs::write(&path, "abc").unwrap();
        let binary = pinned(&path);
        assert_eq!(binary.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(binary.unchanged().is_ok());
        std::fs::remove_file(&path).unwrap();
        assert!(binary.unchanged().unwrap_err().to_string().contains("gone"));
        std::fs::write(&path, "abc").unwrap();
        assert!(binary.unchanged().is_ok(), "another file with the same content is the same program");
        std::fs::write(&path, "abd").unwrap();
        let error = binary.unchanged().unwrap_err().to_string();
        assert!(error.contains("router") && error.contains("ba7816bf8f01"), "{error}");
    }
}
