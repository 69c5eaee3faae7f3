//! Duties towards an operator: whose session is where, told without harm to anybody.

use super::{Fixture, LONG, fresh_key};
use crate::{Expect, Search, SessionStore};
use std::time::Duration;

/// Time enough for a search on any machine.
const AMPLE: Duration = Duration::from_secs(20);

/// A search; `None` where the client holds the state, and nowhere else.
async fn searched<S: SessionStore>(store: &S, wanted: &[u8]) -> Option<Search> {
    let search = store.search(wanted, AMPLE).await.unwrap();
    assert_eq!(search.is_none(), store.capabilities().client_held, "whether there is anything to search");
    search
}

/// Exactly the sessions whose state has these bytes, text or not, as they were last written.
pub async fn a_session_is_found_by_what_is_in_it<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    let (ada, bob, odd) = (fresh_key(), fresh_key(), fresh_key());
    for (key, payload) in [(&ada, b"owner ada;".as_slice()), (&bob, b"owner bob;"), (&odd, b"\0\xff%_\\'")] {
        store.create(key, payload).await.unwrap();
    }
    store.update(&ada, b"owner ada; apples", Expect::Any).await.unwrap();
    let Some(search) = searched(&store, b"owner ada;").await else { return };
    assert!(search.whole);
    assert_eq!(search.looked_at, 3);
    let [found] = search.sightings.as_slice() else { panic!("{:?}", search.sightings) };
    assert_eq!((&found.key, found.stored.version), (&ada, 2));
    assert_eq!(found.stored.payload, b"owner ada; apples");
    assert!(found.age < AMPLE && found.idle.is_some_and(|idle| idle < AMPLE), "{found:?}");

    for (wanted, keys) in [
        (b"owner ad;".as_slice(), vec![]),
        (b"OWNER ADA;", vec![]),
        (b"\xff%_\\", vec![&odd]),
        (b"owner", vec![&ada, &bob]),
    ] {
        let found = searched(&store, wanted).await.unwrap();
        let mut found: Vec<_> = found.sightings.iter().map(|sighting| sighting.key.as_str()).collect();
        let mut keys: Vec<_> = keys.into_iter().map(|key| key.as_str()).collect();
        found.sort_unstable();
        keys.sort_unstable();
        assert_eq!(found, keys, "{wanted:?}");
    }
}

/// What was logged out is not found, and what was renewed only under its new key.
pub async fn what_is_gone_is_not_found<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    let (ended, old, new) = (fresh_key(), fresh_key(), fresh_key());
    store.create(&ended, b"ended;").await.unwrap();
    store.create(&old, b"moved;").await.unwrap();
    store.delete(&ended).await.unwrap();
    store.renew(&old, &new, b"moved; on", Expect::Any).await.unwrap();
    let Some(search) = searched(&store, b"ended;").await else { return };
    assert_eq!((search.sightings, search.whole), (Vec::new(), true));
    let found = searched(&store, b"moved;").await.unwrap().sightings;
    assert_eq!(found.iter().map(|sighting| &sighting.key).collect::<Vec<_>>(), [&new]);
}

/// The search goes on through page after page, to the last session.
pub async fn a_search_goes_through_all_that_there_is<F: Fixture>(fixture: &F) {
    const SESSIONS: usize = 1_250;
    let store = fixture.open(LONG).await;
    if store.capabilities().client_held {
        return;
    }
    let keys: Vec<_> = (0..SESSIONS).map(|_| fresh_key()).collect();
    for (chunk, keys) in keys.chunks(50).enumerate() {
        let created: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(n, key)| {
                let (store, key, payload) = (store.clone(), key.clone(), format!("n={};", chunk * 50 + n));
                tokio::spawn(async move { store.create(&key, payload.as_bytes()).await })
            })
            .collect();
        for create in created {
            create.await.unwrap().unwrap();
        }
    }
    for n in [0, 617, SESSIONS - 1] {
        let search = searched(&store, format!("n={n};").as_bytes()).await.unwrap();
        assert!(search.whole && search.looked_at >= SESSIONS as u64, "{search:?}");
        let found: Vec<_> = search.sightings.iter().map(|sighting| &sighting.key).collect();
        assert_eq!(found, [&keys[n]], "session {n} of {SESSIONS}");
    }
    let most = searched(&store, b"n=").await.unwrap();
    assert_eq!(most.sightings.len(), crate::MOST_SIGHTINGS, "a search keeps no more than that");
}

/// A search for which there is no time says that it has not seen everything.
pub async fn a_search_that_is_broken_off_says_so<F: Fixture>(fixture: &F) {
    let store = fixture.open(LONG).await;
    store.create(&fresh_key(), b"state").await.unwrap();
    let Some(search) = store.search(b"state", Duration::ZERO).await.unwrap() else { return };
    assert!(!search.whole, "nobody looks at everything in no time: {search:?}");
}

/// [`Capabilities::shared`](crate::Capabilities::shared) holds for searches too: whoever shares the backend sees all of it.
pub async fn another_handle_finds_exactly_what_is_shared<F: Fixture>(fixture: &F) {
    let (one, other) = (fixture.open(LONG).await, fixture.open(LONG).await);
    one.create(&fresh_key(), b"state;").await.unwrap();
    let Some(search) = searched(&other, b"state;").await else { return };
    assert_eq!(search.sightings.len(), usize::from(one.capabilities().shared));
    assert!(search.whole);
}
