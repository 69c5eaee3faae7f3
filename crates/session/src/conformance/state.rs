//! Duties of keeping state: what was written is loaded, and what is gone stays gone.

use super::{Fixture, LONG, Wait, fresh_key, is_alive, loaded, on_a_thread};
use crate::{Expect, SessionStore, StoreError, WriteError};

/// `create`, then `load`: the same bytes, at version 1.
pub async fn what_was_created_is_loaded<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"three apples").await.unwrap();
    let stored = loaded(&store, &key).await;
    assert_eq!((stored.payload.as_slice(), stored.version), (b"three apples".as_slice(), 1));
}

/// State is opaque bytes: nothing, 100 kB, every byte value. What a client holds itself is bounded, and its limit spoils nothing.
pub async fn an_empty_state_a_large_one_and_one_that_is_not_text_come_back_unharmed<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    let all_bytes: Vec<u8> = (0..=255).rev().collect();
    let large = vec![b'x'; 100_000];
    let mut payloads = vec![Vec::new(), all_bytes];
    if store.capabilities().client_held {
        too_large_a_state_is_refused_and_changes_nothing(&store, &large).await;
    } else {
        payloads.push(large);
    }
    for payload in payloads {
        let key = fresh_key();
        store.create(&key, b"before").await.unwrap();
        store.update(&key, &payload, Expect::Any).await.unwrap();
        assert!(loaded(&store, &key).await.payload == payload, "{} bytes after update", payload.len());

        let (old, new) = (fresh_key(), fresh_key());
        store.create(&old, &payload).await.unwrap();
        assert!(loaded(&store, &old).await.payload == payload, "{} bytes after create", payload.len());
        store.renew(&old, &new, &payload, Expect::Any).await.unwrap();
        assert!(loaded(&store, &new).await.payload == payload, "{} bytes after renew", payload.len());
    }
}

async fn too_large_a_state_is_refused_and_changes_nothing<S: SessionStore>(store: &S, large: &[u8]) {
    let (key, new) = (fresh_key(), fresh_key());
    let created = store.create(&key, large).await;
    assert!(matches!(created, Err(StoreError::TooLarge(_))), "{created:?}");
    assert!(!is_alive(store, &key).await, "a refused session exists");
    store.create(&key, b"before").await.unwrap();
    let updated = store.update(&key, large, Expect::Any).await;
    assert!(matches!(updated, Err(WriteError::Store(StoreError::TooLarge(_)))), "{updated:?}");
    let renewed = store.renew(&key, &new, large, Expect::Any).await;
    assert!(matches!(renewed, Err(WriteError::Store(StoreError::TooLarge(_)))), "{renewed:?}");
    assert!(!is_alive(store, &new).await, "a refused renewal created a session");
    assert_eq!(loaded(store, &key).await.payload, b"before");
}

/// `load` of an unknown key is `None`, not an error.
pub async fn what_was_never_created_is_not_found<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    assert_eq!(store.load(&fresh_key()).await.unwrap(), None);
}

/// `create` never overwrites.
pub async fn a_key_that_is_taken_is_not_created_again<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    if store.capabilities().client_held {
        return;
    }
    store.create(&key, b"first").await.unwrap();
    let second = store.create(&key, b"second").await;
    assert!(matches!(second, Err(StoreError::Corrupt(_))), "{second:?}");
    assert_eq!(loaded(&store, &key).await.payload, b"first");
}

/// Versions are 1, 2, 3: `update` returns the one that `load` then shows.
pub async fn each_update_counts_the_version_up<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"1").await.unwrap();
    for version in 2..=5 {
        let payload = version.to_string();
        assert_eq!(store.update(&key, payload.as_bytes(), Expect::Any).await.unwrap(), version);
        let stored = loaded(&store, &key).await;
        assert_eq!((stored.version, stored.payload), (version, payload.into_bytes()));
    }
}

/// A write or a delete touches one session alone.
pub async fn sessions_do_not_mix<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    let (mine, yours, theirs) = (fresh_key(), fresh_key(), fresh_key());
    for (key, payload) in [(&mine, b"mine"), (&yours, b"your"), (&theirs, b"them")] {
        store.create(key, payload).await.unwrap();
    }
    store.update(&mine, b"changed", Expect::Any).await.unwrap();
    store.delete(&theirs).await.unwrap();
    let untouched = loaded(&store, &yours).await;
    assert_eq!((untouched.payload.as_slice(), untouched.version), (b"your".as_slice(), 1));
    assert_eq!(loaded(&store, &mine).await.payload, b"changed");
}

/// Logging out twice, or without a session, is no error.
pub async fn a_deleted_session_is_gone_and_deleting_again_is_fine<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"state").await.unwrap();
    store.delete(&key).await.unwrap();
    assert_eq!(is_alive(&store, &key).await, !store.capabilities().revokes, "to whoever kept the key");
    store.delete(&key).await.unwrap();
    store.delete(&fresh_key()).await.unwrap();
}

/// Never upsert: a write finds its session or says that it is gone.
pub async fn an_update_of_what_never_was_is_refused_and_creates_nothing<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    for expect in [Expect::Any, Expect::Version(1)] {
        let written = store.update(&key, b"state", expect).await;
        assert!(matches!(written, Err(WriteError::Gone)), "{expect:?}: {written:?}");
    }
    assert_eq!(store.load(&key).await.unwrap(), None);
}

/// The late write of a slow request does not log its user in again; where nothing can be revoked, it does.
pub async fn an_update_after_the_delete_does_not_resurrect<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"state").await.unwrap();
    let version = loaded(&store, &key).await.version;
    store.delete(&key).await.unwrap();
    if !store.capabilities().revokes {
        store.update(&key, b"late", Expect::Any).await.unwrap();
        assert_eq!(loaded(&store, &key).await.payload, b"late");
        return;
    }
    for expect in [Expect::Any, Expect::Version(version)] {
        let written = store.update(&key, b"late", expect).await;
        assert!(matches!(written, Err(WriteError::Gone)), "{expect:?}: {written:?}");
    }
    assert_eq!(store.load(&key).await.unwrap(), None);
}

/// The same with writers that are in the middle of it: whatever they were told, the session is dead once `delete` returned.
pub async fn updates_racing_a_delete_do_not_resurrect<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().revokes {
        return;
    }
    for _ in 0..8 {
        let key = fresh_key();
        store.create(&key, b"state").await.unwrap();
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (store, key) = (store.clone(), key.clone());
                on_a_thread(async move {
                    let wait = Wait::until("an update was told that the session is gone");
                    loop {
                        match store.update(&key, b"written", Expect::Any).await {
                            Ok(_) => wait.goes_on(),
                            Err(WriteError::Gone) => break,
                            Err(other) => panic!("an update failed: {other}"),
                        }
                    }
                })
            })
            .collect();
        let wait = Wait::until("the writers were in the middle of it");
        while loaded(&store, &key).await.version < 3 {
            wait.goes_on();
            tokio::task::yield_now().await;
        }
        store.delete(&key).await.unwrap();
        assert!(!is_alive(&store, &key).await, "a racing update brought the session back");
        for writer in writers {
            writer.await;
        }
        assert!(!is_alive(&store, &key).await, "a late update brought the session back");
    }
}

/// A slow read must not put back what it read: reads between writes change neither state nor version.
pub async fn loads_write_no_state<F: Fixture>(fixture: &F) {
    let (store, key) = (fixture.open(LONG).await, fresh_key());
    store.create(&key, b"0").await.unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, key) = (store.clone(), key.clone());
            on_a_thread(async move {
                let wait = Wait::until("the last of 30 writes was read");
                let mut newest = 0;
                while newest < 31 {
                    wait.goes_on();
                    let seen = loaded(&store, &key).await.version;
                    assert!(seen >= newest, "version {newest} was undone: now {seen}");
                    newest = seen;
                }
            })
        })
        .collect();
    for version in 2..=31 {
        assert_eq!(store.update(&key, version.to_string().as_bytes(), Expect::Any).await.unwrap(), version);
    }
    for reader in readers {
        reader.await;
    }
    let stored = loaded(&store, &key).await;
    assert_eq!((stored.version, stored.payload.as_slice()), (31, b"31".as_slice()));
}

/// The touch inside `load` moves only what exists.
pub async fn loads_racing_a_delete_do_not_resurrect<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    if !store.capabilities().revokes {
        return;
    }
    for _ in 0..8 {
        let key = fresh_key();
        store.create(&key, b"state").await.unwrap();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (store, key) = (store.clone(), key.clone());
                on_a_thread(async move {
                    let wait = Wait::until("a load found the session deleted");
                    while is_alive(&store, &key).await {
                        wait.goes_on();
                    }
                })
            })
            .collect();
        store.delete(&key).await.unwrap();
        for reader in readers {
            reader.await;
        }
        assert!(!is_alive(&store, &key).await, "a racing load brought the session back");
    }
}

/// `ping` answers while the backend does.
pub async fn a_live_backend_answers_pings<F: Fixture>(fixture: &F) {
    fixture.open(LONG).await.ping().await.unwrap();
}

/// [`Capabilities::shared`](crate::Capabilities::shared) says the truth, in both directions.
pub async fn two_handles_share_one_backend_exactly_when_the_store_says_so<F: Fixture>(fixture: &F) {
    let (one, other, key) = (fixture.open(LONG).await, fixture.open(LONG).await, fresh_key());
    one.create(&key, b"state").await.unwrap();
    assert_eq!(is_alive(&other, &key).await, one.capabilities().shared, "seen through another handle");
    assert!(is_alive(&one.clone(), &key).await, "a clone must share its original's backend");
    if one.capabilities().shared {
        assert_eq!(other.update(&key, b"there", Expect::Any).await.unwrap(), 2);
        assert_eq!(loaded(&one, &key).await.payload, b"there");
    }
    if one.capabilities().shared {
        other.delete(&key).await.unwrap();
        let revoked = !is_alive(&one, &key).await;
        assert_eq!(revoked, one.capabilities().revokes, "deleted through another handle");
    }
}
