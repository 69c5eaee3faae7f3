//! Who may do what: the presenter's token, the names under which the demo may be called, and how often.
//!
//! Anybody's web page can make a browser send requests to a loopback port, and a name that an attacker owns can be pointed at one
//! (DNS rebinding). So every request must name a host that we gave out, and every request that changes something must come from a
//! page that we served.

use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The presenter's secret, kept as a digest: comparing digests takes the same time whatever was sent.
#[derive(Clone, Debug)]
pub struct Token {
    digest: [u8; 32],
}

impl Token {
    /// A fresh one, and its text for the opened URL.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub fn fresh() -> (Self, String) {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).expect("the operating system's random source failed");
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        (Self { digest: Sha256::digest(&text).into() }, text)
    }

    /// Whether an `Authorization` header carries it.
    pub fn admits(&self, authorization: Option<&str>) -> bool {
        let offered = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let offered: [u8; 32] = Sha256::digest(offered).into();
        let differing =
            self.digest.iter().zip(offered).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

/// Under which names a listener may be called.
#[derive(Clone, Debug)]
pub struct Hosts {
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Hosts {
    /// Those of a listener on loopback.
    pub fn loopback(port: u16) -> Self {
        Self { port, addresses: vec![IpAddr::from([127, 0, 0, 1])] }
    }

    /// Those of a listener that the local network reaches under these addresses.
    pub fn network(port: u16, addresses: Vec<IpAddr>) -> Self {
        let loopback = Self::loopback(port).addresses;
        Self { port, addresses: loopback.into_iter().chain(addresses).collect() }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_suffix(&format!(":{}", self.port)) {
            Some(name) => name,
            // Browsers leave HTTP's own port out.
            None if self.port == 80 => host,
            None => return false,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        name == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| self.addresses.contains(&ip))
    }

    /// Why a request is refused, if it is. One that changes something must say where it comes from.
    pub fn refuse(
        &self,
        host: Option<&str>,
        origin: Option<&str>,
        fetch_site: Option<&str>,
        changes: bool,
    ) -> Option<&'static str> {
        let Some(host) = host.filter(|host| self.is_ours(host)) else {
            return Some("this is not the name of the demo: open the address that it printed");
        };
        if fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Some("another site has no business here");
        }
        match origin {
            Some(origin) if origin.strip_prefix("http://") == Some(host) => None,
            None if !changes => None,
            _ => Some("only the demo's own page may ask for this"),
        }
    }
}

/// So many addresses are remembered at once.
const MOST_PEERS: usize = 1_000;

/// At most so many in a second, and no more than that at once.
#[derive(Debug)]
pub struct Rate {
    most: usize,
    within: Duration,
    latest: VecDeque<Instant>,
}

impl Rate {
    /// At most `most` within a second.
    pub fn per_second(most: usize) -> Self {
        Self { most, within: Duration::from_secs(1), latest: VecDeque::with_capacity(most) }
    }

    /// Whether one more is allowed now; it counts when it is.
    pub fn allows(&mut self, now: Instant) -> bool {
        let allowed = !self.is_spent(now);
        if allowed {
            self.latest.push_back(now);
        }
        allowed
    }

    fn is_spent(&mut self, now: Instant) -> bool {
        while self.latest.front().is_some_and(|then| now.duration_since(*then) >= self.within) {
            self.latest.pop_front();
        }
        self.latest.len() >= self.most
    }
}

/// A rate for each address: whoever asks too often is refused alone.
#[derive(Debug)]
pub struct PerPeer {
    most: usize,
    within: Duration,
    peers: HashMap<IpAddr, Rate>,
}

impl PerPeer {
    /// At most `most` from one address within this time.
    pub fn new(most: usize, within: Duration) -> Self {
        Self { most, within, peers: HashMap::new() }
    }

    /// Whether this address may do one more now; it counts when it may.
    pub fn allows(&mut self, peer: IpAddr, now: Instant) -> bool {
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&peer) {
            self.peers.retain(|_, rate| {
                rate.latest.back().is_some_and(|then| now.duration_since(*then) < rate.within)
            });
            if self.peers.len() >= MOST_PEERS {
                return false;
            }
        }
        let Self { most, within, peers } = self;
        let fresh = || Rate { most: *most, within: *within, latest: VecDeque::new() };
        peers.entry(peer).or_insert_with(fresh).allows(now)
    }

    /// Whether this address has done all that it may for now.
    pub fn is_spent(&mut self, peer: IpAddr, now: Instant) -> bool {
        self.peers.get_mut(&peer).is_some_and(|rate| rate.is_spent(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_admits_itself_and_nothing_else() {
        let (token, text) = Token::fresh();
        assert!(token.admits(Some(&format!("Bearer {text}"))));
        for wrong in [
            None,
            Some(""),
            Some("Bearer "),
            Some(&*text),
            Some("Bearer 00"),
            Some(&*format!("Bearer {text}0")),
        ] {
            assert!(!token.admits(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn only_names_that_were_given_out_are_answered() {
        let hosts = Hosts::loopback(8080);
        let refused = |host, origin, changes| hosts.refuse(host, origin, None, changes).is_some();
        assert!(!refused(Some("127.0.0.1:8080"), None, false));
        assert!(!refused(Some("localhost:8080"), None, false));
        for rebound in ["evil.example:8080", "127.0.0.1", "127.0.0.1:80", "127.0.0.2:8080", "localhost", ""] {
            assert!(refused(Some(rebound), None, false), "{rebound}");
        }
        assert!(refused(None, None, false));
    }

    #[test]
    fn what_changes_something_must_come_from_our_own_page() {
        let hosts = Hosts::loopback(8080);
        let post = |host, origin, site| hosts.refuse(Some(host), origin, site, true).is_some();
        assert!(!post("127.0.0.1:8080", Some("http://127.0.0.1:8080"), Some("same-origin")));
        assert!(post("127.0.0.1:8080", None, None), "it must say where it comes from");
        assert!(post("127.0.0.1:8080", Some("null"), None));
        assert!(post("127.0.0.1:8080", Some("http://localhost:8080"), None), "another origin, to a browser");
        assert!(post("127.0.0.1:8080", Some("https://127.0.0.1:8080"), None));
        assert!(post("127.0.0.1:8080", Some("http://evil.example"), None));
        assert!(post("127.0.0.1:8080", Some("http://127.0.0.1:8080"), Some("cross-site")));
    }

    #[test]
    fn on_the_network_only_our_own_addresses_are_names() {
        let hosts = Hosts::network(9000, vec![IpAddr::from([192, 168, 1, 7])]);
        assert!(hosts.refuse(Some("192.168.1.7:9000"), None, None, false).is_none());
        assert!(hosts.refuse(Some("192.168.1.8:9000"), None, None, false).is_some());
        assert!(hosts.refuse(Some("my-laptop.local:9000"), None, None, false).is_some());
    }

    #[test]
    fn a_browser_leaves_out_the_port_of_http_itself_and_no_other() {
        let refused = |port, host| Hosts::loopback(port).refuse(Some(host), None, None, false).is_some();
        for host in ["127.0.0.1", "localhost", "127.0.0.1:80"] {
            assert!(!refused(80, host), "{host}");
        }
        for host in ["127.0.0.1:8080", "evil.example", "127.0.0.1:", "[127.0.0.1", ":80"] {
            assert!(refused(80, host), "{host}");
        }
        assert!(refused(8080, "127.0.0.1"));
        let six = Hosts::network(9000, vec![IpAddr::V6("fd00::7".parse().unwrap())]);
        assert!(six.refuse(Some("[fd00::7]:9000"), None, None, false).is_none());
    }

    #[test]
    fn who_guesses_is_refused_alone_and_for_a_while() {
        let mut wrong = PerPeer::new(3, Duration::from_secs(60));
        let [guesser, other] = [7, 8].map(|n| IpAddr::from([192, 168, 1, n]));
        let start = Instant::now();
        assert_eq!((0..100).filter(|_| wrong.allows(guesser, start)).count(), 3);
        assert!(wrong.is_spent(guesser, start) && !wrong.is_spent(other, start));
        assert!(!wrong.is_spent(guesser, start + Duration::from_secs(61)));
    }

    #[test]
    fn however_many_addresses_ask_few_are_remembered() {
        let mut asked = PerPeer::new(1, Duration::from_secs(1));
        let start = Instant::now();
        let from = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!((0..5_000).filter(|n| asked.allows(from(*n), start)).count(), MOST_PEERS);
        assert!(asked.allows(from(9_999), start + Duration::from_secs(2)));
    }

    #[test]
    fn a_thousand_clicks_in_a_second_are_ten() {
        let mut rate = Rate::per_second(10);
        let start = Instant::now();
        let allowed = (0..1_000).filter(|n| rate.allows(start + Duration::from_micros(n * 900))).count();
        assert_eq!(allowed, 10);
        assert!(rate.allows(start + Duration::from_secs(2)));
    }
}
