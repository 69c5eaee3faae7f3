//! Who watches over site A and, when it is lost, makes site B the one that serves: step by step, each told when it is done.
//!
//! It knows nothing of the fault. It asks at site A's own door, counts, lets the time of a decision pass, and acts; whether it was
//! right to is checked before it acts, for a site that was only slow would go on acknowledging beside the other.

use super::{Footing, StandbySite};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::error::DriverError;
use crate::fault::follow;
use crate::http;
use crate::recorder::Recorder;
use crate::store::Dumper;
use journal::{Event, SiteEvent, SiteStep};
use protocol::app::{HEALTH, SERVED_BY};
use reqwest::header::{COOKIE, HeaderValue, SET_COOKIE};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How long the site may take to answer the probe.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// How often the entrance is asked who serves, once it leads elsewhere.
const LOOK: Duration = Duration::from_millis(5);
/// It must be a server of site B within this.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// Watches, and takes dumps where the strategy has any, until the tasks are dropped. Nothing to do where there is one site.
pub(crate) fn stand_guard(
    cluster: &mut Cluster,
    shared: &Arc<Mutex<Cluster>>,
    recorder: &Recorder,
    clock: Clock,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let door = cluster.seat_addr();
    let Some(standby) = cluster.standby_mut() else { return tasks };
    standby.is_followed();
    let settings = standby.settings();
    let log = Log { recorder: recorder.clone(), clock };
    if let (Some(dumper), Some(every_ms)) = (standby.dumper.take(), settings.dump_every_ms) {
        let (latest, shared) = (standby.dumped.clone(), Arc::clone(shared));
        tasks.spawn(dump_now_and_then(dumper, every_ms, latest, shared, log.clone()));
    }
    tasks.spawn(Guard { door, settings, cluster: Arc::clone(shared), log }.watch());
    tasks
}

/// Tells the journal.
#[derive(Clone)]
struct Log {
    recorder: Recorder,
    clock: Clock,
}

impl Log {
    fn tell(&self, step: SiteStep, detail: impl Into<String>) {
        self.tell_since(None, step, detail);
    }

    fn tell_since(&self, begun_us: Option<u64>, step: SiteStep, detail: impl Into<String>) {
        let event = SiteEvent { at_us: self.clock.now_us(), step, begun_us, detail: detail.into() };
        self.recorder.record(Event::Site(event));
    }

    fn void(&self, reason: String) {
        self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
    }
}

/// At every multiple of the time between two dumps, by the trial's own clock.
async fn dump_now_and_then(
    dumper: Dumper,
    every_ms: u64,
    latest: watch::Sender<Option<PathBuf>>,
    cluster: Arc<Mutex<Cluster>>,
    log: Log,
) {
    for number in 1_u32.. {
        log.clock.sleep_until(u64::from(number) * every_ms * 1_000).await;
        let begun_us = log.clock.now_us();
        let dumped = dumper.dump(number).await;
        // A dump that was under way when the disaster struck is none.
        if cluster.lock().await.footing() != Footing::Firm {
            return;
        }
        match dumped {
            Ok(file) => {
                let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
                latest.send_replace(Some(file));
                log.tell_since(Some(begun_us), SiteStep::Dumped, format!("dump {number}: {bytes} bytes"));
            }
            Err(e) => return log.void(format!("the store could not be dumped: {e}")),
        }
    }
}

struct Guard {
    door: SocketAddr,
    settings: scenario::StandbySite,
    cluster: Arc<Mutex<Cluster>>,
    log: Log,
}

impl Guard {
    async fn watch(self) {
        let Ok(probe) = Probe::new(self.door) else {
            return self.log.void("no HTTP client for the probe of site A".to_owned());
        };
        let detail = self.until_lost(probe).await;
        self.log.tell(SiteStep::Detected, detail);
        if self.cluster.lock().await.footing() == Footing::Firm {
            let reason = "the probe held site A for lost, and no disaster had struck it: it was only slow";
            return self.log.void(reason.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(self.settings.declare_ms)).await;
        self.log.tell(SiteStep::Declared, "site B takes over");
        let mut cluster = self.cluster.lock().await;
        if let Err(e) = self.take_over(&mut cluster).await {
            cluster.set_footing(Footing::Hopeless);
            self.log.void(format!("site B could not take over: {e}"));
        }
    }

    /// Goes on until the site has not served so many times in a row.
    async fn until_lost(&self, mut probe: Probe) -> String {
        let mut tick = interval(Duration::from_millis(self.settings.probe_every_ms));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut misses = 0;
        loop {
            tick.tick().await;
            match probe.ask().await {
                Ok(_) => misses = 0,
                Err(what) => {
                    misses += 1;
                    if misses >= self.settings.misses {
                        return format!("{misses} times in a row: {what}");
                    }
                }
            }
        }
    }

    async fn take_over(&self, cluster: &mut Cluster) -> Result<(), DriverError> {
        let gone = || DriverError::Machine("no site stands by".to_owned());
        let mut standby = cluster.take_standby().ok_or_else(gone)?;
        let seen = self.bring_up(cluster, &mut standby).await;
        let (tier, seen) = match seen {
            Ok(seen) => seen,
            Err(e) => {
                // What runs of it must be ended with the trial.
                cluster.stand_by(standby);
                return Err(e);
            }
        };
        self.log.tell(SiteStep::Started, seen);
        let to = tier.seat_addr();
        cluster.give_way_to(tier, standby);
        let entrance = cluster.entrance().ok_or_else(|| DriverError::Machine("no entrance".to_owned()))?;
        let state = entrance.set_upstream(to).await?;
        if state.upstream != to {
            return Err(DriverError::Machine("the entrance leads elsewhere".to_owned()));
        }
        self.log
            .tell(SiteStep::Rerouted, format!("new connections go to {}", cluster.seat().process().name()));
        let served_by = self.until_served(cluster).await?;
        self.log.tell(SiteStep::Served, format!("{served_by} answered through the entrance"));
        Ok(())
    }

    /// Store first, for servers that start before it would refuse.
    async fn bring_up(
        &self,
        cluster: &Cluster,
        standby: &mut StandbySite,
    ) -> Result<(Cluster, String), DriverError> {
        if let Some(seen) = standby.promote(cluster.store()).await? {
            self.log.tell(SiteStep::Promoted, seen);
        }
        let (mut tier, seen) = standby.start(cluster.store()).await?;
        for (process, took) in tier.start_ups() {
            if !standby.followed.iter().any(|name| name == process.name()) {
                follow(process, took, &self.log.recorder, self.log.clock);
            }
        }
        tier.store_mut().newcomers().for_each(|node| node.followed = true);
        Ok((tier, seen))
    }

    async fn until_served(&self, cluster: &Cluster) -> Result<String, DriverError> {
        let mut probe = Probe::new(cluster.addr())?;
        let deadline = Instant::now() + SERVED_WITHIN;
        loop {
            let answer = probe.ask().await;
            let is_there =
                |instance: &String| cluster.places().iter().any(|place| place.server.instance == *instance);
            match answer {
                Ok(instance) if is_there(&instance) => return Ok(instance),
                answer if Instant::now() > deadline => {
                    let what = format!("nobody of site B answers through the entrance: {answer:?}");
                    return Err(DriverError::Machine(what));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// Asks a router whether somebody behind it serves, always as the same client, so that no session but one is bound by it.
struct Probe {
    http: reqwest::Client,
    url: String,
    cookie: Option<HeaderValue>,
}

impl Probe {
    fn new(door: SocketAddr) -> Result<Self, DriverError> {
        let http = http::client(PATIENCE)?;
        Ok(Self { http, url: format!("http://{door}{HEALTH}"), cookie: None })
    }

    /// Who answered.
    async fn ask(&mut self) -> Result<String, String> {
        let mut request = self.http.get(&self.url);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await.map_err(|e| e.without_url().to_string())?;
        if let Some(set) = answer.headers().get(SET_COOKIE) {
            let pair = set.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            self.cookie = HeaderValue::from_bytes(pair).ok();
        }
        if !answer.status().is_success() {
            return Err(format!("it says {}", answer.status()));
        }
        let served_by = answer.headers().get(SERVED_BY).and_then(|name| name.to_str().ok());
        Ok(served_by.unwrap_or_default().to_owned())
    }
}
