//! State that the client holds: the session's key *is* its state, and no server remembers which one is the newest.

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session::{Backend, CookieFormat, StoreError};
use std::collections::HashMap;

type State = HashMap<String, String>;

/// The store that stores nothing.
#[derive(Clone, Copy)]
pub struct Held;

fn seal(state: &State) -> anyhow::Result<SessionKey> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(state)?).try_into()?)
}

impl Backend for Held {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn cookie_format(&self) -> CookieFormat {
        CookieFormat::Library
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl SessionStore for Held {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let state = URL_SAFE_NO_PAD.decode(key.as_ref()).ok();
        Ok(state.and_then(|state| serde_json::from_slice(&state).ok()))
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        seal(&state).map_err(SaveError::Other)
    }

    async fn update(
        &self,
        _key: SessionKey,
        state: State,
        _ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        seal(&state).map_err(UpdateError::Other)
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, _key: &SessionKey) -> Result<(), anyhow::Error> {
        Ok(())
    }
}
