//! What is the memory store's own; what it shares with all stores is in the conformance suite.

use super::*;
use session::SessionId;

const MINUTE: Duration = Duration::from_secs(60);
const LIFETIME: Lifetime =
    Lifetime { idle: Duration::from_secs(16 * 60), absolute: Duration::from_secs(3_600) };
const ROOMY: u64 = 1 << 30;

/// A clock that stands still until it is told to move.
#[derive(Clone, Default)]
struct HandClock(Arc<AtomicU64>);

impl HandClock {
    fn advance(&self, time: Duration) {
        self.0.fetch_add(nanos(time), Ordering::Relaxed);
    }

    fn store(&self, cap_bytes: u64) -> MemoryStore {
        let now = Arc::clone(&self.0);
        let clock = Arc::new(move || Duration::from_nanos(now.load(Ordering::Relaxed)));
        MemoryStore::with_clock(LIFETIME, cap_bytes, clock)
    }
}

fn fresh_key() -> StoreKey {
    SessionId::generate().store_key()
}

async fn is_alive(store: &MemoryStore, key: &StoreKey) -> bool {
    store.load(key).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_lives_to_the_last_nanosecond_of_its_idle_time_and_no_longer() {
    let (clock, key) = (HandClock::default(), fresh_key());
    let store = clock.store(ROOMY);
    store.create(&key, b"state").await.unwrap();
    clock.advance(LIFETIME.idle - Duration::from_nanos(1));
    assert!(is_alive(&store, &key).await);
    clock.advance(LIFETIME.idle);
    assert!(!is_alive(&store, &key).await);
}

#[tokio::test]
async fn a_load_moves_the_deadline_only_after_a_sixteenth_of_the_idle_time() {
    let (clock, key) = (HandClock::default(), fresh_key());
    let store = clock.store(ROOMY);
    store.create(&key, b"state").await.unwrap();
    clock.advance(MINUTE - Duration::from_nanos(1));
    assert!(is_alive(&store, &key).await, "this touch is throttled ...");
    clock.advance(15 * MINUTE + Duration::from_nanos(1));
    assert!(!is_alive(&store, &key).await, "... so that the first deadline holds");
}

#[tokio::test]
async fn a_session_that_a_reader_was_told_is_dead_is_not_revived_by_a_slower_reader() {
    let (clock, key) = (HandClock::default(), fresh_key());
    let store = clock.store(ROOMY);
    store.create(&key, b"state").await.unwrap();
    clock.advance(LIFETIME.idle);
    assert!(!is_alive(&store, &key).await);
    let shard = store.0.shards[shard_of(&key)].read().unwrap();
    let slow_readers_now = nanos(LIFETIME.idle) - 1;
    assert!(!shard.get(&key).unwrap().touch(slow_readers_now, nanos(LIFETIME.idle)));
}

#[tokio::test]
async fn at_its_cap_it_refuses_newcomers_and_growth_and_evicts_nobody() {
    let store = HandClock::default().store(2 * cost(100));
    let (first, second, third) = (fresh_key(), fresh_key(), fresh_key());
    store.create(&first, &[1; 100]).await.unwrap();
    store.create(&second, &[2; 100]).await.unwrap();

    assert!(matches!(store.create(&third, b"").await, Err(StoreError::Full(_))));
    let grown = store.update(&first, &[1; 101], Expect::Any).await;
    assert!(matches!(grown, Err(WriteError::Store(StoreError::Full(_)))), "{grown:?}");
    let renewed = store.renew(&first, &third, &[1; 101], Expect::Any).await;
    assert!(matches!(renewed, Err(WriteError::Store(StoreError::Full(_)))), "{renewed:?}");
    assert!(is_alive(&store, &first).await && is_alive(&store, &second).await);

    store.update(&first, &[1; 100], Expect::Any).await.unwrap();
    store.delete(&second).await.unwrap();
    store.create(&third, &[3; 100]).await.unwrap();
}

#[tokio::test]
async fn every_byte_that_was_taken_is_given_back() {
    let store = HandClock::default().store(ROOMY);
    let (old, new) = (fresh_key(), fresh_key());
    store.create(&old, &[0; 10]).await.unwrap();
    store.update(&old, &[0; 1_000], Expect::Any).await.unwrap();
    assert_eq!(store.used_bytes(), cost(1_000));
    store.renew(&old, &new, &[0; 50], Expect::Any).await.unwrap();
    assert_eq!(store.used_bytes(), cost(50));
    store.update(&new, b"", Expect::Any).await.unwrap();
    store.delete(&new).await.unwrap();
    store.delete(&new).await.unwrap();
    assert_eq!(store.used_bytes(), 0);
}

#[tokio::test]
async fn sweeping_gives_back_the_memory_of_expired_sessions_and_of_no_others() {
    let clock = HandClock::default();
    let store = clock.store(ROOMY);
    for _ in 0..500 {
        store.create(&fresh_key(), b"old").await.unwrap();
    }
    clock.advance(LIFETIME.idle);
    let live = fresh_key();
    store.create(&live, b"new").await.unwrap();
    (0..SHARDS).for_each(|shard| store.sweep(shard));
    assert_eq!(store.used_bytes(), cost(3));
    assert!(is_alive(&store, &live).await);
}

#[tokio::test]
async fn a_store_that_is_kept_swept_forgets_without_being_asked() {
    let clock = HandClock::default();
    let store = clock.store(ROOMY);
    let in_the_first_shard = std::iter::repeat_with(fresh_key).find(|key| shard_of(key) == 0).unwrap();
    store.create(&in_the_first_shard, b"state").await.unwrap();
    clock.advance(LIFETIME.idle);
    let forgotten = async {
        while store.used_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        never = store.keep_swept() => match never {},
        done = tokio::time::timeout(MINUTE, forgotten) => done.expect("the sweep to come round"),
    }
}

#[tokio::test]
async fn an_expired_session_that_a_write_meets_gives_its_memory_back_at_once() {
    let (clock, key) = (HandClock::default(), fresh_key());
    let store = clock.store(ROOMY);
    store.create(&key, b"state").await.unwrap();
    clock.advance(LIFETIME.absolute);
    assert!(matches!(store.update(&key, b"late", Expect::Any).await, Err(WriteError::Gone)));
    assert_eq!(store.used_bytes(), 0);
}

#[test]
fn renewals_in_opposite_directions_do_not_wait_for_one_another_for_ever() {
    let store = HandClock::default().store(ROOMY);
    let movers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut key = fresh_key();
                    store.create(&key, b"state").await.unwrap();
                    for _ in 0..2_000 {
                        let next = fresh_key();
                        store.renew(&key, &next, b"state", Expect::Any).await.unwrap();
                        key = next;
                    }
                });
            })
        })
        .collect();
    for mover in movers {
        mover.join().unwrap();
    }
    assert_eq!(store.used_bytes(), 4 * cost(5));
}
