//! A demo that is over, from its folder: the same show, derived from the same journals.

use crate::demo::{DemoError, Inner, TICK};
use crate::history::History;
use crate::page;
use crate::show::{Ended, Message, Mode, Show, Side, Sides};
use crate::web;
use driver::{JOURNAL_FILE, Scratch};
use journal::{Entry, Event, JournalError, Reader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// No segment goes on for longer. Microseconds.
const MOST_US: u64 = 12 * 3_600_000_000;
/// No tier has more shoppers, its guests among them.
const MOST_SHOPPERS: u32 = 10_000;

type Journal = Reader<BufReader<File>>;

/// A recorded demo that is served.
pub struct Replay {
    url: String,
    server: web::Served,
    damage: Vec<String>,
}

/// A segment of a demo as one file.
#[derive(Debug)]
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
    let wrong = |reason: String| DemoError::Recording { path: dir.to_owned(), reason };
    let tick_us = u64::try_from(TICK.as_micros()).unwrap_or(u64::MAX);
    let mut next_us = 0;
    loop {
        let moments = sources.each_mut().map(|source| source.peek().map(moment));
        let (Some(index), Some(at_us)) = earliest(moments) else { break };
        if let Some(Ok(entry)) = sources[index].peek() {
            believable(entry).map_err(|why| wrong(format!("the journal of {}: {why}", stacks[index])))?;
        }
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
    let (last, ended) = show.finish();
    messages.extend(last);
    messages.push(show.snapshot(next_us));
    tell(&mut show, &messages);
    Ok(Played { show, ended, damage })
}

/// A journal may come from anybody, and its seal stands at its end: what no demo can have written is refused before it is counted on.
fn believable(entry: &Entry) -> Result<(), String> {
    let (at_us, shopper) = match &entry.event {
        Event::Step(step) => (step.done_us, step.shopper),
        event => (event.at_us(), 0),
    };
    if at_us > MOST_US {
        let hours = MOST_US / 3_600_000_000;
        return Err(format!(
            "entry {} happens after more than {hours} hours, and no demo is so long",
            entry.seq
        ));
    }
    if shopper >= MOST_SHOPPERS {
        return Err(format!("entry {} is of shopper {shopper}, and no demo has so many", entry.seq));
    }
    Ok(())
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
        let reader = match Reader::new(BufReader::new(file)) {
            Ok(reader) => reader,
            // Broken off before it began.
            Err(JournalError::Empty | JournalError::CutShort { .. }) => continue,
            Err(e) => return Err(wrong(format!("{}: {e}", path.display()))),
        };
        if reader.header().scenario.load.shoppers > MOST_SHOPPERS {
            let why = format!("more than {MOST_SHOPPERS} shoppers are announced, and no demo has so many");
            return Err(wrong(format!("{}: {why}", path.display())));
        }
        segments.entry(reader.header().repeat).or_default().push(reader);
    }
    // One that was broken off while its tiers came up is none yet.
    let last = segments.iter().rfind(|(_, journals)| journals.len() == 2).map(|(number, _)| *number);
    let first = segments.keys().next().copied();
    let number = segment
        .or(last)
        .or(first)
        .ok_or_else(|| wrong("no demo is kept here; name a folder that 'lab demo' left".to_owned()))?;
    let journals = segments.remove(&number).unwrap_or_default();
    let many = journals.len();
    let pair: Result<[Journal; 2], _> = journals.try_into();
    let mut pair =
        pair.map_err(|_| wrong(format!("segment {number} has {many} journals, and a demo has two")))?;
    pair.sort_by_key(|reader| !reader.header().stack.is_stateful());
    Ok((number, pair))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::header;
    use journal::{Batch, Header, Outcome, StepEvent, Writer};
    use scenario::{Action, Phase};
    use tempfile::TempDir;

    /// A folder of journals, as a demo leaves it.
    struct Folder(TempDir);

    impl Folder {
        fn empty() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// One that holds a whole segment.
        fn whole() -> Self {
            let folder = Self::empty();
            folder.journal(1, 1, &[looked(7)]);
            folder.journal(1, 2, &[looked(7)]);
            folder
        }

        fn journal(&self, segment: u32, order: u32, events: &[Event]) -> PathBuf {
            self.journal_of(&header(segment, order), events)
        }

        fn journal_of(&self, header: &Header, events: &[Event]) -> PathBuf {
            let dir = self.0.path().join(format!("{:03}-demo", header.order));
            std::fs::create_dir(&dir).unwrap();
            let path = dir.join(JOURNAL_FILE);
            let mut writer = Writer::new(File::create(&path).unwrap(), header).unwrap();
            let mut batch = Batch::default();
            for event in events {
                batch.append(event);
            }
            writer.write(&batch).unwrap();
            writer.seal().unwrap();
            path
        }

        fn export(&self) -> Result<Exported, String> {
            export(self.0.path(), None).map_err(|e| e.to_string())
        }
    }

    /// A shopper has looked into the cart, a second after the start.
    fn looked(shopper: u32) -> Event {
        Event::Step(StepEvent {
            shopper,
            step: 0,
            tab: 0,
            retry_of: None,
            idempotent: false,
            phase: Phase::Baseline,
            action: Action::Read,
            op: None,
            planned_us: 1_000_000,
            sent_us: Some(1_000_000),
            first_byte_us: Some(1_000_500),
            done_us: 1_001_000,
            outcome: Outcome::Ok,
            status: Some(200),
            error: None,
            server: Some("server-1.1".to_owned()),
            view: None,
            sid: None,
            new_sid: None,
        })
    }

    #[test]
    fn a_journal_that_was_cut_is_shown_as_far_as_it_goes_and_says_so() {
        assert_eq!(Folder::whole().export().unwrap().damage, Vec::<String>::new());
        let folder = Folder::empty();
        folder.journal(1, 1, &[looked(7)]);
        let path = folder.journal(1, 2, &[looked(7)]);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&path, lines[..2].join("\n") + "\n").unwrap();

        let damage = folder.export().unwrap().damage;

        assert_eq!(damage.len(), 1, "{damage:?}");
        assert!(
            damage[0].contains("stateless-sqlite") && damage[0].contains("the seal is missing"),
            "{damage:?}"
        );
        let mut said = String::new();
        perform(folder.0.path(), None, |_, messages| messages.iter().for_each(|m| said += &m.to_line()))
            .unwrap();
        assert!(said.contains("The journal is not whole: cut short after line 2"), "{said}");
    }

    #[test]
    fn what_no_demo_can_have_written_is_refused_before_it_is_counted_on() {
        let folder = Folder::empty();
        folder.journal(1, 1, &[looked(u32::MAX)]);
        folder.journal(1, 2, &[]);
        assert!(folder.export().unwrap_err().contains("shopper 4294967295"));

        let folder = Folder::empty();
        folder.journal(1, 1, &[Event::Steered { at_us: u64::MAX }]);
        folder.journal(1, 2, &[]);
        assert!(folder.export().unwrap_err().contains("more than 12 hours"));

        let folder = Folder::empty();
        let mut crowded = header(1, 1);
        crowded.scenario.load.shoppers = u32::MAX;
        folder.journal_of(&crowded, &[]);
        folder.journal(1, 2, &[]);
        assert!(folder.export().unwrap_err().contains("shoppers are announced"));
    }

    #[test]
    fn a_segment_that_was_broken_off_before_both_tiers_were_up_is_not_the_last() {
        let folder = Folder::whole();
        folder.journal(2, 3, &[]);
        std::fs::write(folder.journal(2, 4, &[]), "").unwrap();
        assert_eq!(find(folder.0.path(), None).unwrap().0, 1);
        let named = find(folder.0.path(), Some(2)).err().unwrap().to_string();
        assert!(named.contains("segment 2 has 1 journals"), "{named}");
    }
}
