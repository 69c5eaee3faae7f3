//! Duties of `renew`: one atomic step from the old key to the new one.

use super::{Fixture, LONG, Wait, fresh_key, is_alive, loaded, on_a_thread};
use crate::{Expect, SessionStore, StoreKey, WriteError};

/// The new key has the new state at the next version; the old key is dead, for reads and for writes. Where nothing can be revoked, it
/// lives on as a fork of the session.
pub async fn renewal_moves_the_session_and_kills_the_old_key<F: Fixture>(fixture: &F) {
    let (store, old, new) = (fixture.open(LONG).await, fresh_key(), fresh_key());
    store.create(&old, b"guest").await.unwrap();
    assert_eq!(store.renew(&old, &new, b"user", Expect::Any).await.unwrap(), 2);
    let stored = loaded(&store, &new).await;
    assert_eq!((stored.payload.as_slice(), stored.version), (b"user".as_slice(), 2));
    let late = store.update(&old, b"late", Expect::Any).await;
    if store.capabilities().revokes {
        assert!(matches!(late, Err(WriteError::Gone)), "{late:?}");
        assert!(!is_alive(&store, &old).await, "the old key lives on");
    } else {
        assert_eq!(late.unwrap(), 2, "the guest's session goes on beside the user's");
        assert_eq!(loaded(&store, &old).await.payload, b"late");
    }
    assert_eq!(loaded(&store, &new).await.payload, b"user");
}

/// No login for a session that was logged out, or never was.
pub async fn renewal_of_what_is_gone_is_refused_and_creates_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    let deleted = fresh_key();
    store.create(&deleted, b"state").await.unwrap();
    store.delete(&deleted).await.unwrap();
    let mut absent = vec![fresh_key()];
    if store.capabilities().revokes {
        absent.push(deleted);
    } else {
        let new = fresh_key();
        store.renew(&deleted, &new, b"state", Expect::Any).await.unwrap();
        assert!(is_alive(&store, &new).await, "logged in with a session that was logged out");
    }
    for old in absent {
        for expect in [Expect::Any, Expect::Version(1)] {
            let new = fresh_key();
            let renewed = store.renew(&old, &new, b"state", expect).await;
            assert!(matches!(renewed, Err(WriteError::Gone)), "{expect:?}: {renewed:?}");
            assert!(!is_alive(&store, &new).await, "a refused renewal created a session");
        }
    }
}

/// `renew` honours `Expect::Version` as `update` does.
pub async fn renewal_from_a_stale_version_is_a_conflict_and_changes_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().compare_and_set {
        return;
    }
    let (old, new) = (fresh_key(), fresh_key());
    store.create(&old, b"one").await.unwrap();
    store.update(&old, b"two", Expect::Any).await.unwrap();
    let renewed = store.renew(&old, &new, b"lost", Expect::Version(1)).await;
    assert!(matches!(renewed, Err(WriteError::Conflict)), "{renewed:?}");
    assert!(!is_alive(&store, &new).await, "a refused renewal created a session");
    assert_eq!(loaded(&store, &old).await.payload, b"two");
    assert_eq!(store.renew(&old, &new, b"three", Expect::Version(2)).await.unwrap(), 3);
}

/// A new key that somebody has already is refused like `create` refuses it; nobody's session is overwritten.
pub async fn renewal_onto_a_key_that_is_taken_harms_neither_session<F: Fixture>(fixture: &F) {
    let (store, mine, yours) = (fixture.open(LONG).await, fresh_key(), fresh_key());
    if store.capabilities().client_held {
        return;
    }
    store.create(&mine, b"mine").await.unwrap();
    store.create(&yours, b"yours").await.unwrap();
    let renewed = store.renew(&mine, &yours, b"both", Expect::Any).await;
    assert!(matches!(renewed, Err(WriteError::Store(_))), "{renewed:?}");
    assert_eq!(loaded(&store, &mine).await.payload, b"mine");
    assert_eq!(loaded(&store, &yours).await.payload, b"yours");
}

/// Sixteen logins at once with one old id: one gets the session, the others learn that theirs is gone.
pub async fn of_concurrent_renewals_exactly_one_wins<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().revokes {
        return;
    }
    let old = fresh_key();
    store.create(&old, b"guest").await.unwrap();
    let rivals: Vec<_> = (0..16)
        .map(|_| {
            let (store, old, new) = (store.clone(), old.clone(), fresh_key());
            on_a_thread(async move {
                let won = match store.renew(&old, &new, b"user", Expect::Any).await {
                    Ok(_) => true,
                    Err(WriteError::Gone) => false,
                    Err(other) => panic!("a renewal failed: {other}"),
                };
                (won, new)
            })
        })
        .collect();
    let mut winners = 0;
    for rival in rivals {
        let (won, new) = rival.await;
        assert_eq!(
            is_alive(&store, &new).await,
            won,
            "a key lives exactly when its renewal was acknowledged"
        );
        winners += usize::from(won);
    }
    assert_eq!(winners, 1);
    assert!(!is_alive(&store, &old).await, "the old key lives on");
}

/// Watchers load both keys in either order while the session moves. Old dead and then new dead, or
/// new alive and then old alive, would be half of a renewal.
pub async fn no_observer_sees_both_keys_or_neither<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().revokes {
        return;
    }
    for _ in 0..16 {
        let (old, new) = (fresh_key(), fresh_key());
        store.create(&old, b"guest").await.unwrap();
        let one = on_a_thread(watch_old_then_new(store.clone(), old.clone(), new.clone()));
        let other = on_a_thread(watch_new_then_old(store.clone(), old.clone(), new.clone()));
        store.renew(&old, &new, b"user", Expect::Any).await.unwrap();
        one.await;
        other.await;
    }
}

async fn watch_old_then_new<S: SessionStore>(store: S, old: StoreKey, new: StoreKey) {
    let wait = Wait::until("the renewal killed the old key");
    while is_alive(&store, &old).await {
        wait.goes_on();
    }
    assert!(is_alive(&store, &new).await, "the old key was dead and the new one not yet alive");
}

async fn watch_new_then_old<S: SessionStore>(store: S, old: StoreKey, new: StoreKey) {
    let wait = Wait::until("the renewal brought the new key to life");
    while !is_alive(&store, &new).await {
        wait.goes_on();
    }
    assert!(!is_alive(&store, &old).await, "the new key was alive and the old one not yet dead");
}

/// What was renewed is a session like any other.
pub async fn a_renewed_session_can_be_written_and_deleted<F: Fixture>(fixture: &F) {
    let (store, mut key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"1").await.unwrap();
    for version in [2, 4, 6] {
        let next = fresh_key();
        assert_eq!(store.renew(&key, &next, b"renewed", Expect::Any).await.unwrap(), version);
        assert_eq!(store.update(&next, b"written", Expect::Any).await.unwrap(), version + 1);
        key = next;
    }
    assert_eq!(loaded(&store, &key).await.payload, b"written");
    store.delete(&key).await.unwrap();
    assert_eq!(is_alive(&store, &key).await, !store.capabilities().revokes);
}
