//! Sessions that the client holds, through the real program: ours beside actix-session's own, the baseline. What both cannot do is
//! shown for both; what only the baseline gets wrong is shown where ours gets it right.

use crate::http::{Server, Shopper, failed_start};
use protocol::app::{self, AddLine, Checkout, Login, Refusal};
use reqwest::{Method, Response, StatusCode};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BOTH: [&str; 2] = ["cookie", "cookie-actix"];
/// What a browser keeps: name and value together.
const BROWSER_LIMIT_BYTES: usize = 4_096;

struct Tier {
    folder: TempDir,
    key_file: String,
}

impl Tier {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key_file = folder.path().join("key").to_str().unwrap().to_owned();
        std::fs::write(&key_file, [b'k'; 64]).unwrap();
        Self { folder, key_file }
    }

    fn flags<'a>(&'a self, flags: &[&'a str]) -> Vec<&'a str> {
        [&["--cookie-key-file", &self.key_file, "--service-time-ms", "0"], flags].concat()
    }

    fn server(&self, store: &str, flags: &[&str]) -> Server {
        let url = self.folder.path().join("sessions.db");
        Server::start(store, url.to_str().unwrap(), &self.flags(flags))
    }
}

async fn ann_at(server: &Server) -> Shopper {
    let mut shopper = Shopper::new(server);
    let cart = shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    assert_eq!((cart.owner.as_deref(), cart.epoch), (Some("ann"), 1));
    shopper
}

async fn add(shopper: &mut Shopper, op: &str) -> Vec<String> {
    shopper.cart(Method::POST, app::LINES, &AddLine { op: op.into() }).await.ops
}

async fn lines(shopper: &mut Shopper) -> Vec<String> {
    shopper.cart(Method::GET, app::CART, &()).await.ops
}

async fn owner(shopper: &mut Shopper) -> Option<String> {
    shopper.cart(Method::GET, app::CART, &()).await.owner
}

/// The value of `sid`.
fn value(shopper: &Shopper) -> String {
    shopper.cookie.as_deref().unwrap().strip_prefix("sid=").unwrap().to_owned()
}

#[tokio::test]
async fn any_server_with_the_key_serves_the_session_and_none_keeps_it() {
    for store in BOTH {
        let tier = Tier::new();
        let mut shopper = ann_at(&tier.server(store, &[])).await;
        for op in ["a", "b", "c"] {
            // Each of them is gone before the next one starts.
            let server = tier.server(store, &[]);
            shopper.base = server.base();
            assert_eq!(shopper.send(Method::GET, app::READY, &()).await.status(), StatusCode::OK);
            add(&mut shopper, op).await;
            assert_eq!(lines(&mut shopper).await.last().map(String::as_str), Some(op), "{store}");
        }
        let server = tier.server(store, &[]);
        shopper.base = server.base();
        assert_eq!(lines(&mut shopper).await, ["a", "b", "c"], "{store}");
        let login = shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        assert_eq!((login.epoch, login.ops.len()), (2, 0), "{store}");
    }
}

#[tokio::test]
async fn a_byte_changed_anywhere_in_the_cookie_or_a_piece_of_it_is_no_session() {
    for store in BOTH {
        let tier = Tier::new();
        let server = tier.server(store, &[]);
        let mut shopper = ann_at(&server).await;
        let good = value(&shopper);
        assert!(!good.contains("ann"), "{store}: nobody reads it");
        let mut forger = Shopper { cookie: None, ..shopper.clone() };
        let mut forged = Vec::new();
        // Key id, nonce, state and tag: every character of each.
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            forged.push(String::from_utf8(bytes).unwrap());
        }
        forged.extend([1, 2, 3, 16, 64, good.len() / 2].map(|cut| good[..good.len() - cut].to_owned()));
        forged.extend([1, 4, 6, 38].map(|cut| good[cut..].to_owned()));
        forged.push(format!("{good}{good}"));
        for cookie in forged {
            forger.cookie = Some(format!("sid={cookie}"));
            assert_eq!(owner(&mut forger).await, None, "{store}: {cookie}");
        }
        assert_eq!(owner(&mut shopper).await.as_deref(), Some("ann"), "{store}");
    }
}

#[tokio::test]
async fn a_cookie_of_another_name_another_tier_or_another_store_is_no_session() {
    let tier = Tier::new();
    let server = tier.server("cookie", &[]);
    let shopper = ann_at(&server).await;

    let secure = Server::secure("cookie", "", &tier.flags(&[]));
    let answer = Shopper::new(&secure).send(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("__Host-sid="), "{set}");
    let mut attributes: Vec<_> = set.split("; ").skip(1).collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    let mut renamed = Shopper { base: secure.base(), ..shopper.clone() };
    renamed.cookie = Some(format!("__Host-sid={}", value(&shopper)));
    assert_eq!(owner(&mut renamed).await, None, "renamed");

    let other = tier.server("cookie", &["--store-prefix", "other"]);
    let mut stranger = Shopper { base: other.base(), ..shopper.clone() };
    assert_eq!(owner(&mut stranger).await, None, "another tier with the same key");

    let (theirs, theirs_too) =
        (tier.server("cookie-actix", &[]), tier.server("cookie-actix", &["--store-prefix", "other"]));
    let mut stranger = Shopper { base: theirs_too.base(), ..ann_at(&theirs).await };
    assert_eq!(owner(&mut stranger).await.as_deref(), Some("ann"), "the baseline knows no tiers");

    let sqlite = tier.server("sqlite", &[]);
    let mut confused = Shopper { base: sqlite.base(), ..shopper.clone() };
    assert_eq!(owner(&mut confused).await, None, "a state where an id belongs");
    let mut confused = Shopper { base: server.base(), ..ann_at(&sqlite).await };
    assert_eq!(owner(&mut confused).await, None, "an id where a state belongs");
}

/// The finding, not a defect: nothing that the client holds can be called back.
#[tokio::test]
async fn a_copy_of_the_cookie_outlives_the_log_out_unless_a_store_remembers() {
    for (store, revokes) in [("cookie", false), ("cookie-actix", false), ("sqlite", true)] {
        let tier = Tier::new();
        let server = tier.server(store, &[]);
        let mut shopper = ann_at(&server).await;
        add(&mut shopper, "apple").await;
        let mut thief = shopper.clone();
        let logout = shopper.send(Method::POST, app::LOGOUT, &()).await;
        assert_eq!(logout.status(), StatusCode::OK, "{store}");
        let forget = logout.headers()["set-cookie"].to_str().unwrap();
        assert!(forget.starts_with("sid=;") && forget.contains("Max-Age=0"), "{store}: {forget}");
        assert_eq!(owner(&mut shopper).await, None, "{store}: the client forgot");

        let late = thief.send(Method::POST, app::LINES, &AddLine { op: "stolen".into() }).await;
        if revokes {
            assert_eq!(late.status(), StatusCode::UNAUTHORIZED, "{store}");
        } else {
            assert_eq!(late.status(), StatusCode::OK, "{store}");
            assert_eq!(lines(&mut thief).await, ["apple", "stolen"], "{store}");
        }
    }
}

#[tokio::test]
async fn an_older_cookie_puts_the_session_back_to_where_it_was() {
    for store in BOTH {
        let tier = Tier::new();
        let server = tier.server(store, &[]);
        let mut shopper = ann_at(&server).await;
        add(&mut shopper, "coupon").await;
        let before = shopper.cookie.clone();
        shopper.cart(Method::POST, app::CHECKOUT, &Checkout { op: "pay".into() }).await;
        assert!(lines(&mut shopper).await.is_empty(), "{store}");
        shopper.cookie = before;
        assert_eq!(lines(&mut shopper).await, ["coupon"], "{store}: spent, and here again");
    }
}

#[tokio::test]
async fn two_tabs_that_write_at_once_lose_one_of_the_writes_and_no_policy_can_help() {
    for store in BOTH {
        let tier = Tier::new();
        let server = tier.server(store, &[]);
        let mut shopper = ann_at(&server).await;
        let mut other_tab = shopper.clone();
        assert_eq!(add(&mut shopper, "apple").await, ["apple"], "{store}");
        assert_eq!(add(&mut other_tab, "pear").await, ["pear"], "{store}");
        // One browser: the cookie that comes last is the one that it keeps.
        shopper.cookie = other_tab.cookie;
        assert_eq!(lines(&mut shopper).await, ["pear"], "{store}");
        let said = failed_start(&["--store", store, "--conflict-policy", "optimistic"]);
        assert!(said.contains(&format!("the {store} store cannot compare versions")), "{said}");
    }
}

/// Adds lines until one is refused: how many went in, the largest cookie that was sent, and the refusal.
async fn overgrown(shopper: &mut Shopper) -> (usize, usize, Response) {
    let mut largest = 0;
    for number in 0.. {
        let line = AddLine { op: format!("{number:0>20}") };
        let answer = shopper.send(Method::POST, app::LINES, &line).await;
        if answer.status() != StatusCode::OK {
            return (number, largest, answer);
        }
        let cookie = shopper.cookie.as_deref().unwrap();
        largest = largest.max(cookie.len() - "=".len());
    }
    unreachable!("a cart has a last line")
}

#[tokio::test]
async fn a_session_that_outgrows_its_cookie_is_refused_and_stays_as_it_was() {
    let tier = Tier::new();
    let server = tier.server("cookie", &[]);
    let mut shopper = ann_at(&server).await;
    let (lines_in, largest, refused) = overgrown(&mut shopper).await;
    eprintln!("cookie: {lines_in} lines of 20 bytes, the largest cookie has {largest} bytes");
    assert!(largest <= BROWSER_LIMIT_BYTES, "{largest}");
    assert!(largest > BROWSER_LIMIT_BYTES - 64, "{largest}: refused long before the limit");
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!refused.headers().contains_key("set-cookie"));
    let said: Refusal = refused.json().await.unwrap();
    assert_eq!(said.error, "session_too_large");
    assert!(said.detail.contains("4096"), "{}", said.detail);

    assert_eq!(lines(&mut shopper).await.len(), lines_in, "as it was");
    let far_too_long = Login { owner: "x".repeat(128) };
    shopper.cart(Method::POST, app::LOGIN, &far_too_long).await;
    assert_eq!(add(&mut shopper, "again").await, ["again"], "there is room once it is emptied");
}

/// If this fails, the library has been mended, and the comparison has to say so.
#[tokio::test]
async fn the_baseline_sends_cookies_with_a_200_that_every_browser_drops() {
    let tier = Tier::new();
    let server = tier.server("cookie-actix", &[]);
    let mut shopper = ann_at(&server).await;
    let (lines_in, largest, refused) = overgrown(&mut shopper).await;
    eprintln!("cookie-actix: {lines_in} lines of 20 bytes, the largest cookie has {largest} bytes");
    assert!(largest > BROWSER_LIMIT_BYTES + 1_000, "{largest}");
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR, "and then it says no more than that");
}

/// The server reads the clock on the wall, in milliseconds, and the test a clock that is never set.
const CLOCKS_APART: Duration = Duration::from_millis(10);

/// How long a session lived that was written all the time, and the longest time that can have passed between two of its writes.
async fn busy_until_it_expires(server: &Server, at_most: Duration) -> (Duration, Duration) {
    let start = Instant::now();
    let mut writer = ann_at(server).await;
    let (mut before, mut rested) = (start, Duration::ZERO);
    loop {
        let sent = Instant::now();
        let written = writer.send(Method::POST, app::CHECKOUT, &Checkout { op: "busy".into() }).await;
        rested = rested.max(before.elapsed());
        before = sent;
        match written.status() {
            StatusCode::OK => assert!(start.elapsed() < at_most, "it never expires"),
            status => {
                assert_eq!(status, StatusCode::UNAUTHORIZED);
                return (start.elapsed(), rested);
            }
        }
    }
}

#[tokio::test]
async fn what_is_inside_the_seal_expires_on_the_servers_clock_and_the_baselines_never_does() {
    let (idle, absolute) = (Duration::from_secs(1), Duration::from_secs(2));
    let tier = Tier::new();
    let times = ["--idle-timeout-s", "1", "--absolute-timeout-s", "2"];
    let (ours, theirs) = (tier.server("cookie", &times), tier.server("cookie-actix", &times));
    let start = Instant::now();
    let (mut reader, mut forgotten) = (ann_at(&ours).await, ann_at(&theirs).await);

    while owner(&mut reader).await.is_some() {
        assert!(start.elapsed() < absolute * 10, "it is only read, and never expires");
    }
    assert!(start.elapsed() + CLOCKS_APART >= idle, "expired after {:?}", start.elapsed());
    let late = reader.send(Method::POST, app::LINES, &AddLine { op: "late".into() }).await;
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
    assert!(!late.headers().contains_key("set-cookie"), "no write brings it back");

    let (lived, rested) = loop {
        let (lived, rested) = busy_until_it_expires(&ours, absolute * 10).await;
        // A machine that let nobody run for the whole idle time has ended the session itself: that says nothing of the other one.
        if rested + CLOCKS_APART < idle {
            break (lived, rested);
        }
        assert!(start.elapsed() < absolute * 30, "the machine stands still: {rested:?} between two writes");
    };
    assert!(
        lived + CLOCKS_APART >= absolute,
        "expired after {lived:?}, with {rested:?} between two writes at most"
    );

    assert_eq!(owner(&mut forgotten).await.as_deref(), Some("ann"), "the baseline, past both deadlines");
    add(&mut forgotten, "at last").await;
}
