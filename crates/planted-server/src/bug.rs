//! The crimes, by the names of the anomalies; and one that only a probe can meet.

/// What is done to one shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Bug {
    /// Nothing: the control.
    None,
    /// A read is given the session that was written last by somebody else.
    CrossUserLeak,
    /// The third write brings a line along that nobody wrote.
    Phantom,
    /// The third write is refused, and happens.
    AbortedRead,
    /// A log-out is acknowledged and ignored.
    ResurrectedSession,
    /// The state is sealed into the cookie, and an old one is as good as a new one.
    ReplayedCookie,
    /// The third write adds its line twice.
    DuplicateEffect,
    /// Reads in turn show all but the last line, and all but the one before it.
    ForkedSession,
    /// The session is dropped after the third write.
    LostSession,
    /// The third write is acknowledged and dropped.
    LostWrite,
    /// Whoever writes last overwrites: start it with that conflict policy.
    LostUpdate,
    /// The first read after a write shows what was before it.
    ReadYourWrites,
    /// The second read after a write shows what was before it.
    NonMonotonicRead,
    /// The fourth write puts its line before the one of the third.
    MonotonicWrites,
    /// The first read after the fourth write lacks the line of the third.
    WritesFollowReads,
    /// The first read after the third write finds no session.
    MisroutedSession,
    /// The first read after a write shows what was before it; when another tab reads, that is all that is wrong.
    StaleRead,
    /// A log-in brings a new id, and the old one is the new session too: what was planted before is worth everything after.
    FixedId,
}
