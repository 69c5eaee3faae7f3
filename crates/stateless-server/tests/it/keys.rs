//! Changing the keys that seal cookies, while shoppers shop: in two steps nobody notices, in one step sessions flicker.

use crate::http::{Server, Shopper};
use protocol::app::{self, AddLine, CartView, Login};
use reqwest::{Method, StatusCode};
use std::path::Path;
use tempfile::TempDir;

/// One server for each way in which the two keys can stand in the file, all on one store.
struct Rollout {
    old: Server,
    old_then_new: Server,
    new_then_old: Server,
    new: Server,
}

impl Rollout {
    fn start(store: &str, folder: &Path) -> Self {
        let (old, new) = ("0a".repeat(64), "0b".repeat(64));
        let url = folder.join("sessions.db");
        let server = |name: &str, keys: &[&str]| {
            let file = folder.join(name);
            std::fs::write(&file, keys.join("\n")).unwrap();
            let flags = ["--service-time-ms", "0", "--cookie-key-file", file.to_str().unwrap()];
            Server::start(store, url.to_str().unwrap(), &flags)
        };
        Self {
            old: server("1", &[&old]),
            old_then_new: server("2", &[&old, &new]),
            new_then_old: server("3", &[&new, &old]),
            new: server("4", &[&new]),
        }
    }
}

/// The shopper adds a line at each of these servers in turn, and is known everywhere.
async fn shops_at(shopper: &mut Shopper, servers: &[&Server]) -> CartView {
    let mut seen = CartView::default();
    for server in servers {
        shopper.base = server.base();
        let written = shopper.cart(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;
        for reader in servers {
            shopper.base = reader.base();
            seen = shopper.cart(Method::GET, app::CART, &()).await;
            assert_eq!((seen.owner.as_deref(), &seen.ops), (Some("ann"), &written.ops));
        }
    }
    seen
}

#[tokio::test]
async fn keys_change_in_two_rollouts_and_nobody_is_logged_out_at_any_moment_of_either() {
    for store in ["cookie", "sqlite"] {
        let folder = TempDir::new().unwrap();
        let tier = Rollout::start(store, folder.path());
        let mut shopper = Shopper::new(&tier.old);
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        shops_at(&mut shopper, &[&tier.old]).await;
        shops_at(&mut shopper, &[&tier.old, &tier.old_then_new]).await;
        shops_at(&mut shopper, &[&tier.old_then_new, &tier.new_then_old]).await;
        shops_at(&mut shopper, &[&tier.new_then_old]).await;
        let seen = shops_at(&mut shopper, &[&tier.new_then_old, &tier.new]).await;
        assert_eq!(seen.ops.len(), 8, "{store}: every line of every step");
    }
}

#[tokio::test]
async fn a_new_key_that_seals_at_once_makes_sessions_flicker_while_old_servers_live() {
    for store in ["cookie", "sqlite"] {
        let folder = TempDir::new().unwrap();
        let tier = Rollout::start(store, folder.path());
        let mut shopper = Shopper::new(&tier.old);
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        shops_at(&mut shopper, &[&tier.new_then_old]).await;
        for (server, known) in [(&tier.old, false), (&tier.new_then_old, true)].repeat(2) {
            shopper.base = server.base();
            let seen = shopper.cart(Method::GET, app::CART, &()).await;
            assert_eq!(seen.owner.is_some(), known, "{store}");
        }
        shopper.base = tier.old.base();
        let written = shopper.send(Method::POST, app::LINES, &AddLine { op: "pear".into() }).await;
        assert_eq!(written.status(), StatusCode::UNAUTHORIZED, "{store}: and writes are refused there");
        assert!(!written.headers().contains_key("set-cookie"), "{store}: yet the cookie is left alone");
    }
}

/// A key that is taken out is the one way to end client-held sessions before their time: all that it sealed.
#[tokio::test]
async fn a_key_that_is_taken_out_ends_every_session_that_it_sealed() {
    for store in ["cookie", "sqlite"] {
        let folder = TempDir::new().unwrap();
        let tier = Rollout::start(store, folder.path());
        let mut shopper = Shopper::new(&tier.old_then_new);
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        shopper.base = tier.new.base();
        assert_eq!(shopper.cart(Method::GET, app::CART, &()).await.owner, None, "{store}");
    }
}

/// If this fails, the library has learned to rotate keys, and the comparison has to say so.
#[tokio::test]
async fn the_baseline_knows_one_key_and_a_change_of_it_logs_everybody_out() {
    let folder = TempDir::new().unwrap();
    let tier = Rollout::start("cookie-actix", folder.path());
    let mut shopper = Shopper::new(&tier.old);
    shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    shops_at(&mut shopper, &[&tier.old, &tier.old_then_new]).await;
    shopper.base = tier.new_then_old.base();
    assert_eq!(
        shopper.cart(Method::GET, app::CART, &()).await.owner,
        None,
        "the old key is in its file, and unused"
    );
}
