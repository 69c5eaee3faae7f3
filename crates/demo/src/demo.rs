//! A demo: segments one after the other, who watches them, and what visitors ask for.

mod presenter;

use crate::carts::{CartError, CartRequest, Carts, Errand, Got};
use crate::control::Control;
use crate::guard::{Rate, Token};
use crate::history::History;
use crate::hub::{Hub, Staged, Viewer};
use crate::orders::{self, Orders, Refusal};
use crate::scene::{self, Cast};
use crate::segment::{Following, Segment, Setting, trials};
use crate::show::{Ended, Message, Show, Side, Sides, State};
use crate::vote::Class;
use crate::web;
use driver::{DriverError, ExternalStores, Scratch, Visit};
use journal::TrialRef;
use scenario::Stack;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};
use tokio::task::JoinHandle;

/// How often the page is told what changed.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// A visitor is told that no answer came, this long after a request's own time-out.
const CART_PATIENCE: Duration = Duration::from_secs(5);

/// Told where a segment's journals are, when it begins.
pub type OnSegment = Box<dyn Fn(&[TrialRef]) + Send + Sync>;

/// What a demo is to be.
pub struct Options {
    /// Port on loopback; 0 lets the kernel choose.
    pub port: u16,
    /// The stateful tier and the stateless one.
    pub stacks: [Stack; 2],
    /// How much goes on.
    pub cast: Cast,
    /// The first segment's seed.
    pub seed: u64,
    /// The run's id.
    pub run: String,
    /// Where journals are kept; it exists.
    pub dir: PathBuf,
    /// Private data.
    pub scratch: Scratch,
    /// Stores that are there already.
    pub external: ExternalStores,
    /// A second listener for a class.
    pub class: Option<ClassRoom>,
    /// Becomes true when the user breaks the demo off.
    pub interrupt: watch::Receiver<bool>,
    /// Told where each segment's journals are, when it begins.
    pub on_segment: OnSegment,
}

/// Where a class may join.
#[derive(Clone, Copy, Debug)]
pub struct ClassRoom {
    /// The address on the local network; `None` for the one by which this machine reaches it.
    pub address: Option<IpAddr>,
    /// The port; 0 lets the kernel choose.
    pub port: u16,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The tiers, or their journals.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Nobody can be served.
    #[error("cannot listen on {addr}: {reason}; choose another with {option}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        reason: std::io::Error,
        /// The option that chooses it.
        option: &'static str,
    },
    /// Phones could not open this address.
    #[error(
        "--class-address {address} is every address and the name of none, so no phone could open it; name one of this machine's own, \
         or leave the option out"
    )]
    NoName {
        /// Which.
        address: IpAddr,
    },
    /// A file of a recording.
    #[error("{path}: {reason}")]
    Recording {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A demo that runs.
pub struct Demo {
    inner: Arc<Inner>,
    url: String,
    addr: SocketAddr,
    class_addr: Option<SocketAddr>,
    code: Option<String>,
    ticker: JoinHandle<()>,
    servers: Vec<web::Served>,
}

/// What everybody shares.
pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) token: Option<Token>,
    pub(crate) class: Option<Mutex<Class>>,
    pub(crate) history: Mutex<History>,
    handle: Handle,
    pub(crate) orders: Mutex<Rate>,
    /// What segments are made of; a recording has none.
    setting: Option<Setting>,
    carts: Carts,
    segment: Arc<RwLock<Option<Segment>>>,
    readers: Mutex<Vec<std::thread::JoinHandle<()>>>,
    resetting: AtomicBool,
    /// The class has changed, and nobody who watches knows it yet.
    class_changed: AtomicBool,
    findings: Mutex<Vec<Sides<Option<Ended>>>>,
    on_segment: OnSegment,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Demo {
    /// Starts both tiers, then the page.
    ///
    /// # Errors
    /// When a tier does not come up, or a port is taken; what was started is ended.
    pub async fn start(options: Options) -> Result<Self, DemoError> {
        let Options { port, stacks, cast, seed, run, dir, scratch, external, class, interrupt, on_segment } =
            options;
        let listener = web::listen(SocketAddr::from(([127, 0, 0, 1], port)), "--port")?;
        let room = class.map(web::class_listener).transpose()?;
        let addr = web::addr_of(&listener)?;
        let class_addr = room.as_ref().map(web::addr_of).transpose()?;
        let history = scratch.path().join("history");
        let history = History::create(&history).map_err(|e| DriverError::io(&history, e))?;
        let scenario = scene::scenario(&cast, stacks);
        let setting = Setting { run, dir, scratch, external, scenario, stacks, seed, interrupt };
        let (segment, readers, show) = Segment::start(&setting, 1).await?;
        on_segment(&trials(&setting, 1));
        let clock = segment.clock;
        let (token, secret) = Token::fresh();
        let code = class_addr.map(|_| web::code());
        let urls = class_addr.iter().map(|addr| format!("http://{addr}/")).collect();
        let inner = Arc::new(Inner {
            hub: Arc::new(Hub::new(Staged::new(show, move || clock.now_us()))),
            token: Some(token),
            class: code.clone().map(|code| Mutex::new(Class::new(code, urls))),
            history: Mutex::new(history),
            handle: Handle::current(),
            orders: orders::rate(),
            carts: Carts::default(),
            segment: Arc::new(RwLock::new(Some(segment))),
            readers: Mutex::default(),
            resetting: AtomicBool::new(false),
            class_changed: AtomicBool::new(false),
            findings: Mutex::default(),
            setting: Some(setting),
            on_segment,
        });
        inner.begin(readers);
        let ticker = tokio::spawn(Arc::clone(&inner).tick());
        let mut served = vec![web::serve(listener, &inner)];
        served.extend(room.map(|room| web::serve_class(room, &inner)));
        let servers: Vec<_> = match served.into_iter().collect() {
            Ok(servers) => servers,
            Err(e) => {
                ticker.abort();
                if let Some(segment) = inner.segment.write().await.take() {
                    let _ = segment.finish().await;
                }
                return Err(e);
            }
        };
        let url = format!("http://{addr}/#token={secret}");
        Ok(Self { inner, url, addr, class_addr, code, ticker, servers })
    }

    /// What is to be opened: it carries the presenter's token.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the page is served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where a class may join, and with which code.
    pub fn class(&self) -> Option<(SocketAddr, &str)> {
        self.class_addr.zip(self.code.as_deref())
    }

    /// How many watch.
    pub fn watching(&self) -> usize {
        self.inner.hub.watching()
    }

    /// A place among those who watch, without a browser. `None` when too many do.
    pub fn viewer(&self) -> Option<Viewer> {
        self.inner.hub.viewer()
    }

    /// The way by which orders come.
    pub fn orders(&self) -> Orders {
        Orders::of(&self.inner)
    }

    /// Orders something, as the page does.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn order(&self, control: Control) -> Result<String, Refusal> {
        self.orders().give(control).await
    }

    /// Ends everything: what is under way is finished and healed, everybody reads once more, and both journals are judged. Answers
    /// what was found in each segment.
    ///
    /// # Errors
    /// When a journal could not be written. Nothing is left running all the same.
    pub async fn stop(self) -> Result<Vec<Sides<Option<Ended>>>, DemoError> {
        self.inner.resetting.store(true, Ordering::SeqCst);
        let mut slot = self.inner.segment.write().await;
        let ended = match slot.take() {
            Some(segment) => self.inner.end(segment).await,
            None => Ok(()),
        };
        drop(slot);
        self.ticker.abort();
        for server in self.servers {
            server.stop().await;
        }
        let _ = self.ticker.await;
        ended?;
        let findings = lock(&self.inner.findings).clone();
        Ok(findings)
    }
}

impl Inner {
    /// What serves a recording: nothing runs, and nobody steers.
    pub(crate) fn of_a_recording(show: Show, end_us: u64, history: History) -> Arc<Self> {
        Arc::new(Self {
            hub: Arc::new(Hub::new(Staged::new(show, move || end_us))),
            token: None,
            class: None,
            history: Mutex::new(history),
            handle: Handle::current(),
            orders: orders::rate(),
            setting: None,
            carts: Carts::default(),
            segment: Arc::default(),
            readers: Mutex::default(),
            resetting: AtomicBool::new(true),
            class_changed: AtomicBool::new(false),
            findings: Mutex::default(),
            on_segment: Box::new(|_| {}),
        })
    }

    /// A segment has begun: its journals are followed.
    fn begin(self: &Arc<Self>, readers: [Following; 2]) {
        let shoppers = self.setting.as_ref().map_or(0, |setting| setting.scenario.load.shoppers);
        self.carts.begin(shoppers);
        let threads = Side::BOTH.into_iter().zip(readers).map(|(side, reader)| {
            let inner = Arc::clone(self);
            std::thread::spawn(move || inner.follow(side, reader))
        });
        *lock(&self.readers) = threads.collect();
    }

    /// Reads one journal to its seal.
    fn follow(&self, side: Side, reader: Following) {
        for entry in reader {
            match entry {
                Ok(entry) => {
                    if let Some(step) = self.hub.show().show.push(side, &entry) {
                        self.carts.told(side, step);
                    }
                }
                Err(error) => self.hub.show().show.fail(side, &error),
            }
        }
    }

    /// Tells everybody what changed, again and again.
    async fn tick(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if self.class_changed.swap(false, Ordering::SeqCst) {
                self.tell_class();
            }
            self.tell();
            let over = self.segment.try_read().is_ok_and(|slot| slot.as_ref().is_some_and(Segment::is_over));
            if over && self.reset().is_ok() {
                self.say("The timetable is over: the next segment begins.");
            }
        }
    }

    fn tell(&self) {
        let mut staged = self.hub.show();
        if staged.show.state == State::Over {
            return;
        }
        let at_us = staged.now_us();
        let mut messages = staged.show.tick(at_us);
        if lock(&self.history).wants_snapshot(at_us) {
            let snapshot = staged.show.snapshot(at_us);
            self.keep(&[snapshot]);
        }
        // The segment's first tick is of a clock that may not have begun.
        messages.iter().for_each(|message| self.hub.send(message));
        self.keep(&messages);
        messages.clear();
    }

    /// Sends something that is in no journal.
    fn say(&self, text: &str) {
        let mut staged = self.hub.show();
        let at_us = staged.now_us();
        let line = staged.show.note(at_us, text);
        self.hub.send(&line);
        self.keep(&[line]);
    }

    fn keep(&self, messages: &[Message]) {
        // Without history the page cannot go back; nothing else needs it.
        let _ = lock(&self.history).append(messages);
    }

    /// Ends a segment, has it judged, and tells.
    async fn end(&self, segment: Segment) -> Result<(), DriverError> {
        {
            let mut staged = self.hub.show();
            staged.show.state = State::Ending;
            let snapshot = staged.snapshot();
            self.hub.send(&snapshot);
        }
        let ended = segment.finish().await;
        let readers = std::mem::take(&mut *lock(&self.readers));
        // They end with the seals, or where a journal breaks off.
        let read =
            tokio::task::spawn_blocking(move || readers.into_iter().for_each(|reader| drop(reader.join())));
        let _ = read.await;
        self.tell();
        let mut staged = self.hub.show();
        let (mut messages, findings) = staged.show.finish();
        messages.push(staged.snapshot());
        messages.iter().for_each(|message| self.hub.send(message));
        self.keep(&messages);
        lock(&self.findings).push(findings);
        ended
    }

    /// Ends the segment and begins the next one, while others wait.
    pub(crate) fn reset(self: &Arc<Self>) -> Result<(), Refusal> {
        if self.resetting.swap(true, Ordering::SeqCst) {
            return Err(Refusal::NotNow("the segment is ending already".to_owned()));
        }
        let inner = Arc::clone(self);
        self.handle.spawn(async move {
            let mut slot = inner.segment.write().await;
            let Some(setting) = &inner.setting else { return };
            // There is none when the last one did not begin.
            if let Some(old) = slot.take()
                && let Err(e) = inner.end(old).await
            {
                inner.say(&format!("The segment did not end well: {e}"));
            }
            let number = inner.hub.show().show.segment() + 1;
            let begun = Segment::start(setting, number).await.map(|(segment, readers, show)| {
                inner.stage(setting, &segment, show);
                inner.begin(readers);
                *slot = Some(segment);
            });
            inner.resetting.store(false, Ordering::SeqCst);
            if let Err(e) = begun {
                inner.say(&format!("The next segment does not begin: {e}. Reset tries again."));
            }
        });
        Ok(())
    }

    fn stage(&self, setting: &Setting, segment: &Segment, mut show: Show) {
        (self.on_segment)(&trials(setting, segment.number));
        let history = setting.scratch.path().join("history");
        if let Ok(fresh) = History::create(&history) {
            *lock(&self.history) = fresh;
        }
        show.findings.clone_from(&self.hub.show().show.findings);
        if let Some(class) = &self.class {
            let mut class = lock(class);
            class.begin_segment();
            show.class = class.for_the_board();
        }
        let clock = segment.clock;
        self.hub.stage(Staged::new(show, move || clock.now_us()));
    }

    /// The segment that runs, which does not end while this is held.
    async fn running(&self) -> Result<OwnedRwLockReadGuard<Option<Segment>, Segment>, Refusal> {
        let no = |why: &str| Refusal::NotNow(why.to_owned());
        if self.resetting.load(Ordering::SeqCst) {
            return Err(no("a segment is ending, or the next one is beginning; wait a moment"));
        }
        let slot = Arc::clone(&self.segment).read_owned().await;
        OwnedRwLockReadGuard::try_map(slot, Option::as_ref)
            .map_err(|_| no("no segment runs, for the last one did not begin; reset tries again"))
    }

    /// A visitor's request goes to both tiers, and both journals' answers come back.
    pub(crate) async fn visit(
        self: &Arc<Self>,
        visitor: &str,
        request: CartRequest,
    ) -> Result<Visited, CartError> {
        let segment = self.running().await.map_err(|_| CartError::NotNow("the next segment is beginning"))?;
        let Errand { shopper, step, action, op, mut told } = self.carts.ask(visitor, request)?;
        for side in Side::BOTH {
            let visit = Visit { shopper, step, action, op: op.clone() };
            segment.tier(side).entrance().visit(visit);
        }
        drop(segment);
        let both = async { tokio::join!(&mut told.a, &mut told.b) };
        let told = match tokio::time::timeout(CART_PATIENCE, both).await {
            Ok((a, b)) => Sides { a: a.ok(), b: b.ok() },
            // One of them may have come.
            Err(_) => Sides { a: told.a.try_recv().ok(), b: told.b.try_recv().ok() },
        };
        Ok(Visited { shopper, got: self.carts.got(visitor, (shopper, step), told) })
    }

    /// Runs on the runtime that the tiers live on, wherever it is asked from.
    pub(crate) async fn on_stage<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.handle.spawn(work).await.ok()
    }
}

/// What a visitor got.
pub(crate) struct Visited {
    pub(crate) shopper: u32,
    pub(crate) got: Sides<Got>,
}
