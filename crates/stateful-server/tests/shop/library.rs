//! A store of actix-session's own shape, passed through untouched: the lab's baseline for what the library does by default.

use crate::browser::Browser;
use crate::server::Server;
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use session::{ConflictPolicy, Library, SessionId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type State = HashMap<String, String>;

/// What the library's stores do, in a map.
#[derive(Clone, Default)]
struct Shelf {
    sessions: Arc<Mutex<HashMap<String, State>>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
    is_broken: Arc<Mutex<bool>>,
}

impl Shelf {
    fn call(&self, name: &'static str) -> Result<(), anyhow::Error> {
        self.calls.lock().unwrap().push(name);
        if *self.is_broken.lock().unwrap() { Err(anyhow::anyhow!("the shelf is broken")) } else { Ok(()) }
    }

    fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl SessionStore for Shelf {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        self.call("load").map_err(LoadError::Other)?;
        Ok(self.sessions.lock().unwrap().get(key.as_ref()).cloned())
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        self.call("save").map_err(SaveError::Other)?;
        let key = SessionId::generate().expose().to_owned();
        self.sessions.lock().unwrap().insert(key.clone(), state);
        Ok(key.try_into().unwrap())
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        _ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        self.call("update").map_err(UpdateError::Other)?;
        self.sessions.lock().unwrap().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        self.call("update_ttl")
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.call("delete")?;
        self.sessions.lock().unwrap().remove(key.as_ref());
        Ok(())
    }
}

async fn shop_with(shelf: &Shelf) -> Server {
    let sessions = Library::new("shelf", shelf.clone(), ConflictPolicy::LastWriteWins).unwrap();
    Server::start_with(sessions, "--plain-http-cookies").await
}

#[tokio::test]
async fn every_call_is_passed_through_and_a_renewal_is_a_delete_and_then_a_save() {
    let shelf = Shelf::default();
    let server = shop_with(&shelf).await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    assert_eq!(shelf.take_calls(), ["save"]);
    ada.add("apple").await.cart();
    assert_eq!(shelf.take_calls(), ["load", "update"]);

    let before = ada.cookie.clone();
    assert_eq!(ada.login("ada").await.cart().epoch, 2);
    assert_eq!(shelf.take_calls(), ["load", "delete", "save"]);
    assert_ne!(ada.cookie, before);

    ada.logout().await.cart();
    assert_eq!(shelf.take_calls(), ["load", "delete"]);
}

#[tokio::test]
async fn its_errors_stay_the_opaque_500_that_the_library_makes_of_them() {
    let shelf = Shelf::default();
    let server = shop_with(&shelf).await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    *shelf.is_broken.lock().unwrap() = true;
    for answer in [ada.read().await, ada.add("apple").await] {
        assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        assert_eq!(answer.header("x-served-by"), Some(crate::server::NAME));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    ada.send(reqwest::Method::GET, "/readyz", None).await.refused(503, "store_unavailable");
}

#[test]
fn it_cannot_be_started_with_a_promise_that_the_library_does_not_keep() {
    let refused = Library::new("shelf", Shelf::default(), ConflictPolicy::Optimistic).err().unwrap();
    let expected = "the shelf store cannot compare versions; start it with --conflict-policy last-write-wins";
    assert_eq!(refused.to_string(), expected);
}
