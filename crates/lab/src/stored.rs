//! A `results.json` read back from a folder that anybody may have made.

use anyhow::anyhow;
use report::{ReadError, Results};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Far above any real run, and far below this machine's memory.
const MOST_BYTES: u64 = 512 << 20;

/// Why it cannot be read; the error names the file.
#[derive(Debug)]
pub struct Unreadable {
    /// A newer lab wrote it.
    pub newer: bool,
    /// What to tell.
    pub error: anyhow::Error,
}

/// Reads it.
///
/// # Errors
/// When it is missing, too large, damaged or newer; the error names the file and says what to do.
pub fn read(path: &Path) -> Result<Results, Unreadable> {
    let shown = path.display();
    let plain = |error: anyhow::Error| Unreadable { newer: false, error };
    let file = File::open(path).map_err(|e| {
        plain(anyhow!(
            "{shown}: {e}; name a run's folder, or its results.json ('lab report' makes one from the journals)"
        ))
    })?;
    let mut text = String::new();
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|e| plain(anyhow!("{shown}: {e}; a results.json is a text file")))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(plain(anyhow!(
            "{shown}: larger than {} MiB, which no run's results are",
            MOST_BYTES >> 20
        )));
    }
    report::read(&text).map_err(|e| Unreadable {
        newer: matches!(e, ReadError::Newer { .. }),
        error: anyhow!("{shown}: {e}"),
    })
}
