//! Sessions that are there and do nothing: shoppers who logged in, put a line into their cart, and went for lunch. They come before the
//! load begins, over the same entrance, so that their weight can be seen.

use crate::client::{Ask, Client, Route};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::error::DriverError;
use crate::jar::Jar;
use crate::usage::Usage;
use journal::{Growth, Size};
use protocol::app::{LINES, LOGIN};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

/// How many of them are on their way at once.
const AT_ONCE: usize = 128;
/// A tenth of them, and no more than this, come before the first weighing.
const FIRST_AT_MOST: u32 = 1_000;
/// One that is not answered within this is not let in.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Lets `count` sleepers in and weighs the tier before and after. The first of them come before the first weighing: connections, pools
/// and buffers grow with whoever comes first, whatever a session weighs.
///
/// # Errors
/// When one of them is refused, or the user breaks the run off.
pub async fn let_in(
    cluster: &mut Cluster,
    count: u32,
    interrupt: watch::Receiver<bool>,
) -> Result<Growth, DriverError> {
    let (addr, began) = (cluster.addr(), Instant::now());
    let first = (count / 10).min(FIRST_AT_MOST);
    log_in(addr, 0..first, &interrupt).await?;
    let before = weigh(cluster).await?;
    log_in(addr, first..count, &interrupt).await?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let after = weigh(cluster).await?;
    let sizes = before.into_iter().filter_map(|(name, before_bytes)| {
        let after_bytes = *after.get(&name)?;
        Some((name, Size { before_bytes, after_bytes }))
    });
    Ok(Growth { sleepers: count, weighed: Some(count - first), took_ms, sizes: sizes.collect() })
}

/// Resident memory of each process, and what the store says that it holds.
async fn weigh(cluster: &mut Cluster) -> Result<BTreeMap<String, u64>, DriverError> {
    let processes = cluster.processes().into_iter().filter_map(|process| {
        Usage::of_family(process.pid()).map(|usage| (process.name().to_owned(), usage.rss_bytes))
    });
    let mut sizes: BTreeMap<String, u64> = processes.collect();
    if let Some(bytes) = cluster.store().stored_bytes().await? {
        sizes.insert(Growth::STORED.to_owned(), bytes);
    }
    Ok(sizes)
}

/// On a thread of its own.
async fn log_in(
    addr: SocketAddr,
    numbers: Range<u32>,
    interrupt: &watch::Receiver<bool>,
) -> Result<(), DriverError> {
    let interrupt = interrupt.clone();
    let all = tokio::task::spawn_blocking(move || log_in_all(addr, numbers, &interrupt));
    all.await.map_err(|e| DriverError::Machine(format!("the sleepers' thread: {e}")))?
}

fn log_in_all(
    addr: SocketAddr,
    numbers: Range<u32>,
    interrupt: &watch::Receiver<bool>,
) -> Result<(), DriverError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| DriverError::Machine(format!("no runtime: {e}")))?;
    let numbers = Rc::new(RefCell::new(numbers));
    LocalSet::new().block_on(&runtime, async {
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            workers.spawn_local(log_in_some(addr, Rc::clone(&numbers), interrupt.clone()));
        }
        while let Some(worker) = workers.join_next().await {
            worker.map_err(|e| DriverError::Machine(format!("a sleeper: {e}")))??;
        }
        Ok(())
    })
}

async fn log_in_some(
    addr: SocketAddr,
    numbers: Rc<RefCell<Range<u32>>>,
    interrupt: watch::Receiver<bool>,
) -> Result<(), DriverError> {
    let jar = Rc::new(RefCell::new(Jar::default()));
    let mut client = Client::new(addr, TIMEOUT, Clock::starting_at(Instant::now()), Rc::clone(&jar));
    loop {
        let Some(number) = numbers.borrow_mut().next() else { return Ok(()) };
        if *interrupt.borrow() {
            return Err(DriverError::Interrupted);
        }
        let owner = format!("sleeper-{number}");
        *jar.borrow_mut() = Jar::of(&owner);
        ask(&mut client, &owner, LOGIN, serde_json::json!({ "owner": owner })).await?;
        ask(&mut client, &owner, LINES, serde_json::json!({ "op": format!("z{number}") })).await?;
    }
}

async fn ask(
    client: &mut Client,
    owner: &str,
    path: &'static str,
    body: serde_json::Value,
) -> Result<(), DriverError> {
    let ask =
        Ask { route: Route::Post(path), body: Some(body.to_string().into_bytes()), idempotency_key: None };
    let refused = |what: String| {
        DriverError::Machine(format!(
            "{owner} cannot be let in before the load: {path}: {what}; use fewer load.sleepers"
        ))
    };
    let exchange = client.send(ask).await;
    let received = exchange.answer.map_err(refused)?;
    let answer = client.answer(&received);
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(refused(format!("{} {}", answer.status, String::from_utf8_lossy(answer.body))))
}
