//! Reads a journal while it is still being written.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long it waits where the file ends for now.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A file that somebody else appends to: its end is waited at, until there is more or it is told that nothing more will come.
/// Blocks the thread that reads.
#[derive(Debug)]
pub struct Tail {
    file: File,
    whole: Whole,
}

/// Says that nothing more will be written; clones say the same.
#[derive(Clone, Debug, Default)]
pub struct Whole(Arc<AtomicBool>);

impl Whole {
    /// From now on the end of the file is the end.
    pub fn tell(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Tail {
    /// Follows a file until `whole` is told.
    pub fn new(file: File, whole: Whole) -> Self {
        Self { file, whole }
    }
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked before the file is read: what was written before it was told is seen.
            let whole = self.whole.0.load(Ordering::Acquire);
            let bytes = self.file.read(buffer)?;
            if bytes > 0 || whole || buffer.is_empty() {
                return Ok(bytes);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
