//! Takes events from wherever they happen, in the order in which they are told, and has one thread write them to the journal.
//! What waits is bounded; when there is too much of it the trial is void, never thinner.

use crate::error::DriverError;
use crate::metrics;
use journal::{Batch, Event, Header, StepEvent, Writer};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many events may wait for the disk.
const MOST_WAITING: u64 = 1 << 16;
/// The journal's thread lets events gather for so long, or until they are so many bytes: a wake-up for each event would cost more
/// than the event.
const GATHER: Duration = Duration::from_millis(20);
const GATHER_BYTES: usize = 1 << 17;

/// Hands events to the journal; clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<OpenEnd>);

/// Lives as long as any recorder.
struct OpenEnd(Arc<Shared>);

impl Drop for OpenEnd {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.wake.notify_one();
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    most_waiting: AtomicU64,
    lost: AtomicBool,
}

#[derive(Default)]
struct Queue {
    batch: Batch,
    closed: bool,
    failed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Whoever panicked meanwhile left whole lines behind.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        if let Some(metrics) = metrics::published() {
            metrics.trial(header);
        }
        let writer = Writer::new(file, header).map_err(|e| DriverError::io(path, e))?;
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(writer, &queue).inspect_err(|_| queue.queue().failed = true))
            .map_err(|e| DriverError::io(path, e))?;
        Ok((Self(Arc::new(OpenEnd(shared))), JournalThread { path: path.to_owned(), thread }))
    }

    /// Records an event. Never waits for the disk: an event for which there is no room makes the trial void.
    pub fn record(&self, event: Event) {
        self.append(&event, MOST_WAITING);
    }

    /// The same for a step, whose text may be borrowed.
    pub fn record_step<S: Serialize>(&self, step: StepEvent<S>) {
        if let Some(metrics) = metrics::published() {
            metrics.step(&step);
        }
        self.append(&Event::Step(step), MOST_WAITING);
    }

    /// Records an event when the trial is over: there is room for it.
    pub fn record_last(&self, event: Event) {
        self.append(&event, u64::MAX);
    }

    fn append<S: Serialize>(&self, event: &Event<S>, most_waiting: u64) {
        let shared = &*self.0.0;
        let mut queue = shared.queue();
        if queue.failed || queue.batch.entries() >= most_waiting {
            shared.lost.store(true, Ordering::Relaxed);
            return;
        }
        let bytes_before = queue.batch.bytes();
        queue.batch.append(event);
        let is_enough = |bytes| bytes >= GATHER_BYTES;
        let wake = bytes_before == 0 || is_enough(bytes_before) != is_enough(queue.batch.bytes());
        shared.most_waiting.fetch_max(queue.batch.entries(), Ordering::Relaxed);
        drop(queue);
        if wake {
            shared.wake.notify_one();
        }
    }

    /// The most events that ever waited.
    pub fn most_waiting(&self) -> u64 {
        self.0.0.most_waiting.load(Ordering::Relaxed)
    }

    /// Whether an event was lost.
    pub fn has_lost(&self) -> bool {
        self.0.0.lost.load(Ordering::Relaxed)
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

fn write_all(mut writer: Writer<File>, shared: &Shared) -> std::io::Result<()> {
    let mut batch = Batch::default();
    loop {
        let idle = |queue: &mut Queue| queue.batch.entries() == 0 && !queue.closed;
        let queue = shared.wake.wait_while(shared.queue(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |queue: &mut Queue| queue.batch.bytes() < GATHER_BYTES && !queue.closed;
        let gathered = shared.wake.wait_timeout_while(queue, GATHER, few);
        let (mut queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        batch = queue.batch.take(batch);
        let closed = queue.closed;
        drop(queue);
        writer.write(&batch)?;
        if closed {
            return writer.seal().map(|_| ());
        }
    }
}
