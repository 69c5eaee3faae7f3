//! Duties towards writers who meet: compare and set, and last write wins.

use super::{Fixture, LONG, Wait, fresh_key, loaded, on_a_thread};
use crate::{Expect, SessionStore, WriteError};

/// The increments of [`sixty_four_concurrent_increments_lose_nothing`], and the threads that share them.
const INCREMENTS: usize = 64;
const WRITERS: usize = 16;

/// `Expect::Version` that is met writes.
pub async fn the_expected_version_is_written_over<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().compare_and_set {
        return;
    }
    let key = fresh_key();
    store.create(&key, b"one").await.unwrap();
    assert_eq!(store.update(&key, b"two", Expect::Version(1)).await.unwrap(), 2);
    assert_eq!(store.update(&key, b"three", Expect::Version(2)).await.unwrap(), 3);
    assert_eq!(loaded(&store, &key).await.payload, b"three");
}

/// `Expect::Version` that is not met refuses, whether it is too old or from the future. A store that cannot compare lets it pass,
/// and the write that came between is lost.
pub async fn a_stale_version_is_a_conflict_and_changes_nothing<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"one").await.unwrap();
    store.update(&key, b"two", Expect::Any).await.unwrap();
    if !store.capabilities().compare_and_set {
        store.update(&key, b"from one", Expect::Version(1)).await.unwrap();
        assert_eq!(loaded(&store, &key).await.payload, b"from one");
        return;
    }
    for wrong in [0, 1, 3, u64::from(u32::MAX)] {
        let written = store.update(&key, b"lost", Expect::Version(wrong)).await;
        assert!(matches!(written, Err(WriteError::Conflict)), "version {wrong}: {written:?}");
    }
    let stored = loaded(&store, &key).await;
    assert_eq!((stored.payload.as_slice(), stored.version), (b"two".as_slice(), 2));
}

/// Gone comes before conflict: a client that retries a conflict must learn that there is nothing to retry.
pub async fn whatever_is_expected_an_absent_session_is_gone<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    for expect in [Expect::Any, Expect::Version(0), Expect::Version(1), Expect::Version(7)] {
        let written = store.update(&fresh_key(), b"state", expect).await;
        assert!(matches!(written, Err(WriteError::Gone)), "{expect:?}: {written:?}");
    }
}

/// `Expect::Any` writes over whatever is there.
pub async fn without_expectation_the_last_writer_wins<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"start").await.unwrap();
    assert_eq!(store.update(&key, b"first", Expect::Any).await.unwrap(), 2);
    assert_eq!(store.update(&key, b"last", Expect::Any).await.unwrap(), 3);
    assert_eq!(loaded(&store, &key).await.payload, b"last");
}

/// Sixteen threads write over version 1 at once.
pub async fn of_writers_from_one_version_exactly_one_wins<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().compare_and_set {
        return;
    }
    let key = fresh_key();
    store.create(&key, b"start").await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (store, key) = (store.clone(), key.clone());
            on_a_thread(async move {
                let payload = format!("writer {number}").into_bytes();
                match store.update(&key, &payload, Expect::Version(1)).await {
                    Ok(version) => Some((version, payload)),
                    Err(WriteError::Conflict) => None,
                    Err(other) => panic!("an update failed: {other}"),
                }
            })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        winners.extend(writer.await);
    }
    let stored = loaded(&store, &key).await;
    assert_eq!(winners, [(stored.version, stored.payload)]);
}

/// A counter raised by load and compare-and-set, each retrying on conflict: every acknowledged increment is there.
pub async fn sixty_four_concurrent_increments_lose_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().compare_and_set {
        return;
    }
    let key = fresh_key();
    store.create(&key, b"0").await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, key) = (store.clone(), key.clone());
            on_a_thread(async move {
                let wait = Wait::until("every increment was acknowledged");
                let mut left = INCREMENTS / WRITERS;
                while left > 0 {
                    wait.goes_on();
                    let stored = loaded(&store, &key).await;
                    let count: usize = std::str::from_utf8(&stored.payload).unwrap().parse().unwrap();
                    let raised = (count + 1).to_string();
                    match store.update(&key, raised.as_bytes(), Expect::Version(stored.version)).await {
                        Ok(_) => left -= 1,
                        Err(WriteError::Conflict) => {}
                        Err(other) => panic!("an update failed: {other}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await;
    }
    let stored = loaded(&store, &key).await;
    assert_eq!(stored.payload, INCREMENTS.to_string().into_bytes());
    assert_eq!(stored.version, 1 + INCREMENTS as u64);
}
