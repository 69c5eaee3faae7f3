//! Takes events from wherever they happen and has one thread write them to the journal. The queue is bounded; when it is
//! full the trial is void, never thinner.

use crate::error::DriverError;
use journal::{Event, Header, Writer};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// How many events may wait for the disk.
const QUEUE: usize = 1 << 16;

/// Hands events to the journal; clones share it.
#[derive(Clone)]
pub struct Recorder {
    events: SyncSender<Event>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: AtomicU64,
    most_waiting: AtomicU64,
    lost: AtomicBool,
}

/// The journal's thread.
pub struct JournalThread {
    path: PathBuf,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Recorder {
    /// Begins a journal.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(path: &Path, header: &Header) -> Result<(Self, JournalThread), DriverError> {
        let file = File::create(path).map_err(|e| DriverError::io(path, e))?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 18, file), header)
            .map_err(|e| DriverError::io(path, e))?;
        let (events, queue) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let counters = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(writer, &queue, &counters))
            .map_err(|e| DriverError::io(path, e))?;
        Ok((Self { events, shared }, JournalThread { path: path.to_owned(), thread }))
    }

    /// Records an event. Never blocks: an event for which there is no room makes the trial void.
    pub fn record(&self, event: Event) {
        let waiting = self.shared.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.most_waiting.fetch_max(waiting, Ordering::Relaxed);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.events.try_send(event) {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            self.shared.lost.store(true, Ordering::Relaxed);
        }
    }

    /// Records an event when the trial is over, and may wait for room.
    pub fn record_last(&self, event: Event) {
        // A journal that has failed says so in [`JournalThread::finish`].
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.events.send(event);
    }

    /// The most events that ever waited.
    pub fn most_waiting(&self) -> u64 {
        self.shared.most_waiting.load(Ordering::Relaxed)
    }

    /// Whether an event was lost.
    pub fn has_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl JournalThread {
    /// Waits until everything is written and sealed. All recorders must be gone by then.
    ///
    /// # Errors
    /// When the disk did not take it.
    pub fn finish(self) -> Result<(), DriverError> {
        let written = self
            .thread
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the journal's thread panicked")));
        written.map_err(|e| DriverError::io(&self.path, e))
    }
}

fn write_all(
    mut writer: Writer<BufWriter<File>>,
    queue: &Receiver<Event>,
    shared: &Shared,
) -> std::io::Result<()> {
    for event in queue {
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
        writer.append(event)?;
    }
    writer.seal().map(|_| ())
}
