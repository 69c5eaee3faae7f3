//! The lost-write check: the lines of one session's cart, as its answers show them.
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

use crate::answer::Moment;
use crate::session::{End, Watch};

/// One line.
#[derive(Clone, Debug)]
struct Line {
    op: Box<str>,
    /// `None`: the outcome of the write is unknown.
    acknowledged: Option<Moment>,
    /// An answer showed it.
    seen: bool,
    /// A check-out of unknown outcome may have cleared it.
    may_be_gone: bool,
    /// The first and the latest look in a row that did not hold it.
    missing: Option<(Moment, Moment)>,
    /// The look that held it latest, so that a second copy is told.
    held_by: u64,
}

impl Line {
    /// Known and not cleared: acknowledged, or seen once.
    fn expected(&self, sent_us: u64) -> bool {
        !self.may_be_gone && self.acknowledged.map_or(self.seen, |at| at.at_us <= sent_us)
    }
}

/// An acknowledged line that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostLine {
    /// Its operation.
    pub(crate) op: Box<str>,
    /// When it was acknowledged.
    pub(crate) acknowledged: Moment,
    /// The first and the last look in a row that did not hold it.
    pub(crate) missing: (Moment, Moment),
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

/// A cart as far as the answers have told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cart {
    lines: Vec<Line>,
    lost: Vec<LostLine>,
    verified: u64,
    looked_sent_us: Option<u64>,
    finally_looked: bool,
    check_out_may_come: bool,
}

/// What became of the acknowledged lines of a session, once it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Those that are gone although their session lived.
    pub(crate) lost: Vec<LostLine>,
    /// How many were looked for, the lost ones included.
    pub(crate) verified: u64,
}

impl Cart {
    /// The shopper asked for a line, and got a yes or nothing that tells.
    pub(crate) fn adds(&mut self, op: &str, acknowledged: Option<Moment>) {
        self.lines.push(Line {
            op: op.into(),
            acknowledged,
            seen: false,
            may_be_gone: self.check_out_may_come,
            missing: None,
            held_by: 0,
        });
    }

    /// An answer to a request sent at `sent_us` shows the cart.
    pub(crate) fn shows<'a>(
        &mut self,
        at: Moment,
        sent_us: u64,
        final_read: bool,
        ops: &'a [String],
    ) -> Look<'a> {
        let mut look = Look { intact: true, ..Look::default() };
        let mut next = 0;
        for op in ops {
            match self.find(op, next) {
                Some(place) => {
                    let line = &mut self.lines[place];
                    if line.held_by == at.seq {
                        look.twice.push(op);
                    } else if line.acknowledged.is_none() && !line.seen {
                        look.recovered += 1;
                    }
                    line.seen = true;
                    line.held_by = at.seq;
                    line.missing = None;
                    next = place + 1;
                }
                None if look.strange.contains(&op.as_str()) => look.twice.push(op),
                None => look.strange.push(op),
            }
        }
        for line in self.lines.iter_mut().filter(|line| line.held_by != at.seq && line.expected(sent_us)) {
            line.missing = Some((line.missing.map_or(at, |(first, _)| first), at));
            look.intact = false;
        }
        self.looked_sent_us = Some(sent_us);
        self.finally_looked |= final_read;
        look
    }

    /// Lines stand in the order in which they were added, so the next one is nearly always the one.
    fn find(&self, op: &str, next: usize) -> Option<usize> {
        match self.lines.get(next) {
            Some(line) if &*line.op == op => Some(next),
            _ => self.lines.iter().position(|line| &*line.op == op),
        }
    }

    /// The check-out was acknowledged: what was there is paid for and gone. A write of unknown outcome may still come.
    pub(crate) fn checked_out(&mut self, watch: Watch) {
        self.settle(End::Shopper, watch);
        self.lines.retain(|line| line.acknowledged.is_none() && !line.seen);
    }

    /// Nobody knows whether the check-out happened, or will.
    pub(crate) fn maybe_checked_out(&mut self) {
        self.check_out_may_come = true;
        for line in &mut self.lines {
            line.may_be_gone = true;
        }
    }

    fn settle(&mut self, end: End, watch: Watch) {
        if end == End::Journal && !self.finally_looked {
            return; // What is missing may yet come back; nobody looked.
        }
        for line in &self.lines {
            let Some(acknowledged) = line.acknowledged else { continue };
            if let Some(missing) = line.missing {
                self.lost.push(LostLine { op: line.op.clone(), acknowledged, missing });
            }
            let since_us = watch.t0_us().unwrap_or(0).max(acknowledged.at_us);
            let looked_for = self.looked_sent_us.is_some_and(|sent_us| sent_us >= since_us);
            self.verified += u64::from(looked_for || line.missing.is_some());
        }
    }

    /// The session is over, and it lived.
    pub(crate) fn settled(mut self, end: End, watch: Watch) -> Settled {
        self.settle(end, watch);
        Settled { lost: self.lost, verified: self.verified }
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
}
