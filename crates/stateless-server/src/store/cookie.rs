//! Sessions held by the client: the cookie is the session, sealed by the server's keyring, and no server keeps anything.
//!
//! What that can do: any server with the keys answers, no store can be down, slow or full, and a server holds not a byte for a session.
//! The client can neither read nor change what it holds. Expiry is inside the seal and told by the server's clock.
//!
//! What it cannot do, whoever builds it:
//!
//! - **Revoke.** Log-out is a client that forgets. A copy of the cookie (a thief's, a backup's) stays a session until a deadline in it
//!   passes, or until the key that sealed it is taken out of the tier, which ends every session under that key.
//! - **Refuse a replay.** An older cookie of the same session is as genuine as the newest one: putting it back rolls the session back.
//! - **Notice a conflict.** Two tabs that write at once start from one cookie, and the browser keeps the answer that comes last.
//! - **Grow.** A browser drops a cookie of more than 4,096 bytes, so a state of about 2.9 kB is the end; more is refused with 413, and
//!   the session stays as it was.
//! - **Move the idle deadline with reads.** A read would have to send the whole state again, and when it is slow, that erases what
//!   another tab has written meanwhile. So the idle time counts from the latest write.
//!
//! actix-session's own cookie store, the baseline, has the same first three limits and two more: nothing expires on the server, and a
//! cookie that every browser drops is sent with a 200.

use super::{Prefix, millis};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use serde::{Deserialize, Serialize};
use session::adapter::CannotCompare;
use session::{
    Backend, ConflictPolicy, CookieFormat, Lifetime, Reach, SessionId, StoreError, Version, WriteError, scope,
};
use std::collections::HashMap;
use std::time::SystemTime;

const NAME: &str = "cookie";
/// The baseline's name for reports.
pub const ACTIX_NAME: &str = "cookie-actix";

/// What an application keeps in a session.
pub type State = HashMap<String, String>;

/// The store: nothing but how long sessions live, and whose they are.
#[derive(Clone, Debug)]
pub struct CookieStore {
    audience: Prefix,
    lifetime: Lifetime,
}

/// All of a session, as it is inside the seal. Times are milliseconds since 1970 by the clock of the server that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The tier that it was written by and for: another one may have the same keys.
    #[serde(rename = "aud")]
    audience: String,
    /// Names the session over all its writes, and changes with a renewal: what a list of revoked sessions would hold.
    id: String,
    /// Counts the writes.
    #[serde(rename = "ver")]
    version: Version,
    #[serde(rename = "iat")]
    issued_ms: i64,
    #[serde(rename = "idle")]
    idle_deadline_ms: i64,
    #[serde(rename = "abs")]
    absolute_deadline_ms: i64,
    state: State,
}

impl CookieStore {
    /// A store for the tier of this prefix.
    ///
    /// # Errors
    /// When the policy is [`ConflictPolicy::Optimistic`]: nobody knows the newest version of what a client holds.
    pub fn new(audience: Prefix, lifetime: Lifetime, policy: ConflictPolicy) -> Result<Self, CannotCompare> {
        policy.without_versions(NAME)?;
        Ok(Self { audience, lifetime })
    }

    /// A new session.
    pub fn create(&self, state: State) -> Token {
        let now = now_ms();
        Token {
            audience: self.audience.to_string(),
            id: SessionId::generate().expose().to_owned(),
            version: 1,
            issued_ms: now,
            idle_deadline_ms: now.saturating_add(millis(self.lifetime.idle)),
            absolute_deadline_ms: now.saturating_add(millis(self.lifetime.absolute)),
            state,
        }
    }

    /// The live session in what was inside a seal; `None` when it has expired, is another tier's, or is no session.
    pub fn read(&self, opened: &str) -> Option<Token> {
        let token: Token = serde_json::from_str(opened).ok()?;
        let now = now_ms();
        // The second: an idle time that was shortened holds for the cookies that are out already; nothing else can call them back.
        let idle_deadline =
            token.idle_deadline_ms.min(token.issued_ms.saturating_add(millis(self.lifetime.idle)));
        let is_ours = token.audience == self.audience.as_str();
        (is_ours && now < idle_deadline && now < token.absolute_deadline_ms).then_some(token)
    }

    /// The session after a write; renewed, it has a new id. Its absolute deadline is kept.
    pub fn update(&self, before: Token, state: State, renewed: bool) -> Token {
        let fresh = self.create(state);
        Token {
            id: if renewed { fresh.id } else { before.id },
            version: before.version + 1,
            absolute_deadline_ms: before.absolute_deadline_ms,
            ..fresh
        }
    }
}

impl Token {
    /// What goes inside the seal.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be written as JSON, which strings and numbers always can.
    pub fn to_text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|err| StoreError::Corrupt(err.to_string()))
    }

    /// The number of this write.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the application keeps in it.
    pub fn into_state(self) -> State {
        self.state
    }
}

impl Backend for CookieStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cookie_format(&self) -> CookieFormat {
        CookieFormat::Ours
    }

    fn reach(&self) -> Reach {
        Reach::Client
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl SessionStore for CookieStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.read(key.as_ref()).map(Token::into_state))
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        session_key(&self.create(state)).map_err(|refusal| SaveError::Other(refuse(refusal)))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        _ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        // It may have expired since it was loaded.
        let before = self.read(key.as_ref()).ok_or(WriteError::Gone);
        before
            .map(|before| self.update(before, state, scope::renewal_requested()))
            .and_then(|token| session_key(&token))
            .map_err(|refusal| UpdateError::Other(refuse(refusal)))
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// Nothing to delete: the client is told to forget, and may not.
    async fn delete(&self, _key: &SessionKey) -> Result<(), anyhow::Error> {
        Ok(())
    }
}

/// actix-session has a limit of its own before the one of the sealed cookie, which is lower: whoever meets it is far beyond both.
fn session_key(token: &Token) -> Result<SessionKey, WriteError> {
    let text = token.to_text()?;
    let bytes = text.len();
    text.try_into().map_err(|_| {
        let what =
            format!("the session has {bytes} bytes, and a browser keeps a cookie of 4096 at most, sealed");
        WriteError::Store(StoreError::TooLarge(what))
    })
}

fn refuse(refusal: WriteError) -> anyhow::Error {
    let text = anyhow::anyhow!("{refusal}");
    scope::refuse(refusal);
    text
}

fn now_ms() -> i64 {
    // A clock before 1970 is one that nobody has set: then every session has expired.
    SystemTime::UNIX_EPOCH.elapsed().map_or(i64::MAX, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(audience: &str, idle_s: u64) -> CookieStore {
        let (idle, absolute) =
            (std::time::Duration::from_secs(idle_s), std::time::Duration::from_secs(3_600));
        let lifetime = Lifetime { idle, absolute };
        CookieStore::new(audience.parse().unwrap(), lifetime, ConflictPolicy::LastWriteWins).unwrap()
    }

    #[test]
    fn a_token_is_read_by_its_own_tier_alone_and_whatever_else_was_sealed_is_none() {
        let text = store("lab", 600).create(State::new()).to_text().unwrap();
        assert!(store("lab", 600).read(&text).is_some());
        assert_eq!(store("shop", 600).read(&text), None);
        for other in ["", "{}", "null", SessionId::generate().expose(), &text[1..]] {
            assert_eq!(store("lab", 600).read(other), None, "{other}");
        }
    }

    #[test]
    fn an_idle_time_that_was_shortened_holds_for_the_cookies_that_are_out() {
        let mut token = store("lab", 600).create(State::new());
        token.issued_ms -= 60_000;
        assert!(store("lab", 600).read(&token.to_text().unwrap()).is_some());
        assert_eq!(store("lab", 30).read(&token.to_text().unwrap()), None);
    }

    #[test]
    fn a_write_counts_up_and_keeps_id_and_absolute_deadline_and_a_renewal_has_a_new_id() {
        let store = store("lab", 600);
        let first = store.create(State::new());
        let second = store.update(first.clone(), State::new(), false);
        let third = store.update(second.clone(), State::new(), true);
        assert_eq!((second.version, &second.id), (2, &first.id));
        assert_eq!(third.version, 3);
        assert_ne!(third.id, first.id);
        assert_eq!(third.absolute_deadline_ms, first.absolute_deadline_ms);
    }

    #[test]
    fn nobody_is_promised_that_conflicts_are_noticed() {
        let lifetime = store("lab", 1).lifetime;
        assert!(CookieStore::new("lab".parse().unwrap(), lifetime, ConflictPolicy::Optimistic).is_err());
    }
}
