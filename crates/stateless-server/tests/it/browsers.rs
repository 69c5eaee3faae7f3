//! The client's half of a session that the client holds: a shelf of browsers, each with one sealed cookie. With it in its hands, the
//! cookie store is a store like any other, and the one suite shows what it can do and what it cannot.
//!
//! These browsers are a thief's: what is logged out or renewed they keep.

use session::conformance::Fixture;
use session::{
    Capabilities, ConflictPolicy, Expect, Keyring, Lifetime, Search, SessionStore, StoreError, StoreKey,
    Stored, Version, WriteError,
};
use stateless_server::store::cookie::{CookieStore, State, Token};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAME: &str = "sid";

/// The cookies of all browsers, and the tier's keys.
#[derive(Clone)]
pub struct InBrowsers {
    ring: Keyring,
    cookies: Arc<Mutex<HashMap<StoreKey, String>>>,
}

impl InBrowsers {
    pub fn new() -> Self {
        Self { ring: Keyring::new(&[[7; 64]]), cookies: Arc::default() }
    }
}

impl Fixture for InBrowsers {
    type Store = Tier;

    async fn open(&self, lifetime: Lifetime) -> Tier {
        let policy = ConflictPolicy::LastWriteWins;
        let server = CookieStore::new("lab".parse().unwrap(), lifetime, policy).unwrap();
        Tier { server, browsers: self.clone() }
    }
}

/// A server, and everybody who shops there.
#[derive(Clone)]
pub struct Tier {
    server: CookieStore,
    browsers: InBrowsers,
}

impl Tier {
    /// What the server makes of the cookie that this browser sends.
    fn received(&self, cookies: &HashMap<StoreKey, String>, key: &StoreKey) -> Option<Token> {
        self.server.read(&self.browsers.ring.open(NAME, cookies.get(key)?)?)
    }

    /// What the server answers with.
    fn sent(&self, token: &Token) -> Result<String, StoreError> {
        let sealed = self.browsers.ring.seal(NAME, &token.to_text()?);
        sealed.map_err(|too_large| StoreError::TooLarge(too_large.to_string()))
    }

    fn write(&self, old: &StoreKey, new: &StoreKey, payload: &[u8]) -> Result<Version, WriteError> {
        let mut cookies = self.browsers.cookies.lock().unwrap();
        let before = self.received(&cookies, old).ok_or(WriteError::Gone)?;
        let after = self.server.update(before, state(payload), old != new);
        cookies.insert(new.clone(), self.sent(&after)?);
        Ok(after.version())
    }
}

impl SessionStore for Tier {
    fn name(&self) -> &'static str {
        "cookie"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: false, shared: true, compare_and_set: false, client_held: true }
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let token = self.received(&self.browsers.cookies.lock().unwrap(), key);
        Ok(token.map(|token| Stored { version: token.version(), payload: payload(token.into_state()) }))
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let cookie = self.sent(&self.server.create(state(payload)))?;
        self.browsers.cookies.lock().unwrap().insert(key.clone(), cookie);
        Ok(())
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], _expect: Expect) -> Result<Version, WriteError> {
        self.write(key, key, payload)
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        _expect: Expect,
    ) -> Result<Version, WriteError> {
        self.write(old, new, payload)
    }

    async fn delete(&self, _key: &StoreKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn search(&self, _wanted: &[u8], _within: Duration) -> Result<Option<Search>, StoreError> {
        // What the tier can see of its clients is nothing.
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The suite's bytes as an application's state, one character each.
fn state(payload: &[u8]) -> State {
    State::from([("state".to_owned(), payload.iter().map(|&byte| char::from(byte)).collect())])
}

fn payload(state: State) -> Vec<u8> {
    state["state"].chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}
