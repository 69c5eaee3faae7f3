//! One multiplexed connection to Redis that heals itself.
//!
//! Not redis-rs's `ConnectionManager`: that one makes every request wait for its back-off, and notices a dead connection only
//! by a request that fails on it. Here a connection that closes is replaced by the next request, a refused connection fails
//! that request at once, and there is no back-off, because at most one attempt runs at a time.

use super::{PATIENCE, on_home};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisError, ScriptInvocation,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

pub(super) struct Link {
    client: Client,
    home: Handle,
    current: Mutex<Option<Live>>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    closed: Arc<AtomicBool>,
}

impl Link {
    /// Connects to nothing yet.
    pub(super) fn new(url: &str) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        // RESP3, because it is the protocol under which redis-rs tells us that a connection has closed.
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let client = Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp))?;
        Ok(Self { client, home: Handle::current(), current: Mutex::new(None) })
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
        if let Some(live) = current.as_ref().filter(|live| !live.closed.load(Ordering::Acquire)) {
            return Ok(live.clone());
        }
        *current = None;
        let live = on_home(&self.home, connect(self.client.clone())).await??;
        Ok(current.insert(live).clone())
    }
}

async fn connect(client: Client) -> Result<Live, RedisError> {
    let closed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&closed);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(PATIENCE))
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                seen.store(true, Ordering::Release);
            }
            Ok::<(), redis::aio::SendError>(())
        });
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    Ok(Live { connection, closed })
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
