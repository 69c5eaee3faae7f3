//! One multiplexed connection to Redis that heals itself.
//!
//! Not redis-rs's `ConnectionManager`: that one makes every request wait for its back-off, and notices a dead connection only
//! by a request that fails on it. Here a connection that closes is replaced by the next request, a refused connection fails
//! that request at once, and there is no back-off, because at most one attempt runs at a time.
//!
//! Behind Sentinels, every new connection begins with the question where the primary is, and a connection whose server is no
//! longer the one they name is given up: an old primary that is cut off from them may long believe that it is still in charge.

use super::sentinel::{Address, Sentinels, expect_primary};
use super::{LOOK_AGAIN, PATIENCE, on_home};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, ProtocolVersion,
    PushInfo, PushKind, RedisError, ScriptInvocation,
};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// The same where Sentinels may soon name another server: one that is stopped accepts connections and says nothing.
const CONNECT_ANNOUNCED: Duration = Duration::from_millis(250);
/// How often the Sentinels are asked whether the connection still leads to the primary.
const WATCH: Duration = Duration::from_secs(1);

pub(super) struct Link {
    server: Server,
    home: Handle,
    current: Arc<Mutex<Current>>,
}

#[derive(Default)]
struct Current {
    live: Option<Live>,
    /// Why no primary was found, and when.
    refusal: Option<(Instant, RedisError)>,
}

#[derive(Clone)]
enum Server {
    Fixed(ConnectionInfo),
    Announced(Arc<Sentinels>),
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    closed: Arc<AtomicBool>,
    /// As the Sentinels announced it.
    address: Option<Address>,
}

impl Link {
    /// Connects to nothing yet. The error says which part of the URL is wrong, without its password.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let server = match Sentinels::parse(url) {
            Some(sentinels) => Server::Announced(Arc::new(sentinels?)),
            None => Server::Fixed(url.into_connection_info().map_err(|error| error.to_string())?),
        };
        let current = Arc::default();
        if let Server::Announced(sentinels) = &server {
            tokio::spawn(watch(Arc::clone(sentinels), Arc::downgrade(&current)));
        }
        Ok(Self { server, home: Handle::current(), current })
    }

    /// Whether another server may take over, so that it is worth while to wait.
    pub(super) fn may_move(&self) -> bool {
        matches!(self.server, Server::Announced(_))
    }

    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let mut live = self.live().await?;
        let answer = script.invoke_async(&mut live.connection).await;
        live.settle(answer)
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut live = self.live().await?;
        let answer = command.query_async(&mut live.connection).await;
        live.settle(answer)
    }

    async fn live(&self) -> Result<Live, RedisError> {
        let mut current = self.current.lock().await;
        if let Some(live) = current.live.as_ref().filter(|live| !live.closed.load(Ordering::Acquire)) {
            return Ok(live.clone());
        }
        current.live = None;
        if let Some((at, refusal)) = &current.refusal
            && at.elapsed() < LOOK_AGAIN
        {
            return Err(refusal.clone());
        }
        let connected = on_home(&self.home, self.server.clone().connect()).await?;
        current.refusal = match &connected {
            Err(refusal) if self.may_move() => Some((Instant::now(), refusal.clone())),
            _ => None,
        };
        Ok(current.live.insert(connected?).clone())
    }
}

impl Server {
    async fn connect(self) -> Result<Live, RedisError> {
        let sentinels = match self {
            Self::Fixed(info) => return connect(info, CONNECT).await,
            Self::Announced(sentinels) => sentinels,
        };
        let address = sentinels.primary().await?;
        let connected = timeout(CONNECT_ANNOUNCED, async {
            let mut live = connect(sentinels.node(&address), CONNECT_ANNOUNCED).await?;
            expect_primary(&mut live.connection, &address).await?;
            Ok::<_, RedisError>(live)
        });
        let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the primary does not answer");
        let live = connected.await.map_err(silent)??;
        Ok(Live { address: Some(address), ..live })
    }
}

async fn connect(info: ConnectionInfo, within: Duration) -> Result<Live, RedisError> {
    // RESP3, because it is the protocol under which redis-rs tells us that a connection has closed.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let client = Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp))?;
    let closed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&closed);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(within))
        .set_response_timeout(Some(PATIENCE))
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                seen.store(true, Ordering::Release);
            }
            Ok::<(), redis::aio::SendError>(())
        });
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    Ok(Live { connection, closed, address: None })
}

/// For as long as somebody holds the link. Sentinels that do not answer are no reason to leave a primary that does.
async fn watch(sentinels: Arc<Sentinels>, current: Weak<Mutex<Current>>) {
    loop {
        tokio::time::sleep(WATCH).await;
        let Some(current) = current.upgrade() else { return };
        if let Ok(primary) = sentinels.primary().await
            && let Some(live) = &current.lock().await.live
            && live.address.as_ref() != Some(&primary)
        {
            live.closed.store(true, Ordering::Release);
        }
    }
}

impl Live {
    /// A connection that timed out is given up too: behind a broken network it may stay silent long after the server is back. And
    /// a server that has become a replica: its address may lead to the new master by now.
    fn settle<T>(&self, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_unrecoverable_error() || error.code() == Some("READONLY"))
        {
            self.closed.store(true, Ordering::Release);
        }
        answer
    }
}
