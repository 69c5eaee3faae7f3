//! How figures read in a sentence.

use crate::anomaly::Absence;

/// `12.345 s`.
pub(crate) fn seconds(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1_000)
}

/// `1 answer`, `7 answers`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// How an absent session showed itself.
pub(crate) fn how(absence: Absence) -> &'static str {
    match absence {
        Absence::Loud => "401 no_session",
        Absence::Silent => "200 with an empty session",
    }
}

/// How an operation that shows twice had been tried, where that tells something: how often, and whether with a key each time.
pub(crate) fn tries((tries, keyed): (u32, bool)) -> String {
    match (tries, keyed) {
        (0 | 1, true) => ", although it was sent with an idempotency key".to_owned(),
        (0 | 1, false) => String::new(),
        (n, true) => {
            format!("; it was tried {n} times, each with the idempotency key that should have prevented it")
        }
        (n, false) => format!(
            "; it was tried {n} times, without an idempotency key, so that nothing could have prevented it"
        ),
    }
}
