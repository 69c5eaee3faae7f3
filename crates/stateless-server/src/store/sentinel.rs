//! Which of several Redis servers is the primary: Redis Sentinels are asked.
//!
//! Not redis-rs's `SentinelClient`: it believes the first Sentinel that answers, looks at the role on another connection than the
//! one it hands out, and its look-ups have no common bound. Here all Sentinels are asked at once, so that one that is dead
//! or silent costs at most [`ASK`], and the highest configuration epoch wins: in the middle of a failover some of them still
//! name the old primary. An epoch lower than one that was told before is not believed, even when nobody else answers in time.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const SCHEME: &str = "redis+sentinel://";
/// What to write instead of a URL that is wrong.
pub(super) const ADVICE: &str = "write --store-url redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/MASTER_NAME with the Sentinels' \
    addresses, and see that they and the primary run";
/// The port of a Sentinel whose address has none.
const PORT: &str = "26379";
/// How long a Sentinel may take to be reached and to answer.
const ASK: Duration = Duration::from_millis(200);

/// The Sentinels of one primary.
pub(super) struct Sentinels {
    sentinels: Vec<Client>,
    /// What the primary is called among them.
    master: String,
    /// User, password and database of the Redis servers; the address is a placeholder.
    node: ConnectionInfo,
    /// The highest configuration epoch that any of them has told. What an older one names is a primary that was deposed: it may
    /// be back already, with nothing in it, and believe that it is one still.
    /// Sentinels that monitor it anew count from 0 again: then the servers have to be started anew too.
    epoch: AtomicU64,
}

/// Where a primary is to be reached, as the Sentinels announce it. It need not be what the server itself believes: a relay may
/// stand in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl Sentinels {
    /// Reads `redis+sentinel://[[user]:password@]host[:port],.../master[/db]`; `None` when the URL is of another kind.
    pub(super) fn parse(url: &str) -> Option<Result<Self, String>> {
        url.strip_prefix(SCHEME).map(Self::parse_rest)
    }

    fn parse_rest(rest: &str) -> Result<Self, String> {
        let (credentials, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (master, db) = path.split_once('/').unwrap_or((path, "0"));
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if master.is_empty() || !master.bytes().all(named) {
            return Err(format!(
                "the master's name '{master}', after the addresses of the Sentinels and '/', must be letters, digits, '.', '-' \
                 or '_', as in 'sentinel monitor NAME ...'"
            ));
        }
        if db.parse::<u32>().is_err() {
            return Err(format!("the database '{db}', after the master's name and '/', must be a number"));
        }
        let sentinels = hosts.split(',').map(sentinel).collect::<Result<_, _>>()?;
        let node = format!("redis://{credentials}@127.0.0.1/{db}").into_connection_info();
        let node = node.map_err(|_| {
            "user and password, before '@', do not parse: percent-encode ':', '/', '?', '#', '@' in them"
                .to_owned()
        })?;
        Ok(Self { sentinels, master: master.to_owned(), node, epoch: AtomicU64::new(0) })
    }

    /// How to connect to the server at `address`.
    pub(super) fn node(&self, address: &Address) -> ConnectionInfo {
        self.node.clone().set_addr(ConnectionAddr::Tcp(address.host.clone(), address.port))
    }

    /// Where the primary is, within [`ASK`]. Whether that server agrees is to be asked there.
    pub(super) async fn primary(&self) -> Result<Address, RedisError> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            let (sentinel, master) = (sentinel.clone(), self.master.clone());
            asked.spawn(async move { timeout(ASK, ask(&sentinel, &master)).await });
        }
        let mut answers = Vec::new();
        let mut refusal = format!("silent for {} ms", ASK.as_millis());
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(Ok(answer))) => answers.push(answer),
                Ok(Ok(Err(error))) => refusal = error.to_string(),
                _ => {}
            }
        }
        match answers.into_iter().max_by_key(|(epoch, _)| *epoch) {
            Some((epoch, address)) if self.is_current(epoch) => return Ok(address),
            Some(_) => "those that answered missed the last failover".clone_into(&mut refusal),
            None => {}
        }
        let asked: Vec<_> =
            self.sentinels.iter().map(|s| s.get_connection_info().addr().to_string()).collect();
        let detail = format!("'{}' ({}); the last said: {refusal}", self.master, asked.join(", "));
        Err((ErrorKind::MasterNameNotFoundBySentinel, "no Sentinel says where the primary is", detail).into())
    }

    fn is_current(&self, epoch: u64) -> bool {
        self.epoch.fetch_max(epoch, Ordering::AcqRel) <= epoch
    }
}

fn sentinel(host: &str) -> Result<Client, String> {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let url = if has_port { format!("redis://{host}") } else { format!("redis://{host}:{PORT}") };
    let wrong =
        |_| format!("the Sentinel's address '{host}' must be HOST:PORT, and several are separated by ','");
    if host.is_empty() || host.contains(['?', '#']) {
        return Err(format!(
            "the Sentinel's address '{host}' must be HOST:PORT; nothing follows the master's name"
        ));
    }
    let info = url.into_connection_info().map_err(wrong)?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Client::open(info.set_redis_settings(settings)).map_err(wrong)
}

/// The epoch first: were the order reversed, a failover in between would pair the old address with the new epoch.
async fn ask(sentinel: &Client, master: &str) -> Result<(u64, Address), RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config).await?;
    let state: std::collections::HashMap<String, String> =
        redis::cmd("SENTINEL").arg("MASTER").arg(master).query_async(&mut connection).await?;
    let epoch = state.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    let mut command = redis::cmd("SENTINEL");
    let command = command.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let (host, port) = command.query_async(&mut connection).await?;
    Ok((epoch, Address { host, port }))
}

/// Refuses a server that is not a primary.
///
/// Only the first word is read: redis-rs's `Role` does not parse the answer of a replica that has lost its primary.
pub(super) async fn expect_primary(
    connection: &mut MultiplexedConnection,
    address: &Address,
) -> Result<(), RedisError> {
    let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(connection).await?;
    if let Some(redis::Value::BulkString(role)) = role.first()
        && role == b"master"
    {
        return Ok(());
    }
    let detail = format!("{}:{}; the failover is not done yet", address.host, address.port);
    Err((ErrorKind::Client, "the Sentinels name a primary that is a replica", detail).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Sentinels, String> {
        Sentinels::parse(url).expect("it has the scheme")
    }

    #[test]
    fn a_url_names_sentinels_and_the_master_and_the_servers_credentials() {
        let url = "redis+sentinel://ann:p%40ss@10.0.0.1:26380,[::1],db.example/my-master.1/3";
        let read = parse(url).unwrap();
        let addresses: Vec<_> =
            read.sentinels.iter().map(|s| s.get_connection_info().addr().to_string()).collect();
        assert_eq!(addresses, ["10.0.0.1:26380", "::1:26379", "db.example:26379"]);
        assert_eq!(read.master, "my-master.1");
        let node = read.node(&Address { host: "10.0.0.9".into(), port: 7 });
        assert_eq!(node.addr().to_string(), "10.0.0.9:7");
        let settings = node.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("ann"), Some("p@ss"), 3));
        // The Sentinels are not told the servers' password.
        assert_eq!(read.sentinels[0].get_connection_info().redis_settings().password(), None);
        assert!(Sentinels::parse("redis://127.0.0.1:6379").is_none());
    }

    #[test]
    fn a_deposed_primary_is_not_believed_again() {
        let sentinels = parse("redis+sentinel://h:1,h:2/m").unwrap();
        assert_eq!([3, 4, 3, 4, 5].map(|epoch| sentinels.is_current(epoch)), [true, true, false, true, true]);
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_part_and_without_its_password() {
        for (url, part) in [
            ("redis+sentinel://h:1,h:2", "master's name ''"),
            ("redis+sentinel://h:1/my master", "master's name 'my master'"),
            ("redis+sentinel://h:1/m?x=1", "master's name 'm?x=1'"),
            ("redis+sentinel://h:1/m/x", "database 'x'"),
            ("redis+sentinel://h:1,,h:2/m", "address ''"),
            ("redis+sentinel://h:1,h:99999/m", "address 'h:99999'"),
            ("redis+sentinel://h:1?x/m", "address 'h:1?x'"),
            ("redis+sentinel://:hunter2/x@h:1/m", "user and password"),
        ] {
            let refused = parse(url).err().unwrap_or_else(|| panic!("{url} is fine"));
            assert!(refused.contains(part), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
