//! Reads a journal as a stream, and refuses one that is not whole.

use crate::event::{Entry, FORMAT, Header, Seal};
use crate::writer::hex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::{self, BufRead};

/// Why a journal cannot be believed. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read.
    #[error("line {line}: cannot be read: {source}")]
    Io {
        /// Where.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The file has nothing in it.
    #[error("the journal is empty; the trial ended before it began, run it again")]
    Empty,
    /// Written by a newer lab.
    #[error(
        "line 1: format {found} is newer than {FORMAT}, the newest that this lab reads; use the lab that wrote it"
    )]
    Newer {
        /// The format found.
        found: u32,
    },
    /// It is whole, and of another trial than the one that it is read for.
    #[error(
        "line 1: it is of another trial: its {what} is not the one that run.json names; put the trial's own journal back, or run it again"
    )]
    Stranger {
        /// What does not fit.
        what: &'static str,
    },
    /// A line is not what it should be.
    #[error("line {line}: not a journal's line: {reason}; the journal was edited or damaged")]
    Malformed {
        /// Where.
        line: u64,
        /// What the parser says.
        reason: String,
    },
    /// The numbers do not follow one another.
    #[error(
        "line {line}: entry {found} stands where entry {expected} belongs; the journal was reordered or lines were removed"
    )]
    OutOfOrder {
        /// Where.
        line: u64,
        /// The number that is due.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The seal is missing.
    #[error(
        "cut short after line {line}: the seal is missing; the trial was broken off or the file was truncated"
    )]
    CutShort {
        /// The last whole line.
        line: u64,
    },
    /// The seal does not fit what is before it.
    #[error("line {line}: the seal does not fit the lines before it; the journal was edited")]
    BrokenSeal {
        /// Where.
        line: u64,
    },
    /// Something follows the seal.
    #[error("line {line}: something follows the seal; the journal was edited")]
    AfterSeal {
        /// Where.
        line: u64,
    },
}

/// What any line but the first may be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: Option<u64>,
    event: Option<crate::event::Event>,
    entries: Option<u64>,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A day: the longest demo takes four hours.
const LONGEST_US: u64 = 24 * 3_600 * 1_000_000;

/// An iterator over the entries of a journal. It ends after a valid seal, and only then: a journal that was cut, reordered or
/// edited ends in an error, so whoever drains it knows that the whole was seen.
pub struct Reader<R: BufRead> {
    input: R,
    digest: Sha256,
    line: u64,
    entries: u64,
    buffer: Vec<u8>,
    header: Header,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is absent, damaged, or of a newer format.
    pub fn new(mut input: R) -> Result<Self, JournalError> {
        let mut buffer = Vec::new();
        let read =
            input.read_until(b'\n', &mut buffer).map_err(|source| JournalError::Io { line: 1, source })?;
        if read == 0 {
            return Err(JournalError::Empty);
        }
        if buffer.last() != Some(&b'\n') {
            return Err(JournalError::CutShort { line: 0 });
        }
        let malformed = |e: serde_json::Error| JournalError::Malformed { line: 1, reason: e.to_string() };
        let format: Format = serde_json::from_slice(&buffer).map_err(malformed)?;
        if format.format > FORMAT {
            return Err(JournalError::Newer { found: format.format });
        }
        let header: Header = serde_json::from_slice(&buffer).map_err(malformed)?;
        // Whoever judges it makes room for all of it.
        if let Some(span) = header.scenario.phases.spans().iter().find(|span| span.end_us > LONGEST_US) {
            let (end_s, longest_s) = (span.end_us / 1_000_000, LONGEST_US / 1_000_000);
            let reason = format!("a phase ends after {end_s} s, and no trial is longer than {longest_s} s");
            return Err(JournalError::Malformed { line: 1, reason });
        }
        let mut digest = Sha256::new();
        digest.update(&buffer);
        Ok(Self { input, digest, line: 1, entries: 0, buffer, header, over: false })
    }

    /// Which trial this is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn advance(&mut self) -> Result<Option<Entry>, JournalError> {
        let line = self.line + 1;
        self.buffer.clear();
        let read = self
            .input
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| JournalError::Io { line, source })?;
        if read == 0 || self.buffer.last() != Some(&b'\n') {
            return Err(JournalError::CutShort { line: self.line });
        }
        self.line = line;
        let parsed: Line = serde_json::from_slice(&self.buffer)
            .map_err(|e| JournalError::Malformed { line, reason: e.to_string() })?;
        match parsed {
            Line { seq: Some(seq), event: Some(event), entries: None, sha256: None } => {
                let expected = self.entries + 1;
                if seq != expected {
                    return Err(JournalError::OutOfOrder { line, expected, found: seq });
                }
                self.entries = seq;
                self.digest.update(&self.buffer);
                Ok(Some(Entry { seq, event }))
            }
            Line { seq: None, event: None, entries: Some(entries), sha256: Some(sha256) } => {
                self.check_seal(&Seal { entries, sha256 })?;
                Ok(None)
            }
            _ => Err(JournalError::Malformed { line, reason: "neither an entry nor a seal".to_owned() }),
        }
    }

    fn check_seal(&mut self, seal: &Seal) -> Result<(), JournalError> {
        let line = self.line;
        if seal.entries != self.entries || seal.sha256 != hex(&self.digest.clone().finalize()) {
            return Err(JournalError::BrokenSeal { line });
        }
        self.buffer.clear();
        match self.input.read_until(b'\n', &mut self.buffer) {
            Ok(0) => Ok(()),
            Ok(_) => Err(JournalError::AfterSeal { line: line + 1 }),
            Err(source) => Err(JournalError::Io { line: line + 1, source }),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.advance().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}
