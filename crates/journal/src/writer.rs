//! Writes a journal as it happens.

use crate::event::{Event, Header, Seal};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// Entries that are numbered and made into lines, and wait to be written. To make lines where things happen costs less than to
/// hand over what happened, and many lines are written as cheaply as one.
#[derive(Debug, Default)]
pub struct Batch {
    lines: Vec<u8>,
    entries: u64,
    before: u64,
}

#[derive(Serialize)]
struct Numbered<'a, S> {
    seq: u64,
    event: &'a Event<S>,
}

impl Batch {
    /// Appends an event and returns its number.
    pub fn append<S: Serialize>(&mut self, event: &Event<S>) -> u64 {
        let seq = self.before + self.entries + 1;
        serde_json::to_writer(&mut self.lines, &Numbered { seq, event }).expect("an event is plain data");
        self.lines.push(b'\n');
        self.entries += 1;
        seq
    }

    /// How many entries wait.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How long their lines are together. Bytes.
    pub fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// Hands over what waits, and goes on behind it in the room of a batch that was written.
    #[must_use]
    pub fn take(&mut self, mut written: Batch) -> Batch {
        written.lines.clear();
        written.entries = 0;
        written.before = self.before + self.entries;
        std::mem::replace(self, written)
    }
}

/// Writes a journal in batches. Dropped without [`Writer::seal`], it leaves a journal that every reader takes for cut short.
pub struct Writer<W: Write> {
    out: W,
    digest: Sha256,
    entries: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a journal with its header.
    ///
    /// # Errors
    /// Those of the sink: a full disk, for one.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, digest: Sha256::new(), entries: 0 };
        let mut line = serde_json::to_vec(header)?;
        line.push(b'\n');
        writer.put(&line)?;
        Ok(writer)
    }

    /// Writes the next batch of those that began with an empty one and were taken from it in turn.
    ///
    /// # Errors
    /// Those of the sink, and when a batch was left out.
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.before != self.entries {
            let gap = format!("entry {} follows entry {}", batch.before + 1, self.entries);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, gap));
        }
        self.entries += batch.entries;
        self.put(&batch.lines)
    }

    /// Ends the journal, flushes it and hands the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn seal(mut self) -> io::Result<W> {
        let seal = Seal { entries: self.entries, sha256: hex(&self.digest.finalize()) };
        let mut line = serde_json::to_vec(&seal)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, lines: &[u8]) -> io::Result<()> {
        self.digest.update(lines);
        self.out.write_all(lines)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
