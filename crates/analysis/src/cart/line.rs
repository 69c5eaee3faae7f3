//! One line of a cart, and what a look that does not hold it may break. The definitions of the session guarantees are
//! [here](super).

use crate::anomaly::AnomalyKind;
use crate::answer::{Moment, Reply};

/// A write that was to add a line, with its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) op: &'a str,
    pub(crate) reply: Reply,
    pub(crate) acknowledged: bool,
    /// It is another try of an operation that was tried before.
    pub(crate) retry: bool,
    /// An earlier try may have happened: with an idempotency key, this one may have had no effect.
    pub(crate) tried_before: bool,
    pub(crate) idempotent: bool,
    /// Another tab's answer showed it before its own did.
    pub(crate) sighted: Option<Reply>,
}

/// A look that lacked a line which it should have held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    pub(crate) kind: AnomalyKind,
    /// The look.
    pub(crate) at: Moment,
    /// Why the line was due: its acknowledgement, or the read that had shown it.
    pub(crate) due: Moment,
    /// The later look that held it.
    pub(crate) again: Option<Moment>,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) op: Box<str>,
    /// The tab that wrote it.
    pub(super) tab: u32,
    /// When its first try was sent.
    pub(super) sent_us: u64,
    /// `None`: the outcome of the write is unknown.
    pub(super) acknowledged: Option<Moment>,
    /// The version that its acknowledgement named; none for a retry, which may have written nothing.
    pub(super) version: Option<u64>,
    pub(super) tries: u32,
    pub(super) idempotent: bool,
    /// Tries of unknown outcome that no answer has shown the line after.
    pub(super) unknown_tries: u64,
    /// Since when it is known by having been seen.
    pub(super) seen: Option<Moment>,
    /// The first read of each tab that showed it.
    pub(super) readers: Vec<(u32, Moment)>,
    /// A check-out of unknown outcome, or one at the same time, may have cleared it.
    pub(super) may_be_gone: bool,
    /// The first and the latest look in a row that did not hold it.
    pub(super) missing: Option<(Moment, Moment)>,
    /// The look that held it latest, so that a second copy is told.
    pub(super) held_by: u64,
    /// The read that held it latest, and where.
    pub(super) read_by: u64,
    pub(super) place: usize,
    /// An acknowledged write that began from the same version.
    pub(super) rival: Option<Moment>,
    /// A guarantee that is broken if the line is seen again.
    pub(super) pending: Option<Miss>,
    /// A guarantee that was broken.
    pub(super) broken: Option<Miss>,
}

impl Line {
    pub(super) fn new(write: &Write<'_>, may_be_gone: bool) -> Self {
        let mut line = Self {
            op: write.op.into(),
            tab: write.reply.tab,
            sent_us: write.reply.sent_us,
            acknowledged: None,
            version: None,
            tries: u32::from(write.retry),
            idempotent: write.idempotent,
            unknown_tries: 0,
            seen: write.sighted.filter(|sighted| sighted.is_read).map(|sighted| sighted.at),
            readers: Vec::new(),
            may_be_gone,
            missing: None,
            held_by: 0,
            read_by: 0,
            place: 0,
            rival: None,
            pending: None,
            broken: None,
        };
        line.tried(write);
        line
    }

    /// Another try has its outcome.
    pub(super) fn tried(&mut self, write: &Write<'_>) {
        self.tries += 1;
        self.idempotent &= write.idempotent;
        // What had shown before its own outcome is counted with that.
        self.unknown_tries += u64::from(!write.acknowledged && write.sighted.is_none());
        if write.acknowledged && self.acknowledged.is_none() {
            self.acknowledged = Some(write.reply.at);
            self.version = write.reply.version.filter(|_| self.tries == 1);
        }
    }

    /// Known to a request sent then, and not cleared.
    pub(super) fn expected(&self, sent_us: u64) -> bool {
        let known = |at: Moment| at.at_us <= sent_us;
        !self.may_be_gone && (self.acknowledged.is_some_and(known) || self.seen.is_some_and(known))
    }

    /// A look holds it.
    pub(super) fn is_held(&mut self, reply: &Reply) {
        self.missing = None;
        if reply.is_read || self.acknowledged.is_none() {
            self.seen.get_or_insert(reply.at);
        }
        if reply.is_read && self.readers.iter().all(|(tab, _)| *tab != reply.tab) {
            self.readers.push((reply.tab, reply.at));
        }
        if let Some(miss) = self.pending.filter(|miss| miss.at.at_us <= reply.sent_us) {
            self.pending = None;
            self.breaks(Miss { again: Some(reply.at), ..miss });
        }
    }

    /// A look does not hold it.
    pub(super) fn is_not_held(&mut self, reply: &Reply, latest: &Latest) {
        if self.may_be_gone {
            return;
        }
        if self.expected(reply.sent_us) {
            self.missing = Some((self.missing.map_or(reply.at, |(first, _)| first), reply.at));
        }
        if let Some(miss) = self.miss(reply, latest)
            && self.pending.is_none_or(|pending| miss.kind < pending.kind)
        {
            self.pending = Some(miss);
        }
    }

    pub(super) fn breaks(&mut self, miss: Miss) {
        if self.broken.is_none_or(|broken| miss.kind < broken.kind) {
            self.broken = Some(miss);
        }
    }

    /// The most specific guarantee that this look breaks by not holding the line.
    fn miss(&self, reply: &Reply, latest: &Latest) -> Option<Miss> {
        let before = |at: &Moment| at.at_us <= reply.sent_us;
        let read = self.readers.iter().find(|(tab, at)| *tab == reply.tab && before(at));
        let own = self.acknowledged.filter(|at| self.tab == reply.tab && before(at));
        let earlier = self.acknowledged.filter(|at| latest.of(self.tab) >= Some(at.at_us));
        let followed = self.readers.iter().find(|(tab, at)| latest.of(*tab) >= Some(at.at_us));
        let known = self.acknowledged.filter(before).or(self.seen.filter(before));
        let (kind, due) = match (own, read, earlier, followed, known) {
            (Some(own), None, ..) => (AnomalyKind::ReadYourWrites, own),
            (_, Some((_, read)), ..) => (AnomalyKind::NonMonotonicRead, *read),
            (_, _, Some(earlier), ..) => (AnomalyKind::MonotonicWrites, earlier),
            (_, _, _, Some((_, followed)), _) => (AnomalyKind::WritesFollowReads, *followed),
            (.., Some(known)) => (AnomalyKind::StaleRead, known),
            _ => return None,
        };
        Some(Miss { kind, at: reply.at, due, again: None })
    }
}

/// When the latest of the lines that a look holds was sent, for each tab that wrote some.
#[derive(Debug, Default)]
pub(super) struct Latest(Vec<(u32, u64)>);

impl Latest {
    pub(super) fn add(&mut self, tab: u32, sent_us: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == tab) {
            Some((_, latest)) => *latest = (*latest).max(sent_us),
            None => self.0.push((tab, sent_us)),
        }
    }

    pub(super) fn of(&self, tab: u32) -> Option<u64> {
        self.0.iter().find(|(known, _)| *known == tab).map(|(_, sent_us)| *sent_us)
    }
}
