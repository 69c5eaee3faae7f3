//! What the Sentinels tell of a failover, told in the journal at the moment at which they tell it.

use super::super::connection::Connection;
use super::super::pair::{Chronicle, Pair, is_stopped};
use super::super::redis::url;
use super::{DOWN_AFTER_MS, MASTER};
use futures_util::StreamExt;
use journal::FailoverStep;
use redis::aio::MultiplexedConnection;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How often a replica that is being promoted is asked whether it takes writes.
const LOOK: Duration = Duration::from_millis(5);

/// An event of a Sentinel: its channel, and its words.
type Said = (String, Vec<String>);

/// What has been told of the failover that goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    Detected,
    Promoted,
    Writable,
}

/// Goes on until it is ended. Each of the two servers is known by its address among the Sentinels and by its own port.
pub(super) async fn follow(
    pair: Pair,
    sentinels: Vec<u16>,
    members: [(u16, u16); 2],
    chronicle: Chronicle,
    blames_the_machine: bool,
) {
    let (tell, mut said) = unbounded_channel();
    for sentinel in sentinels {
        tokio::spawn(listen(sentinel, tell.clone()));
    }
    drop(tell);
    let mut follower =
        Follower { pair, members, chronicle, blames_the_machine, told: Told::Nothing, switched: None };
    follower.run(&mut said).await;
}

/// Passes on what a Sentinel says, until it is gone or nobody listens any more.
async fn listen(sentinel: u16, tell: UnboundedSender<Said>) -> Option<()> {
    let client = redis::Client::open(url(sentinel)).ok()?;
    let mut events = client.get_async_pubsub().await.ok()?;
    events.psubscribe("*").await.ok()?;
    let mut events = std::pin::pin!(events.on_message());
    loop {
        let event = tokio::select! {
            event = events.next() => event?,
            () = tell.closed() => return None,
        };
        let words = event.get_payload::<String>().ok()?;
        let words = words.split_ascii_whitespace().map(str::to_owned).collect();
        tell.send((event.get_channel_name().to_owned(), words)).ok()?;
    }
}

struct Follower {
    pair: Pair,
    members: [(u16, u16); 2],
    chronicle: Chronicle,
    blames_the_machine: bool,
    told: Told,
    /// When the primary was replaced.
    switched: Option<Instant>,
}

impl Follower {
    async fn run(&mut self, said: &mut UnboundedReceiver<Said>) {
        let mut heir: Option<MultiplexedConnection> = None;
        loop {
            let looks = matches!(self.told, Told::Detected | Told::Promoted);
            tokio::select! {
                event = said.recv() => match event {
                    Some((channel, words)) => self.hear(&channel, &words),
                    None => return,
                },
                () = tokio::time::sleep(LOOK), if looks => {
                    if heir.is_none() {
                        let port = self.members[self.pair.get().replica()].1;
                        heir = Connection::redis(&url(port)).await.ok();
                    }
                    if let Some(connection) = &mut heir {
                        match role(connection).await {
                            Some(role) if role == "master" => self.writable("it says that it is the primary"),
                            Some(_) => {}
                            None => heir = None,
                        }
                    }
                }
            }
            if self.told == Told::Nothing {
                heir = None;
            }
        }
    }

    /// About [`DOWN_AFTER_MS`] after a Sentinel has named a new primary it holds it for lost, in nearly every failover, and takes that
    /// back a moment later: as if its patience were over before the first answer can be there. So soon it says nothing.
    fn has_settled(&self) -> bool {
        self.switched.is_none_or(|at| at.elapsed() > 2 * Duration::from_millis(u64::from(DOWN_AFTER_MS)))
    }

    fn hear(&mut self, channel: &str, words: &[String]) {
        let roles = self.pair.get();
        let [primary, replica] = [roles.primary, roles.replica()].map(|place| &roles.processes[place]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (channel, &words[..]) {
            // A Sentinel that is late may still speak of the primary that has been replaced.
            ("+odown", ["master", MASTER, _, port, ..])
                if self.told == Told::Nothing
                    && self.announced(roles.primary, port)
                    && self.has_settled() =>
            {
                self.told = Told::Detected;
                let detail = "as many Sentinels as it takes hold it for lost";
                self.chronicle.tell(FailoverStep::Detected, primary, detail);
                if self.blames_the_machine && primary.is_running() && !is_stopped(primary) {
                    let reason = format!("the Sentinels hold {} for lost, and it runs", primary.name());
                    self.chronicle.void(format!("{reason}: the machine was too slow"));
                }
            }
            // It answers again, and nobody was promoted.
            ("-odown", ["master", MASTER, ..]) if self.told < Told::Promoted => self.told = Told::Nothing,
            ("+failover-state-send-slaveof-noone", _) if self.told < Told::Promoted => {
                self.told = Told::Promoted;
                self.chronicle.tell(FailoverStep::Promoted, replica, "a Sentinel has told it to take over");
            }
            ("+switch-master", [MASTER, _, _, _, port, ..]) => {
                let named = 1 - roles.primary;
                if !self.announced(named, port) {
                    return;
                }
                self.writable("a Sentinel names it as the primary");
                let detail = "a Sentinel names it as the primary";
                self.chronicle.tell(FailoverStep::Announced, &roles.processes[named], detail);
                self.pair.change(|roles| {
                    roles.primary = named;
                    roles.followed = false;
                });
                self.told = Told::Nothing;
                self.switched = Some(Instant::now());
            }
            _ => {}
        }
    }

    /// Whether the Sentinels know the server at this place by this port.
    fn announced(&self, place: usize, port: &str) -> bool {
        self.members[place].0.to_string() == port
    }

    fn writable(&mut self, detail: &str) {
        if self.told < Told::Writable {
            self.told = Told::Writable;
            let roles = self.pair.get();
            self.chronicle.tell(FailoverStep::Writable, &roles.processes[roles.replica()], detail);
        }
    }
}

/// `master` or `slave`.
async fn role(connection: &mut MultiplexedConnection) -> Option<String> {
    let words: Vec<redis::Value> = redis::cmd("ROLE").query_async(connection).await.ok()?;
    redis::from_redis_value(words.into_iter().next()?).ok()
}
