//! The messages of a segment so far, kept in a file, so that the page can go back in time. Memory holds where each second begins.

use crate::show::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A whole picture is kept so often, so that a look back can begin anywhere. Microseconds.
pub const SNAPSHOT_EVERY_US: u64 = 10_000_000;
/// The longest span of one look. Microseconds.
pub const MOST_SPAN_US: u64 = 120_000_000;
/// The most that one look brings. Bytes.
const MOST_BYTES: u64 = 16 << 20;

#[derive(Clone, Copy, Debug)]
struct Place {
    at_us: u64,
    offset: u64,
    snapshot: bool,
}

/// A recording that grows.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    file: File,
    length: u64,
    places: Vec<Place>,
    next_snapshot_us: u64,
}

impl History {
    /// An empty one in this file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, length: 0, places: Vec::new(), next_snapshot_us: 0 })
    }

    /// Whether it is time for a whole picture again.
    pub fn wants_snapshot(&self, at_us: u64) -> bool {
        at_us >= self.next_snapshot_us
    }

    /// Appends messages of one moment.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn append(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut lines = String::new();
        for message in messages {
            let offset = self.length + lines.len() as u64;
            let snapshot = message.event == "snapshot";
            if snapshot {
                self.next_snapshot_us = message.at_us + SNAPSHOT_EVERY_US;
            }
            if snapshot || message.event == "second" {
                self.places.push(Place { at_us: message.at_us, offset, snapshot });
            }
            lines += &message.to_line();
        }
        self.file.write_all(lines.as_bytes())?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Where its last whole second is. Microseconds.
    pub fn end_us(&self) -> u64 {
        self.places.last().map_or(0, |place| place.at_us)
    }

    /// Where to read for a look at a span: from the last whole picture before it to a second after it.
    pub fn look(&self, from_us: u64, to_us: u64) -> Look {
        let before = self.places.iter().rposition(|place| place.snapshot && place.at_us <= from_us);
        let first = before.or_else(|| self.places.iter().position(|place| place.snapshot));
        let start = first.map_or(0, |first| self.places[first].offset);
        let to_us = to_us.min(from_us.saturating_add(MOST_SPAN_US));
        let after = self.places.iter().find(|place| place.at_us > to_us && place.offset > start);
        let end = after.map_or(self.length, |place| place.offset);
        Look { path: self.path.clone(), start, end: end.min(start + MOST_BYTES) }
    }

    /// All of it.
    pub fn all(&self) -> Look {
        Look { path: self.path.clone(), start: 0, end: self.length }
    }
}

/// A part of a recording, to be read without holding it up.
#[derive(Debug)]
pub struct Look {
    path: PathBuf,
    start: u64,
    end: u64,
}

impl Look {
    /// The messages, one a line. A whole line that does not fit into one look is left out.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut text = String::new();
        let mut bytes = Vec::new();
        file.take(self.end - self.start).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        text.push_str(&String::from_utf8_lossy(&bytes[..whole]));
        Ok(text)
    }
}

/// Lines of messages as a JSON object with a list of them.
pub fn as_list(lines: &str) -> String {
    let list: Vec<&str> = lines.lines().collect();
    format!("{{\"messages\":[{}]}}", list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(event: &'static str, at_us: u64) -> Message {
        Message::of(event, at_us, &json!({ "at_us": at_us }))
    }

    #[test]
    fn a_look_back_begins_with_a_whole_picture_before_the_moment() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::create(&folder.path().join("history")).unwrap();
        for s in 0..40_u64 {
            if history.wants_snapshot(s * 1_000_000) {
                history.append(&[message("snapshot", s * 1_000_000)]).unwrap();
            }
            history
                .append(&[message("tick", s * 1_000_000 + 1), message("second", s * 1_000_000 + 1)])
                .unwrap();
        }
        let look = |from_s: u64, to_s: u64| {
            let lines = history.look(from_s * 1_000_000, to_s * 1_000_000).read().unwrap();
            let list: serde_json::Value = serde_json::from_str(&as_list(&lines)).unwrap();
            let messages = list["messages"].as_array().unwrap().clone();
            let of = |message: &serde_json::Value| {
                (
                    message["event"].as_str().unwrap().to_owned(),
                    message["data"]["at_us"].as_u64().unwrap() / 1_000_000,
                )
            };
            (of(&messages[0]), of(&messages[messages.len() - 1]).1)
        };
        assert_eq!(look(0, 3), (("snapshot".to_owned(), 0), 3));
        assert_eq!(look(25, 27), (("snapshot".to_owned(), 20), 27));
        assert_eq!(look(39, 99), (("snapshot".to_owned(), 30), 39));
        assert_eq!(history.all().read().unwrap().lines().count(), 84);
    }
}
