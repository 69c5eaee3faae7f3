//! A demo that is over, from its folder: the same show, derived from the same journals.

use crate::demo::{DemoError, Inner, TICK};
use crate::history::History;
use crate::page;
use crate::show::{Ended, Message, Mode, Show, Side, Sides};
use crate::web;
use driver::{JOURNAL_FILE, Scratch};
use journal::{Entry, JournalError, Reader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

type Journal = Reader<BufReader<File>>;

/// A recorded demo that is served.
pub struct Replay {
    url: String,
    server: web::Served,
    damage: Vec<String>,
}

/// A segment of a demo as one file.
pub struct Exported {
    /// The HTML, which needs nothing and nobody.
    pub page: String,
    /// What is wrong with its journals, in sentences: they were read as far as they can be.
    pub damage: Vec<String>,
}

/// A segment that was played through.
struct Played {
    show: Show,
    ended: Sides<Option<Ended>>,
    damage: Vec<String>,
}

impl Replay {
    /// Serves a segment of a demo from its folder: the last one, or the one that is named.
    ///
    /// # Errors
    /// When the folder holds no demo, or the port is taken.
    pub async fn start(
        dir: &Path,
        segment: Option<u32>,
        port: u16,
        scratch: &Scratch,
    ) -> Result<Self, DemoError> {
        let listener = web::listen(SocketAddr::from(([127, 0, 0, 1], port)), "--port")?;
        let addr = web::addr_of(&listener)?;
        let path = scratch.path().join("history");
        let broken = |e: std::io::Error| DemoError::Recording { path: path.clone(), reason: e.to_string() };
        let mut history = History::create(&path).map_err(broken)?;
        let mut failed = None;
        let Played { mut show, damage, .. } = perform(dir, segment, |show, messages| {
            let at_us = messages.first().map_or(0, |message| message.at_us);
            let kept = match history.wants_snapshot(at_us) {
                true => history.append(&[show.snapshot(at_us)]),
                false => Ok(()),
            };
            failed = failed.take().or(kept.and_then(|()| history.append(messages)).err());
        })?;
        if let Some(e) = failed {
            return Err(broken(e));
        }
        let end_us = history.end_us();
        show.ends_at(end_us);
        let inner = Inner::of_a_recording(show, end_us, history);
        let server = web::serve(listener, &inner)?;
        Ok(Self { url: format!("http://{addr}/"), server, damage })
    }

    /// What is wrong with its journals, in sentences: they were read as far as they can be.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// What is to be opened.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A segment of a demo as one HTML file that needs nothing and nobody.
///
/// # Errors
/// When the folder holds no demo.
pub fn export(dir: &Path, segment: Option<u32>) -> Result<Exported, DemoError> {
    let mut lines = String::new();
    let Played { damage, .. } = perform(dir, segment, |show, messages| {
        if lines.is_empty() {
            let at_us = messages.first().map_or(0, |message| message.at_us);
            lines += &show.snapshot(at_us).to_line();
        }
        messages.iter().for_each(|message| lines += &message.to_line());
    })?;
    Ok(Exported { page: page::offline(&lines), damage })
}

/// What is found in a segment of a demo, as its page showed it.
///
/// # Errors
/// When the folder holds no demo.
pub fn findings(dir: &Path, segment: Option<u32>) -> Result<Sides<Option<Ended>>, DemoError> {
    perform(dir, segment, |_, _| {}).map(|played| played.ended)
}

/// Plays a segment through, tick by tick; hands over the messages of each, and what was found at the end.
fn perform(
    dir: &Path,
    segment: Option<u32>,
    mut tell: impl FnMut(&mut Show, &[Message]),
) -> Result<Played, DemoError> {
    let (number, journals) = find(dir, segment)?;
    let mut show = Show::new(Mode::Recorded, number, [journals[0].header(), journals[1].header()]);
    let mut damage = Vec::new();
    let stacks = [journals[0].header().stack, journals[1].header().stack];
    let [a, b] = journals;
    let mut sources = [a.peekable(), b.peekable()];
    let tick_us = u64::try_from(TICK.as_micros()).unwrap_or(u64::MAX);
    let mut next_us = 0;
    loop {
        let moments = sources.each_mut().map(|source| source.peek().map(moment));
        let (Some(index), Some(at_us)) = earliest(moments) else { break };
        while at_us > next_us {
            let messages = show.tick(next_us);
            tell(&mut show, &messages);
            next_us += tick_us;
        }
        let side = Side::BOTH[index];
        match sources[index].next() {
            Some(Ok(entry)) => {
                show.push(side, &entry);
            }
            Some(Err(error)) => {
                damage.push(format!("the journal of {} is not whole: {error}", stacks[index]));
                show.fail(side, &error);
            }
            None => {}
        }
    }
    let mut messages = show.tick(next_us);
    let (findings, ended) = show.finish();
    messages.push(findings);
    messages.push(show.snapshot(next_us));
    tell(&mut show, &messages);
    Ok(Played { show, ended, damage })
}

fn moment(entry: &Result<Entry, JournalError>) -> u64 {
    entry.as_ref().map_or(0, |entry| entry.event.at_us())
}

fn earliest([a, b]: [Option<u64>; 2]) -> (Option<usize>, Option<u64>) {
    match (a, b) {
        (None, None) => (None, None),
        (Some(a), Some(b)) if b < a => (Some(1), Some(b)),
        (Some(a), _) => (Some(0), Some(a)),
        (None, Some(b)) => (Some(1), Some(b)),
    }
}

/// The two journals of a segment: those of one repeat, the stateful tier's first.
fn find(dir: &Path, segment: Option<u32>) -> Result<(u32, [Journal; 2]), DemoError> {
    let wrong = |reason: String| DemoError::Recording { path: dir.to_owned(), reason };
    let folders = std::fs::read_dir(dir).map_err(|e| wrong(e.to_string()))?;
    let mut paths: Vec<PathBuf> =
        folders.filter_map(|entry| Some(entry.ok()?.path().join(JOURNAL_FILE))).collect();
    paths.sort();
    let mut segments: BTreeMap<u32, Vec<Journal>> = BTreeMap::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let file = File::open(&path).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        let reader =
            Reader::new(BufReader::new(file)).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        segments.entry(reader.header().repeat).or_default().push(reader);
    }
    let last = segments.keys().next_back().copied();
    let number = segment
        .or(last)
        .ok_or_else(|| wrong("no demo is kept here; name a folder that 'lab demo' left".to_owned()))?;
    let journals = segments.remove(&number).unwrap_or_default();
    let many = journals.len();
    let pair: Result<[Journal; 2], _> = journals.try_into();
    let mut pair =
        pair.map_err(|_| wrong(format!("segment {number} has {many} journals, and a demo has two")))?;
    pair.sort_by_key(|reader| !reader.header().stack.is_stateful());
    Ok((number, pair))
}
