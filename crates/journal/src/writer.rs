//! Writes a journal as it happens.

use crate::event::{Entry, Event, Header, Seal};
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// Writes a journal line by line. Dropped without [`Writer::seal`], it leaves a journal that every reader takes for cut short.
pub struct Writer<W: Write> {
    out: W,
    digest: Sha256,
    entries: u64,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a journal with its header.
    ///
    /// # Errors
    /// Those of the sink: a full disk, for one.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, digest: Sha256::new(), entries: 0, line: Vec::new() };
        writer.put(header)?;
        Ok(writer)
    }

    /// Appends an event and returns its number.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn append(&mut self, event: Event) -> io::Result<u64> {
        self.entries += 1;
        let seq = self.entries;
        self.put(&Entry { seq, event })?;
        Ok(seq)
    }

    /// Ends the journal, flushes it and hands the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn seal(mut self) -> io::Result<W> {
        let sha256 = hex(&self.digest.clone().finalize());
        let entries = self.entries;
        self.put(&Seal { entries, sha256 })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put<T: serde::Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.out.write_all(&self.line)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
