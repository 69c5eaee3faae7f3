//! Stores of several processes, in which another one takes over when the first is lost.
//!
//! Redis: primary, replica, three Sentinels. PostgreSQL: primary and streaming standby.

use crate::backends::{Backend, MASTER};
use redis::{Connection, FromRedisValue, ToRedisArgs};
use sqlx::{Connection as _, PgConnection};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Whatever a slow machine may take for any of these steps.
const PATIENT: Duration = Duration::from_secs(60);

/// Asks again until the answer is yes.
pub async fn until(what: &str, mut yes: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !yes().await {
        assert!(start.elapsed() < PATIENT, "not within {PATIENT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

/// Two Redis servers, and three Sentinels that promote the replica when the primary is lost.
pub struct RedisWithSentinels {
    pub primary: Backend,
    pub replica: Backend,
    sentinels: [Backend; 3],
}

impl RedisWithSentinels {
    pub async fn start() -> Self {
        // 1. The primary. A replica need not wait five seconds for others that might want the same copy.
        let settings = ["--repl-diskless-sync-delay", "0"];
        let primary = Backend::redis(&settings);
        // 2. The replica, until it has its copy: a Sentinel that meets the primary first hears of a later replica only in ten
        //    seconds.
        let primary_is = format!("127.0.0.1 {}", primary.port());
        let replica = Backend::redis(&[&settings[..], &["--replicaof", &primary_is]].concat());
        let copied = until("the replica has its copy", async || is_in_step(&replica)).await;
        // 3. The Sentinels, until each knows the replica and the two others: without them there is no majority.
        let sentinels = [(); 3].map(|()| Backend::sentinel(&primary));
        let formed = until("the Sentinels know each other", async || sentinels.iter().all(has_formed)).await;
        eprintln!("replica in step after {copied:?}, Sentinels formed after {formed:?}");
        Self { primary, replica, sentinels }
    }

    /// With an address in front at which nobody listens.
    pub fn url(&self) -> String {
        let sentinels = self.sentinels.each_ref().map(|sentinel| format!("127.0.0.1:{}", sentinel.port()));
        format!("redis+sentinel://127.0.0.1:1,{}/{MASTER}", sentinels.join(","))
    }

    pub fn silence_a_sentinel(&self) {
        self.sentinels[0].stop();
    }
}

/// Whether this server is a replica that follows its primary.
pub fn is_in_step(redis: &Backend) -> bool {
    let replication: Option<String> = ask(redis, &["INFO", "replication"]);
    replication.is_some_and(|info| info.contains("role:slave") && info.contains("master_link_status:up"))
}

fn has_formed(sentinel: &Backend) -> bool {
    type Fields = HashMap<String, String>;
    let master: Option<Fields> = ask(sentinel, &["SENTINEL", "MASTER", MASTER]);
    let replicas: Option<Vec<Fields>> = ask(sentinel, &["SENTINEL", "REPLICAS", MASTER]);
    let others = master.and_then(|fields| fields.get("num-other-sentinels").cloned());
    let usable = |replica: &Fields| replica.get("master-link-status").is_some_and(|status| status == "ok");
    others.as_deref() == Some("2")
        && replicas.is_some_and(|replicas| replicas.len() == 1 && usable(&replicas[0]))
}

/// One question on a connection of its own; `None` when it is not answered.
pub fn ask<T: FromRedisValue>(redis: &Backend, command: &[&str]) -> Option<T> {
    query(&mut connection(redis)?, command)
}

fn query<T: FromRedisValue>(connection: &mut Connection, command: &[impl ToRedisArgs]) -> Option<T> {
    let mut parts = redis::Cmd::new();
    parts.arg(command).query(connection).ok()
}

fn connection(redis: &Backend) -> Option<Connection> {
    let brief = Duration::from_millis(500);
    let connection = redis::Client::open(redis.url()).ok()?.get_connection_with_timeout(brief).ok()?;
    connection.set_read_timeout(Some(brief)).ok()?;
    Some(connection)
}

/// A PostgreSQL server and its asynchronous, streaming standby.
pub struct PostgresWithStandby {
    pub primary: Backend,
    pub standby: Backend,
}

impl PostgresWithStandby {
    pub async fn start() -> Self {
        // 1. The primary.
        let primary = Backend::postgres();
        // 2. The copy of its files, from which the standby starts.
        let start = Instant::now();
        let standby = Backend::standby(&primary);
        let copied = start.elapsed();
        // 3. Until the standby streams.
        let mut observer = PgConnection::connect(&primary.url()).await.unwrap();
        let streams = until("the standby streams", async || {
            let state =
                sqlx::query_scalar("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
            state.fetch_one(&mut observer).await.ok() == Some(1_i64)
        });
        let streams = streams.await;
        eprintln!("standby copied and started after {copied:?}, streaming {streams:?} later");
        Self { primary, standby }
    }

    /// The standby first: a client has to pass it over.
    pub fn url(&self) -> String {
        format!(
            "postgres://lab@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
            self.standby.port(),
            self.primary.port()
        )
    }

    /// Until the standby has what the primary has committed by now.
    pub async fn in_step(&self) {
        let mut primary = PgConnection::connect(&self.primary.url()).await.unwrap();
        let mut standby = PgConnection::connect(&self.standby.url()).await.unwrap();
        let end: String = sqlx::query_scalar("SELECT pg_current_wal_flush_lsn()::text")
            .fetch_one(&mut primary)
            .await
            .unwrap();
        until("the standby is in step", async || {
            let replayed = sqlx::query_scalar("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn").bind(&end);
            replayed.fetch_one(&mut standby).await.ok() == Some(true)
        })
        .await;
    }

    /// Until the standby may be written.
    pub async fn promote(&self) {
        let start = Instant::now();
        let mut standby = PgConnection::connect(&self.standby.url()).await.unwrap();
        let promote = sqlx::query_scalar("SELECT pg_promote(true, 60)");
        let promoted: bool = promote.fetch_one(&mut standby).await.unwrap();
        assert!(promoted, "the standby is not promoted");
        eprintln!("promoted after {:?}", start.elapsed());
    }
}
