//! Duties of forgetting: the idle and the absolute deadline, by the store's own clock.
//!
//! Each check compares what the store answered with what we know of the time before and after the question. When the machine
//! was too slow for the answer to prove anything, the attempt is void and the next one takes twice the time.

use super::{Fixture, LONG, Wait, fresh_key, is_alive};
use crate::{Expect, Lifetime, SessionStore, WriteError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The idle or absolute time of the first attempt.
const SHORT: Duration = Duration::from_millis(320);
/// Attempts, each with twice the time of the one before.
const ATTEMPTS: u32 = 6;
/// How far the store's clock and ours may disagree, and how much later than its deadline a session may be seen dead.
const TOLERANCE: Duration = Duration::from_millis(60);

/// What an attempt has shown.
enum Attempt {
    Kept,
    Broken(String),
    TooSlow,
}

async fn try_with_growing_times<A: AsyncFn(Duration) -> Attempt>(attempt: A) {
    for doubling in 0..ATTEMPTS {
        match attempt(SHORT * 2_u32.pow(doubling)).await {
            Attempt::Kept => return,
            Attempt::Broken(why) => panic!("{why}"),
            Attempt::TooSlow => {}
        }
    }
    panic!("the machine is too slow to test expiry: {ATTEMPTS} attempts proved nothing");
}

fn idle(idle: Duration) -> Lifetime {
    Lifetime { idle, ..LONG }
}

fn absolute(absolute: Duration) -> Lifetime {
    Lifetime { absolute, ..LONG }
}

/// Nobody asks for it for its idle time: it is gone, for `load`, `update` and `renew`.
pub async fn an_idle_session_expires_and_no_write_brings_it_back<F: Fixture>(fixture: &F) {
    let store = fixture.open(idle(SHORT)).await;
    let (read, written, renewed, new) = (fresh_key(), fresh_key(), fresh_key(), fresh_key());
    for key in [&read, &written, &renewed] {
        store.create(key, b"state").await.unwrap();
    }
    sleep(SHORT + TOLERANCE).await;
    assert!(!is_alive(&store, &read).await, "idle for longer than its idle time, and still found");
    let late = store.update(&written, b"late", Expect::Any).await;
    assert!(matches!(late, Err(WriteError::Gone)), "a late update: {late:?}");
    let late = store.renew(&renewed, &new, b"late", Expect::Any).await;
    assert!(matches!(late, Err(WriteError::Gone)), "a late renewal: {late:?}");
    for key in [&read, &written, &renewed, &new] {
        assert!(!is_alive(&store, key).await, "an expired session came back");
    }
}

/// Loads that come more often than the idle time keep it alive for several idle times. What the client holds, they cannot change.
pub async fn a_session_in_use_outlives_its_idle_time<F: Fixture>(fixture: &F) {
    let store = fixture.open(idle(SHORT)).await;
    if store.capabilities().client_held {
        return reads_alone_do_not_keep_it_alive(&store).await;
    }
    try_with_growing_times(async |idle_time| {
        let (store, key) = (fixture.open(idle(idle_time)).await, fresh_key());
        let created = Instant::now();
        store.create(&key, b"state").await.unwrap();
        let mut used = created;
        while created.elapsed() < idle_time * 3 {
            sleep(idle_time / 4).await;
            let asked = Instant::now();
            if !is_alive(&store, &key).await {
                return expired_after(used, idle_time);
            }
            used = asked;
        }
        Attempt::Kept
    })
    .await;
}

async fn reads_alone_do_not_keep_it_alive<S: SessionStore>(store: &S) {
    let (key, wait) = (fresh_key(), Wait::until("a session that is only read expired"));
    store.create(&key, b"state").await.unwrap();
    let created = Instant::now();
    while is_alive(store, &key).await {
        wait.goes_on();
        sleep(SHORT / 8).await;
    }
    let lived = created.elapsed();
    assert!(lived + TOLERANCE >= SHORT, "expired after {lived:?}, its idle time is {SHORT:?}");
}

/// A load in the first sixteenth after a touch need not move the deadline; the session then lives for at least fifteen
/// sixteenths of its idle time.
pub async fn a_touch_that_is_throttled_does_not_shorten_a_life<F: Fixture>(fixture: &F) {
    if fixture.open(LONG).await.capabilities().client_held {
        return;
    }
    try_with_growing_times(async |idle_time| {
        let (store, key) = (fixture.open(idle(idle_time)).await, fresh_key());
        let mut used = Instant::now();
        store.create(&key, b"state").await.unwrap();
        let (at_once, after_a_pause) = (Duration::ZERO, idle_time * 7 / 10);
        for pause in [at_once, at_once, after_a_pause].repeat(3) {
            sleep(pause).await;
            let asked = Instant::now();
            if !is_alive(&store, &key).await {
                return expired_after(used, idle_time);
            }
            used = asked;
        }
        Attempt::Kept
    })
    .await;
}

/// Writing counts as use.
pub async fn an_update_moves_the_idle_deadline<F: Fixture>(fixture: &F) {
    try_with_growing_times(async |idle_time| {
        let (store, key) = (fixture.open(idle(idle_time)).await, fresh_key());
        let mut used = Instant::now();
        store.create(&key, b"state").await.unwrap();
        for _ in 0..4 {
            sleep(idle_time * 6 / 10).await;
            let asked = Instant::now();
            match store.update(&key, b"written", Expect::Any).await {
                Ok(_) => used = asked,
                Err(WriteError::Gone) => return expired_after(used, idle_time),
                Err(other) => panic!("an update failed: {other}"),
            }
        }
        Attempt::Kept
    })
    .await;
}

/// A session last used at `used` was found dead just now: too early, or have we been too slow to tell?
fn expired_after(used: Instant, idle_time: Duration) -> Attempt {
    let unused = used.elapsed();
    if unused + TOLERANCE >= idle_time * 15 / 16 {
        return Attempt::TooSlow;
    }
    Attempt::Broken(format!("expired after {unused:?} without use, its idle time is {idle_time:?}"))
}

/// Loads and updates do not move the absolute deadline, and nothing expires before it.
pub async fn the_absolute_deadline_holds_however_busy_the_session_is<F: Fixture>(fixture: &F) {
    try_with_growing_times(async |absolute_time| {
        let (store, key) = (fixture.open(absolute(absolute_time)).await, fresh_key());
        let before = Instant::now();
        store.create(&key, b"state").await.unwrap();
        let created = Instant::now();
        loop {
            let asked = Instant::now();
            let written = store.update(&key, b"busy", Expect::Any).await;
            let alive = is_alive(&store, &key).await;
            match written {
                Ok(_) if asked > created + absolute_time + TOLERANCE => {
                    return Attempt::Broken(format!("written {:?} after its creation", created.elapsed()));
                }
                Ok(_) => {}
                Err(WriteError::Gone) if alive => {
                    return Attempt::Broken("found after it was gone".to_owned());
                }
                Err(WriteError::Gone) if before.elapsed() + TOLERANCE < absolute_time => {
                    return Attempt::Broken(format!("gone {:?} after its creation", before.elapsed()));
                }
                Err(WriteError::Gone) => return Attempt::Kept,
                Err(other) => panic!("an update failed: {other}"),
            }
            sleep(absolute_time / 20).await;
        }
    })
    .await;
}

/// A login late in a session's life does not start a new life: seen dead before a deadline counted from the renewal.
pub async fn renewal_keeps_the_absolute_deadline<F: Fixture>(fixture: &F) {
    try_with_growing_times(async |absolute_time| {
        let (store, old, new) = (fixture.open(absolute(absolute_time)).await, fresh_key(), fresh_key());
        store.create(&old, b"guest").await.unwrap();
        let created = Instant::now();
        sleep(absolute_time * 6 / 10).await;
        let renewed = Instant::now();
        match store.renew(&old, &new, b"user", Expect::Any).await {
            Ok(_) => {}
            Err(WriteError::Gone) => return Attempt::TooSlow,
            Err(other) => panic!("the renewal failed: {other}"),
        }
        loop {
            let asked = Instant::now();
            let alive = is_alive(&store, &new).await;
            match alive {
                true if asked > created + absolute_time + TOLERANCE => {
                    return Attempt::Broken(format!("alive {:?} after its creation", created.elapsed()));
                }
                true => sleep(absolute_time / 20).await,
                false if renewed.elapsed() < absolute_time => return Attempt::Kept,
                false => return Attempt::TooSlow,
            }
        }
    })
    .await;
}

/// A search touches nothing: a session that is looked at all the time expires as if nobody had come. Once `load` says that it is
/// dead, no search finds it.
pub async fn a_search_keeps_nobody_alive_and_finds_nobody_dead<F: Fixture>(fixture: &F) {
    let store = fixture.open(idle(SHORT)).await;
    if store.capabilities().client_held {
        return;
    }
    let (key, wait) = (fresh_key(), Wait::until("a session that is only searched for expired"));
    store.create(&key, b"state").await.unwrap();
    let created = Instant::now();
    loop {
        let found =
            store.search(b"state", SHORT * 100).await.unwrap().is_some_and(|s| !s.sightings.is_empty());
        if !found {
            break;
        }
        wait.goes_on();
        sleep(SHORT / 8).await;
    }
    let lived = created.elapsed();
    assert!(lived + TOLERANCE >= SHORT, "not found {lived:?} after it was created");
    assert!(!is_alive(&store, &key).await, "a search did not find a session that lives");
}
