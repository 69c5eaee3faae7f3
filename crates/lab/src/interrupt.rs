//! Ctrl-C, SIGTERM and a closed terminal: the first asks everything to end well, the second ends it at once.

use crate::failure::Exit;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Follows the user's wish to stop.
#[derive(Clone)]
pub struct Interrupt {
    raised: watch::Receiver<bool>,
    scratch: Arc<Mutex<Option<PathBuf>>>,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> std::io::Result<Self> {
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .into_iter()
            .map(signal)
            .collect::<Result<Vec<_>, _>>()?;
        let (raise, raised) = watch::channel(false);
        let scratch: Arc<Mutex<Option<PathBuf>>> = Arc::default();
        let interrupt = Self { raised, scratch: Arc::clone(&scratch) };
        tokio::spawn(async move {
            any(&mut signals).await;
            crate::terminal::note(
                "\nstopping: ending the processes and saving what there is (once more ends at once)",
            );
            raise.send_replace(true);
            any(&mut signals).await;
            if let Some(folder) = scratch.lock().ok().and_then(|mut folder| folder.take()) {
                let _ = std::fs::remove_dir_all(folder);
            }
            // The children die with this process.
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(interrupt)
    }

    /// Whether the user wants to stop.
    pub fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// For whoever waits for it.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.raised.clone()
    }

    /// A folder to remove when there is no time for anything else.
    pub fn remove_when_killed(&self, folder: &Path) {
        if let Ok(mut slot) = self.scratch.lock() {
            *slot = Some(folder.to_owned());
        }
    }
}

async fn any(signals: &mut [tokio::signal::unix::Signal]) {
    std::future::poll_fn(|context| {
        match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
