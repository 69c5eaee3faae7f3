//! A few SQL connections, lent to one statement at a time.
//!
//! Not sqlx's own pool: that one pings the server after every use (one more round trip), keeps a cancelled connection's place
//! until a stopped server answers the ping, and meets ten dead connections with ten failed requests. Here a connection whose
//! statement was cut off is dropped, and the first that turns out dead condemns all that are idle.

use super::PATIENCE;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

/// Where a pool gets its connections.
pub(super) trait Source: Clone + Send + Sync + 'static {
    type Connection: Connection + Send;

    fn connect(&self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send;
}

impl Source for SqliteConnectOptions {
    type Connection = SqliteConnection;

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        ConnectOptions::connect(self).await
    }
}

pub(super) struct Pool<S: Source> {
    source: S,
    home: Handle,
    places: Arc<Semaphore>,
    /// One connection is made at a time: a server that comes back meets no stampede, and no queue of abandoned connections.
    connecting: Arc<tokio::sync::Mutex<()>>,
    idle: Mutex<Idle<S::Connection>>,
}

struct Idle<C> {
    /// Counted up when all connections are condemned; those lent out before are not taken back.
    generation: u64,
    connections: Vec<C>,
}

/// A connection on loan. Dropped before [`Lease::settle`], it closes.
pub(super) struct Lease<S: Source> {
    pub(super) connection: S::Connection,
    pool: Arc<Pool<S>>,
    generation: u64,
    _place: OwnedSemaphorePermit,
}

impl<S: Source> Pool<S> {
    /// Connects to nothing yet.
    pub(super) fn new(source: S, places: usize) -> Arc<Self> {
        Arc::new(Self {
            source,
            home: Handle::current(),
            places: Arc::new(Semaphore::new(places)),
            connecting: Arc::default(),
            idle: Mutex::new(Idle { generation: 0, connections: Vec::new() }),
        })
    }

    /// A connection, within [`PATIENCE`].
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease<S>, sqlx::Error> {
        patiently("free connection", async {
            let place =
                Arc::clone(&self.places).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let (connection, generation) = match self.take_idle() {
                Ok(idle) => idle,
                Err(_) => self.connect().await?,
            };
            Ok(Lease { connection, pool: Arc::clone(self), generation, _place: place })
        })
        .await
    }

    /// What is begun is brought to its end, even when whoever asked has given up: the next one has the connection. After an
    /// outage the turn comes to those who have waited for it nearly as long as they may, and if each took an attempt with it,
    /// none would ever succeed.
    async fn connect(self: &Arc<Self>) -> Result<(S::Connection, u64), sqlx::Error> {
        let turn = Arc::clone(&self.connecting).lock_owned().await;
        let generation = match self.take_idle() {
            Ok(idle) => return Ok(idle),
            Err(generation) => generation,
        };
        let (promise, made) = oneshot::channel();
        let pool = Arc::clone(self);
        self.home.spawn(async move {
            let _turn = turn;
            if let Err(Ok(connection)) = promise.send(pool.source.connect().await) {
                pool.give_back(connection, generation);
            }
        });
        let connection = made.await.map_err(|_| sqlx::Error::PoolClosed)??;
        Ok((connection, generation))
    }

    /// Condemned ones are dropped.
    fn give_back(&self, connection: S::Connection, generation: u64) {
        let mut idle = self.idle();
        if idle.generation == generation {
            idle.connections.push(connection);
        }
    }

    fn take_idle(&self) -> Result<(S::Connection, u64), u64> {
        let mut idle = self.idle();
        let generation = idle.generation;
        idle.connections.pop().map(|connection| (connection, generation)).ok_or(generation)
    }

    fn idle(&self) -> MutexGuard<'_, Idle<S::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Source> Lease<S> {
    /// Takes the connection back when the answer shows that it is sound; otherwise drops it, and all idle ones with it.
    pub(super) fn settle<T>(self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if !answer.as_ref().err().is_some_and(is_lost) {
            self.pool.give_back(self.connection, self.generation);
            return answer;
        }
        let mut idle = self.pool.idle();
        if idle.generation == self.generation {
            idle.generation += 1;
            idle.connections.clear();
        }
        drop(idle);
        answer
    }
}

/// Whether this error ends its connection, or says that the server is going away or has become another one.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        // 57P: shutting down, crashed, starting up. 08: connection failure. 25006: it is a read-only standby.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "25006"),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        _ => false,
    }
}

/// Whether the connection had died earlier, so that a read may be tried again on a fresh one. A time-out is not such a case.
pub(super) fn was_dead(error: &sqlx::Error) -> bool {
    is_lost(error) && !matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Waits [`PATIENCE`] for `what`.
pub(super) async fn patiently<T>(
    what: &str,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let detail = format!("no {what} within {} ms", PATIENCE.as_millis());
        Err(io::Error::new(io::ErrorKind::TimedOut, detail).into())
    })
}
