//! The stream to everybody who watches. Nobody who is slow holds up the others, or the tiers: what waits for a viewer is bounded,
//! and one who falls behind is given everything as it stands instead of what was missed.

use crate::show::{Message, Show};
use actix_web::web::Bytes;
use futures_util::stream::{Stream, unfold};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{self, Receiver, error::RecvError};

/// So many messages may wait for a viewer: about ten seconds of them.
const MOST_WAITING: usize = 64;
/// So many may watch at once.
const MOST_VIEWERS: usize = 200;
/// A word that means nothing keeps the connection alive, and finds out who has left.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// The show, and whoever watches it.
pub struct Hub {
    show: Mutex<Staged>,
    viewers: broadcast::Sender<Bytes>,
    watching: AtomicUsize,
}

/// A show and the clock by which it is told.
pub struct Staged {
    /// What is shown.
    pub show: Show,
    now_us: Box<dyn Fn() -> u64 + Send>,
}

impl Staged {
    /// A show whose moment is told by a clock.
    pub fn new(show: Show, now_us: impl Fn() -> u64 + Send + 'static) -> Self {
        Self { show, now_us: Box::new(now_us) }
    }

    /// Where the clock stands.
    pub fn now_us(&self) -> u64 {
        (self.now_us)()
    }

    /// Everything, as it stands now.
    pub fn snapshot(&mut self) -> Message {
        let at_us = self.now_us();
        self.show.snapshot(at_us)
    }
}

impl Hub {
    /// Nobody watches yet.
    pub fn new(staged: Staged) -> Self {
        let (viewers, _) = broadcast::channel(MOST_WAITING);
        Self { show: Mutex::new(staged), viewers, watching: AtomicUsize::new(0) }
    }

    /// The show. What is sent while this is held reaches every viewer after what they were given when they came.
    pub fn show(&self) -> MutexGuard<'_, Staged> {
        self.show.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another show begins: everybody gets it whole.
    pub fn stage(&self, staged: Staged) {
        let mut show = self.show();
        *show = staged;
        let snapshot = show.snapshot();
        self.send(&snapshot);
    }

    /// Sends a message to everybody. Never waits.
    pub fn send(&self, message: &Message) {
        // Nobody may be there.
        let _ = self.viewers.send(Bytes::from(message.to_event()));
    }

    /// How many watch.
    pub fn watching(&self) -> usize {
        self.watching.load(Ordering::Relaxed)
    }

    /// A place among those who watch. `None` when too many do.
    pub fn viewer(self: &Arc<Self>) -> Option<Viewer> {
        if self.watching.fetch_add(1, Ordering::Relaxed) >= MOST_VIEWERS {
            self.watching.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Viewer { hub: Arc::clone(self), receiver: None })
    }

    /// What a viewer is told, as a stream. `None` when too many watch.
    pub fn watch(self: &Arc<Self>) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
        Some(unfold(self.viewer()?, |mut viewer| async move {
            let next = viewer.next().await?;
            Some((Ok(next), viewer))
        }))
    }

    fn join(&self) -> (Receiver<Bytes>, Bytes) {
        let mut show = self.show();
        let receiver = self.viewers.subscribe();
        (receiver, Bytes::from(show.snapshot().to_event()))
    }
}

/// One who watches: is told everything as it stands, then what changes.
pub struct Viewer {
    hub: Arc<Hub>,
    receiver: Option<Receiver<Bytes>>,
}

impl Viewer {
    /// The next message: which kind, and its JSON. `None` when nothing more will come.
    pub async fn message(&mut self) -> Option<(String, String)> {
        loop {
            let event = self.next().await?;
            if let Some((kind, data)) = std::str::from_utf8(&event).ok().and_then(Message::read_event) {
                return Some((kind.to_owned(), data.to_owned()));
            }
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(receiver) = &mut self.receiver {
            match tokio::time::timeout(ALIVE_EVERY, receiver.recv()).await {
                Ok(Ok(message)) => return Some(message),
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
                Ok(Err(RecvError::Lagged(_))) => {}
            }
        }
        let (receiver, snapshot) = self.hub.join();
        self.receiver = Some(receiver);
        Some(snapshot)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.hub.watching.fetch_sub(1, Ordering::Relaxed);
    }
}
