//! What passes between actix-session and a store, one call at a time. The stories over HTTP are in `stateful-server/tests`.

use super::*;
use crate::store::{Capabilities, Search, Version};
use crate::{SessionStore, StoreKey};
use actix_session::storage::SessionStore as _;
use std::sync::{Arc, Mutex};

const TTL: Duration = Duration::SECOND;

/// Answers every load with version 7, and notes what it is asked to write.
#[derive(Clone, Default)]
struct Notebook {
    notes: Arc<Mutex<Vec<(&'static str, Expect)>>>,
    payload: Arc<Mutex<Option<Vec<u8>>>>,
    is_simple: bool,
}

impl Notebook {
    fn note(&self, what: &'static str, expect: Expect) -> Result<Version, WriteError> {
        self.notes.lock().unwrap().push((what, expect));
        Ok(8)
    }

    fn notes(&self) -> Vec<(&'static str, Expect)> {
        self.notes.lock().unwrap().clone()
    }
}

impl SessionStore for Notebook {
    fn name(&self) -> &'static str {
        "notebook"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: true, shared: true, compare_and_set: !self.is_simple, client_held: false }
    }

    async fn load(&self, _key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let payload = self.payload.lock().unwrap().clone();
        self.note("load", Expect::Any).map_err(|_| StoreError::Unavailable(String::new()))?;
        Ok(payload.map(|payload| Stored { payload, version: 7 }))
    }

    async fn create(&self, _key: &StoreKey, _payload: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Full("no page left".to_owned()))
    }

    async fn update(&self, _key: &StoreKey, _payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        self.note("update", expect)
    }

    async fn renew(
        &self,
        _old: &StoreKey,
        _new: &StoreKey,
        _payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        self.note("renew", expect)
    }

    async fn delete(&self, _key: &StoreKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn search(
        &self,
        _wanted: &[u8],
        _within: std::time::Duration,
    ) -> Result<Option<Search>, StoreError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn key(text: &str) -> SessionKey {
    text.to_owned().try_into().unwrap()
}

fn with_state(json: &str) -> Notebook {
    let notebook = Notebook::default();
    *notebook.payload.lock().unwrap() = Some(json.into());
    notebook
}

#[tokio::test]
async fn the_version_that_was_loaded_is_the_one_that_an_optimistic_write_expects() {
    for (policy, expected) in
        [(ConflictPolicy::LastWriteWins, Expect::Any), (ConflictPolicy::Optimistic, Expect::Version(7))]
    {
        let store = with_state(r#"{"cart":"full"}"#);
        let adapter = Adapter::new(store.clone(), policy).unwrap();
        let id = SessionId::generate();
        let (kept, refusal) = scope::run(async {
            let state = adapter.load(&key(id.expose())).await.unwrap().unwrap();
            assert_eq!(state["cart"], "full");
            adapter.update(key(id.expose()), state, &TTL).await.unwrap()
        })
        .await;
        assert!(refusal.is_none());
        assert_eq!(kept.as_ref(), id.expose());
        assert_eq!(store.notes(), [("load", Expect::Any), ("update", expected)]);
    }
}

#[tokio::test]
async fn a_renewal_is_one_step_of_the_store_and_gives_a_new_id() {
    let store = with_state("{}");
    let adapter = Adapter::new(store.clone(), ConflictPolicy::Optimistic).unwrap();
    let id = SessionId::generate();
    let (new, _) = scope::run(async {
        let state = adapter.load(&key(id.expose())).await.unwrap().unwrap();
        scope::request_renewal();
        adapter.update(key(id.expose()), state, &TTL).await.unwrap()
    })
    .await;
    assert_ne!(new.as_ref(), id.expose());
    assert!(SessionId::parse(new.as_ref()).is_some());
    assert_eq!(store.notes(), [("load", Expect::Any), ("renew", Expect::Version(7))]);
}

#[tokio::test]
async fn one_requests_version_and_renewal_are_not_anothers() {
    let store = with_state("{}");
    let adapter = Adapter::new(store.clone(), ConflictPolicy::Optimistic).unwrap();
    let id = SessionId::generate();
    scope::run(async {
        adapter.load(&key(id.expose())).await.unwrap();
        scope::request_renewal();
    })
    .await;
    let (written, _) = scope::run(adapter.update(key(id.expose()), State::new(), &TTL)).await;
    assert!(written.is_err(), "nothing was loaded in this request");
    assert_eq!(store.notes(), [("load", Expect::Any)]);
}

#[tokio::test]
async fn a_key_that_is_not_of_our_shape_is_no_session_and_costs_the_store_nothing() {
    let store = with_state("{}");
    let adapter = Adapter::new(store.clone(), ConflictPolicy::LastWriteWins).unwrap();
    for wrong in ["", "admin", "../../etc/passwd", &"x".repeat(4_000)] {
        assert_eq!(adapter.load(&key(wrong)).await.unwrap(), None);
        adapter.delete(&key(wrong)).await.unwrap();
        let (written, refusal) = scope::run(adapter.update(key(wrong), State::new(), &TTL)).await;
        assert!(written.is_err());
        assert!(matches!(refusal, Some(WriteError::Gone)), "{refusal:?}");
    }
    assert_eq!(store.notes(), []);
}

#[tokio::test]
async fn the_stores_reason_is_left_in_the_scope_of_the_request_that_it_refused() {
    let adapter = Adapter::new(Notebook::default(), ConflictPolicy::LastWriteWins).unwrap();
    let (saved, refusal) = scope::run(adapter.save(State::new(), &TTL)).await;
    assert!(matches!(saved, Err(SaveError::Other(_))));
    assert!(matches!(refusal, Some(WriteError::Store(StoreError::Full(_)))), "{refusal:?}");
}

/// actix-session would take `LoadError::Deserialization` for an empty session, and save that over the full one.
#[tokio::test]
async fn a_state_that_cannot_be_read_is_a_failure_and_never_an_empty_session() {
    let adapter = Adapter::new(with_state("not JSON"), ConflictPolicy::LastWriteWins).unwrap();
    let id = SessionId::generate();
    let (loaded, refusal) = scope::run(adapter.load(&key(id.expose()))).await;
    assert!(matches!(loaded, Err(LoadError::Other(_))));
    assert!(matches!(refusal, Some(WriteError::Store(StoreError::Corrupt(_)))), "{refusal:?}");
}

#[test]
fn a_store_that_cannot_compare_versions_is_not_started_as_if_it_could() {
    let simple = Notebook { is_simple: true, ..Notebook::default() };
    assert!(Adapter::new(simple.clone(), ConflictPolicy::LastWriteWins).is_ok());
    let refused = Adapter::new(simple, ConflictPolicy::Optimistic).err().unwrap();
    assert!(refused.to_string().contains("--conflict-policy last-write-wins"), "{refused}");
}

#[test]
fn a_policy_is_found_by_its_name_and_an_unknown_one_lists_the_known() {
    for name in ConflictPolicy::NAMES {
        assert_eq!(name.parse::<ConflictPolicy>().unwrap().to_string(), name);
    }
    assert!("maybe".parse::<ConflictPolicy>().unwrap_err().contains("last-write-wins, optimistic"));
}
