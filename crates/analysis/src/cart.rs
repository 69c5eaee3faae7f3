//! The lines of one session's cart, as its answers show them: lost writes, lost updates, and the session guarantees.
//!
//! An acknowledged line is *owed*: every later answer that shows the cart must hold it, until the shopper checks out. It is
//! **lost** when the last answer that could have shown it does not hold it:
//!
//! - for a line that is owed when the load ends, that is the final read;
//! - for one that was checked out, or whose session ended, it is the last look before that.
//!
//! A request shows nothing of what was acknowledged after it was sent. A write of unknown outcome may take effect at any later
//! time, or never: its line is never lost, and *recovered* once it is seen. A check-out of unknown outcome may clear the cart at
//! any later time too: from then on no line of this session is owed, neither the ones before it nor the ones after it; what was
//! missing already stays missing.
//!
//! # Tabs
//!
//! A shopper's tabs share one session and overlap in time. Of two requests the earlier one is known only when it was answered
//! before the other was sent; whatever needs an order and has none is no finding. So a line may have been cleared by a check-out
//! that overlaps it, and a look that overlaps a check-out, a log-out or a log-in tells nothing.
//!
//! # Lost update
//!
//! Two acknowledged writes of one session overlap in time and name the *same* version in their answers: both were made from
//! the version before it. (Or one names a lower version than the other, which does not know of it: it began even earlier.) When
//! the effect of one is gone, that is a **lost update** and not a lost write. Retries name no version, for they may have written
//! nothing. What such a pair does to other looks is told as the lost update that it is, and as nothing else.
//!
//! # The session guarantees (Terry 1994)
//!
//! Terry's client does one thing after the other, and that is a *tab*. L is a line that is *known*: acknowledged, or seen once by a
//! read. A look (an answer that shows the cart) does not hold it:
//!
//! | finding | reading |
//! |---|---|
//! | `read_your_writes` | the tab wrote L itself, got its acknowledgement before it sent this request, and had not read L yet; a later look holds L |
//! | `non_monotonic_read` | a read of this tab held L before; a later look holds L, or L's outcome was never known (else it is lost) |
//! | `monotonic_writes` | the look holds a line that L's own tab wrote after L's acknowledgement; or lists it before L |
//! | `writes_follow_reads` | the look holds a line that some tab wrote after a read of that tab had held L |
//! | `stale_read` | L was known before this request was sent, to other tabs only; a later look holds L |
//!
//! *Later* means sent after this look was answered. Of one line the most specific is told, once. A line that is never seen again
//! is lost, and one that goes with its session is a part of that loss: a killed server breaks no read-your-writes.
//!
//! Read-your-writes is available "so long as clients never change which server they talk to" (jepsen.io): that sentence *is*
//! sticky routing, and a killed server forces the change.

mod fork;
mod line;

pub(crate) use self::fork::Fork;
use self::fork::ForkWatch;
use self::line::{Latest, Line};
pub(crate) use self::line::{Miss, Write};
use crate::anomaly::AnomalyKind;
use crate::answer::{Moment, Reply};
use crate::session::{End, Watch};

/// An acknowledged line that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostLine {
    /// Its operation.
    pub(crate) op: Box<str>,
    /// When it was acknowledged.
    pub(crate) acknowledged: Moment,
    /// The first and the last look in a row that did not hold it.
    pub(crate) missing: (Moment, Moment),
    /// The write that was made from the same version, if one explains the loss.
    pub(crate) rival: Option<Moment>,
}

/// What one look into the cart shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look<'a> {
    /// Every known line is there.
    pub(crate) intact: bool,
    /// Lines of unknown outcome that are seen for the first time.
    pub(crate) recovered: u64,
    /// Operations that are held more than once.
    pub(crate) twice: Vec<&'a str>,
    /// Operations that are no line of this cart, as far as its shopper knows.
    pub(crate) strange: Vec<&'a str>,
}

/// An acknowledged check-out.
#[derive(Clone, Copy, Debug)]
struct CheckOut {
    at: Moment,
    version: Option<u64>,
}

/// A cart as far as the answers have told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cart {
    lines: Vec<Line>,
    lost: Vec<LostLine>,
    broken: Vec<(Box<str>, Miss)>,
    fork: ForkWatch,
    verified: u64,
    looked_sent_us: Option<u64>,
    finally_looked: bool,
    check_out_may_come: bool,
    check_out: Option<CheckOut>,
}

/// What became of the acknowledged lines of a session, once it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Those that are gone although their session lived.
    pub(crate) lost: Vec<LostLine>,
    /// Those that came back, or were never promised, with what was broken.
    pub(crate) broken: Vec<(Box<str>, Miss)>,
    /// How many were looked for, the lost ones included.
    pub(crate) verified: u64,
}

impl Cart {
    /// The shopper asked for a line, and got a yes or nothing that tells.
    pub(crate) fn adds(&mut self, write: &Write<'_>) {
        let rival = self.rivals(write);
        if let Some(line) = self.lines.iter_mut().find(|line| *line.op == *write.op) {
            // What an earlier try had added, a check-out since may have cleared, and this one need not add it again.
            line.may_be_gone |= self.check_out.is_some_and(|last| line.sent_us < last.at.at_us);
            line.tried(write);
            return;
        }
        let mut line = Line::new(write, self.check_out_may_come || write.tried_before);
        line.rival = rival;
        if let Some(last) = self.check_out.filter(|last| write.reply.sent_us < last.at.at_us) {
            if line.acknowledged.is_some() && line.version.is_some() && line.version == last.version {
                line.rival = Some(last.at);
            } else {
                line.may_be_gone = true;
            }
        }
        self.lines.push(line);
    }

    /// Marks the lines that this write may have overwritten; answers one that was written from the same version.
    fn rivals(&mut self, write: &Write<'_>) -> Option<Moment> {
        let Write { acknowledged: true, retry: false, reply, .. } = *write else { return None };
        let (version, mut rival) = (reply.version?, None);
        let across = self.check_out.is_some_and(|last| reply.sent_us < last.at.at_us);
        for line in &mut self.lines {
            let (Some(theirs), Some(at)) = (line.version, line.acknowledged) else { continue };
            if at.at_us <= reply.sent_us {
                continue;
            }
            let unaware = !across && write.sighted.is_none_or(|sighted| sighted.at.seq > at.seq);
            if theirs == version {
                rival = Some(at);
            }
            if theirs == version || (theirs > version && unaware) {
                line.rival.get_or_insert(reply.at);
            }
        }
        rival
    }

    /// An answer shows the cart.
    pub(crate) fn shows<'a>(&mut self, reply: &Reply, final_read: bool, ops: &'a [String]) -> Look<'a> {
        let mut look = Look { intact: true, ..Look::default() };
        let across = self.check_out.is_some_and(|last| reply.sent_us < last.at.at_us);
        let (mut latest, mut order, mut next, mut highest) = (Latest::default(), None, 0, None);
        for op in ops {
            let Some(index) = self.find(op, next) else {
                let seen = look.strange.contains(&op.as_str());
                if seen { &mut look.twice } else { &mut look.strange }.push(op);
                continue;
            };
            next = index + 1;
            let line = &mut self.lines[index];
            if std::mem::replace(&mut line.held_by, reply.at.seq) == reply.at.seq {
                look.twice.push(op);
                continue;
            }
            look.recovered += std::mem::take(&mut line.unknown_tries);
            if across || self.check_out_may_come {
                line.missing = None;
                continue;
            }
            if let Some(due) = line.acknowledged.filter(|at| latest.of(line.tab) >= Some(at.at_us)) {
                let kind = AnomalyKind::MonotonicWrites;
                line.breaks(Miss { kind, at: reply.at, due, again: Some(reply.at) });
            }
            latest.add(line.tab, line.sent_us);
            line.is_held(reply);
            if reply.is_read && self.fork.is_of_last_read(line.read_by) {
                match highest {
                    Some((before, other)) if before > line.place && order.is_none() => {
                        order = Some([other, index])
                    }
                    Some((before, _)) if before > line.place => {}
                    _ => highest = Some((line.place, index)),
                }
            }
        }
        if !across {
            self.misses(reply, &latest, order, ops, &mut look);
        }
        self.looked_sent_us = self.looked_sent_us.max(Some(reply.sent_us));
        self.finally_looked |= final_read;
        look
    }

    fn misses(
        &mut self,
        reply: &Reply,
        latest: &Latest,
        order: Option<[usize; 2]>,
        ops: &[String],
        look: &mut Look<'_>,
    ) {
        for line in self.lines.iter_mut().filter(|line| line.held_by != reply.at.seq) {
            line.is_not_held(reply, latest);
            look.intact &= !line.expected(reply.sent_us);
        }
        if !reply.is_read || self.check_out_may_come {
            return;
        }
        let order = order.map(|pair| pair.map(|index| self.lines[index].op.clone()));
        self.fork.reads(reply, &self.lines, order);
        let mut next = 0;
        for (place, op) in ops.iter().enumerate() {
            let Some(index) = self.find(op, next) else { continue };
            next = index + 1;
            let line = &mut self.lines[index];
            if std::mem::replace(&mut line.read_by, reply.at.seq) != reply.at.seq {
                line.place = place;
            }
        }
    }

    /// Lines stand in the order in which they were added, so the next one is nearly always the one.
    fn find(&self, op: &str, next: usize) -> Option<usize> {
        match self.lines.get(next) {
            Some(line) if *line.op == *op => Some(next),
            _ => self.lines.iter().position(|line| *line.op == *op),
        }
    }

    /// The check-out was acknowledged: what was known before it was sent is paid for and gone. What was written at the same
    /// time may be; a write of unknown outcome may still come.
    pub(crate) fn checked_out(&mut self, reply: &Reply, watch: Watch) {
        self.excuse(reply.sent_us);
        let before = |at: Option<Moment>| at.is_some_and(|at| at.at_us <= reply.sent_us);
        let lines = std::mem::take(&mut self.lines);
        let (cleared, mut kept): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| before(line.acknowledged) || before(line.seen));
        self.settle(cleared, reply.sent_us, watch);
        for line in &mut kept {
            line.missing = None;
            line.pending = None;
            if line.acknowledged.is_none() && line.seen.is_none() {
                continue;
            }
            if line.version.is_some() && line.version == reply.version {
                line.rival = Some(reply.at);
            } else {
                line.may_be_gone = true;
            }
        }
        self.lines = kept;
        self.fork.forget();
        self.check_out = Some(CheckOut { at: reply.at, version: reply.version });
    }

    /// Nobody knows whether the check-out happened, or will.
    pub(crate) fn maybe_checked_out(&mut self, reply: &Reply) {
        self.excuse(reply.sent_us);
        self.check_out_may_come = true;
        self.fork.forget();
        for line in &mut self.lines {
            line.may_be_gone = true;
            line.pending = None;
        }
    }

    /// A request that clears the cart, or ends it, was on its way since then: what went missing later may be its doing.
    fn excuse(&mut self, since_us: u64) {
        self.lost.retain(|lost| lost.missing.0.at_us <= since_us);
        self.broken.retain(|(_, miss)| miss.again.is_some() || miss.at.at_us <= since_us);
        for line in &mut self.lines {
            line.missing = line.missing.filter(|(first, _)| first.at_us <= since_us);
        }
    }

    /// Nothing that shows itself after `by_us` counts against these lines.
    fn settle(&mut self, lines: Vec<Line>, by_us: u64, watch: Watch) {
        for line in lines {
            let missing = line.missing.filter(|(first, _)| first.at_us <= by_us);
            let Some(acknowledged) = line.acknowledged else {
                let vanished = line.pending.filter(|miss| {
                    missing.is_some()
                        && ![AnomalyKind::ReadYourWrites, AnomalyKind::StaleRead].contains(&miss.kind)
                });
                self.broken.extend(line.broken.or(vanished).map(|miss| (line.op, miss)));
                continue;
            };
            let since_us = watch.t0_us().unwrap_or(0).max(acknowledged.at_us);
            let looked_for = self.looked_sent_us.is_some_and(|sent_us| sent_us >= since_us);
            self.verified += u64::from(looked_for || missing.is_some());
            if let Some(missing) = missing {
                self.lost.push(LostLine { op: line.op, acknowledged, missing, rival: line.rival });
            } else if line.rival.is_none() {
                self.broken.extend(line.broken.map(|miss| (line.op, miss)));
            }
        }
    }

    /// The session is over, and it lived.
    pub(crate) fn settled(mut self, end: End, watch: Watch) -> Settled {
        self.excuse(end.by_us());
        let mut lines = std::mem::take(&mut self.lines);
        if end == End::Journal && !self.finally_looked {
            // What is missing may yet come back; nobody looked.
            lines.retain_mut(|line| {
                line.missing = None;
                line.broken.is_some()
            });
        }
        self.settle(lines, end.by_us(), watch);
        Settled { lost: self.lost, broken: self.broken, verified: self.verified }
    }

    /// Two histories of this cart, if it has two.
    pub(crate) fn fork(&self) -> Option<Fork> {
        self.fork.settled(&self.lines).cloned()
    }

    /// The session is over, and it was lost: the acknowledgements of the lines that went with it.
    pub(crate) fn gone(&self) -> impl Iterator<Item = Moment> {
        let owed = self.lines.iter().filter(|line| !line.may_be_gone || line.missing.is_some());
        owed.filter_map(|line| line.acknowledged).chain(self.lost.iter().map(|line| line.acknowledged))
    }

    /// How many of the lines that were checked out before had been looked for.
    pub(crate) fn verified_before(&self) -> u64 {
        self.verified - self.lost.len() as u64
    }

    /// How many acknowledged lines the shopper is owed.
    pub(crate) fn owed(&self) -> usize {
        self.lines.iter().filter(|line| line.acknowledged.is_some() && !line.may_be_gone).count()
    }

    /// Acknowledged lines that the latest look did not hold.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(|line| line.missing.is_some()).map(|line| &*line.op)
    }

    /// How often an operation was tried, and whether every try had a key that was to prevent a second effect.
    pub(crate) fn tries(&self, op: &str) -> (u32, bool) {
        let line = self.lines.iter().find(|line| *line.op == *op);
        line.map_or((1, false), |line| (line.tries, line.idempotent))
    }
}
