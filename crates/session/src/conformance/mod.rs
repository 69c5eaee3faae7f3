//! The suite that every store must pass: one named check for each duty, so that a test that fails names the duty.
//!
//! A store's crate turns on the feature `conformance` for its tests, says in a [`Fixture`] how one of its stores is opened, and
//! lets [`conformance_tests!`](crate::conformance_tests) write one `#[tokio::test]` a check:
//!
//! ```
//! # use session::{*, conformance::Fixture};
//! # #[derive(Clone)] struct MyStore;
//! # impl MyStore { async fn open(_: &str, _: Lifetime) -> Self { MyStore } }
//! # impl SessionStore for MyStore {
//! #     fn name(&self) -> &'static str { "mine" }
//! #     fn capabilities(&self) -> Capabilities { unimplemented!() }
//! #     async fn load(&self, _: &StoreKey) -> Result<Option<Stored>, StoreError> { unimplemented!() }
//! #     async fn create(&self, _: &StoreKey, _: &[u8]) -> Result<(), StoreError> { unimplemented!() }
//! #     async fn update(&self, _: &StoreKey, _: &[u8], _: Expect) -> Result<Version, WriteError> { unimplemented!() }
//! #     async fn renew(&self, _: &StoreKey, _: &StoreKey, _: &[u8], _: Expect) -> Result<Version, WriteError> { unimplemented!() }
//! #     async fn delete(&self, _: &StoreKey) -> Result<(), StoreError> { unimplemented!() }
//! #     async fn search(&self, _: &[u8], _: std::time::Duration) -> Result<Option<Search>, StoreError> { unimplemented!() }
//! #     async fn ping(&self) -> Result<(), StoreError> { unimplemented!() }
//! # }
//! struct FreshPrefix(String);
//!
//! impl Fixture for FreshPrefix {
//!     type Store = MyStore;
//!
//!     async fn open(&self, lifetime: Lifetime) -> MyStore {
//!         MyStore::open(&self.0, lifetime).await
//!     }
//! }
//!
//! mod conformance {
//!     # use super::FreshPrefix;
//!     session::conformance_tests!(FreshPrefix("a name that no other test has".to_owned()));
//! }
//! # fn main() {}
//! ```
//!
//! - The expression is evaluated anew in every test, in an async block; it may hold `.await` and, to skip where a backend is not
//!   installed, `return` (`match start().await { Some(fixture) => fixture, None => return }`).
//! - Every fixture has a backend of its own (a key prefix, a schema, a file), which it removes when it is dropped. `open` called
//!   twice on one fixture opens two handles on that one backend.
//! - The caller needs `tokio` with `macros` and `rt` among its (dev-)dependencies. Tests run side by side, and some call the
//!   store from 16 threads at once while the test's own thread drives the runtime.
//! - What a store declares not to do in its [`Capabilities`](crate::Capabilities) is not demanded of it. Where it can be shown, the
//!   check then demands the opposite: a weakness that is declared is one that is there.
//!
//! Expiry is tested against the store's own clock, with life times of about a second. A machine that is too slow to tell makes a
//! check try again with longer ones, and never fails it.
#![allow(clippy::unwrap_used, reason = "a suite for tests: a store's error fails the check")]

pub mod conflict;
pub mod expiry;
pub mod renewal;
pub mod search;
pub mod state;

use crate::{Lifetime, SessionId, SessionStore, StoreKey, Stored};
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Long enough that nothing expires while a check runs.
pub const LONG: Lifetime = Lifetime { idle: Duration::from_secs(600), absolute: Duration::from_secs(3_600) };

/// How the store under test is opened, see the module.
pub trait Fixture {
    /// The store under test.
    type Store: SessionStore;

    /// Opens a handle on this fixture's backend; `lifetime` holds for the sessions which that handle creates.
    fn open(&self, lifetime: Lifetime) -> impl Future<Output = Self::Store>;
}

fn fresh_key() -> StoreKey {
    SessionId::generate().store_key()
}

/// A session that must be alive.
async fn loaded<S: SessionStore>(store: &S, key: &StoreKey) -> Stored {
    store.load(key).await.unwrap().expect("a live session was not found")
}

async fn is_alive<S: SessionStore>(store: &S, key: &StoreKey) -> bool {
    store.load(key).await.unwrap().is_some()
}

/// How long a watcher waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The wait of a watcher: it ends, and says what for.
struct Wait {
    what_for: &'static str,
    deadline: Instant,
}

impl Wait {
    fn until(what_for: &'static str) -> Self {
        Self { what_for, deadline: Instant::now() + PATIENCE }
    }

    fn goes_on(&self) {
        assert!(Instant::now() < self.deadline, "waited {PATIENCE:?} until {}", self.what_for);
    }
}

/// Runs work on a thread of its own, so that stores meet real parallelism even on a runtime of one thread. A check that
/// fails leaves its threads behind instead of waiting for them: nobody drives their runtime any more.
fn on_a_thread<F>(work: F) -> impl Future<Output = F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (runtime, (tell, told)) = (Handle::current(), oneshot::channel());
    thread::spawn(move || tell.send(runtime.block_on(work)).ok());
    async { told.await.expect("a thread of this check failed, see above") }
}

/// Writes one `#[tokio::test]` for each check of [`conformance`](crate::conformance).
#[macro_export]
macro_rules! conformance_tests {
    ($fixture:expr) => {
        $crate::conformance_tests!(@in state, $fixture, [
            what_was_created_is_loaded,
            an_empty_state_a_large_one_and_one_that_is_not_text_come_back_unharmed,
            what_was_never_created_is_not_found,
            a_key_that_is_taken_is_not_created_again,
            each_update_counts_the_version_up,
            sessions_do_not_mix,
            a_deleted_session_is_gone_and_deleting_again_is_fine,
            an_update_of_what_never_was_is_refused_and_creates_nothing,
            an_update_after_the_delete_does_not_resurrect,
            updates_racing_a_delete_do_not_resurrect,
            loads_write_no_state,
            loads_racing_a_delete_do_not_resurrect,
            a_live_backend_answers_pings,
            two_handles_share_one_backend_exactly_when_the_store_says_so,
        ]);
        $crate::conformance_tests!(@in conflict, $fixture, [
            the_expected_version_is_written_over,
            a_stale_version_is_a_conflict_and_changes_nothing,
            whatever_is_expected_an_absent_session_is_gone,
            without_expectation_the_last_writer_wins,
            of_writers_from_one_version_exactly_one_wins,
            sixty_four_concurrent_increments_lose_nothing,
        ]);
        $crate::conformance_tests!(@in renewal, $fixture, [
            renewal_moves_the_session_and_kills_the_old_key,
            renewal_of_what_is_gone_is_refused_and_creates_nothing,
            renewal_from_a_stale_version_is_a_conflict_and_changes_nothing,
            renewal_onto_a_key_that_is_taken_harms_neither_session,
            of_concurrent_renewals_exactly_one_wins,
            no_observer_sees_both_keys_or_neither,
            a_renewed_session_can_be_written_and_deleted,
        ]);
        $crate::conformance_tests!(@in expiry, $fixture, [
            an_idle_session_expires_and_no_write_brings_it_back,
            a_session_in_use_outlives_its_idle_time,
            a_touch_that_is_throttled_does_not_shorten_a_life,
            an_update_moves_the_idle_deadline,
            the_absolute_deadline_holds_however_busy_the_session_is,
            renewal_keeps_the_absolute_deadline,
            a_search_keeps_nobody_alive_and_finds_nobody_dead,
        ]);
        $crate::conformance_tests!(@in search, $fixture, [
            a_session_is_found_by_what_is_in_it,
            what_is_gone_is_not_found,
            a_search_goes_through_all_that_there_is,
            a_search_that_is_broken_off_says_so,
            another_handle_finds_exactly_what_is_shared,
        ]);
    };
    (@in $module:ident, $fixture:expr, [$($check:ident),* $(,)?]) => {
        $(
            #[tokio::test]
            async fn $check() {
                let fixture = $fixture;
                $crate::conformance::$module::$check(&fixture).await;
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_check_has_its_line_in_the_macro() {
        let list = include_str!("mod.rs");
        let modules = [
            include_str!("state.rs"),
            include_str!("conflict.rs"),
            include_str!("renewal.rs"),
            include_str!("expiry.rs"),
            include_str!("search.rs"),
        ];
        for line in modules.iter().flat_map(|module| module.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split('<').next().unwrap();
            assert!(
                list.contains(&format!("            {name},\n")),
                "{name} is a check, and no store runs it"
            );
        }
    }
}
