//! The session cookie: how it is sent, and what becomes of one that is not ours.

use crate::browser::Browser;
use crate::scripted::Scripted;
use crate::server::{Server, memory};
use std::path::Path;

fn key_file(dir: &Path, name: &str, byte: u8) -> String {
    let path = dir.join(name);
    std::fs::write(&path, [byte; 64]).unwrap();
    format!("--cookie-key-file {}", path.display())
}

fn attributes(set_cookie: &str) -> Vec<&str> {
    let mut attributes: Vec<_> = set_cookie.split("; ").skip(1).collect();
    attributes.sort_unstable();
    attributes
}

#[tokio::test]
async fn the_cookie_is_bound_to_its_host_hidden_from_scripts_and_secure_unless_told_otherwise() {
    let secure = Server::start(memory(), "").await;
    let answer = Browser::new(&secure).login("ada").await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sid="), "{cookie}");
    assert_eq!(attributes(cookie), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);

    let plain = Server::plain(memory(), "").await;
    let answer = Browser::new(&plain).login("ada").await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("sid="), "{cookie}");
    assert_eq!(attributes(cookie), ["HttpOnly", "Path=/", "SameSite=Lax"]);
}

#[tokio::test]
async fn a_cookie_that_was_tampered_with_is_no_session_and_costs_the_store_nothing() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    let good = ada.cookie.clone().unwrap();
    let value = good.strip_prefix("sid=").unwrap().to_owned();
    let calls = store.calls();

    let mut forged = vec![
        "sid=".to_owned(),
        "sid=forged".to_owned(),
        format!("sid={}", session::SessionId::generate().expose()),
        format!("sid={value}{value}"),
        format!("SID={value}"),
        format!("other={value}"),
    ];
    for cut in 1..value.len().min(24) {
        forged.push(format!("sid={}", &value[..value.len() - cut]));
        forged.push(format!("sid={}", &value[cut..]));
    }
    for at in 0..value.len() {
        let mut bytes = value.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        forged.push(format!("sid={}", String::from_utf8(bytes).unwrap()));
    }
    for cookie in forged {
        let mut forger = ada.window(&server);
        forger.cookie = Some(cookie.clone());
        let answer = forger.read().await;
        assert_eq!(answer.cart().owner, None, "{cookie}");
    }
    assert_eq!(store.calls(), calls);
    assert_eq!(ada.read().await.cart().owner.as_deref(), Some("ada"));
}

#[tokio::test]
async fn servers_with_one_key_and_one_store_serve_one_another_s_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let (key, store) = (key_file(dir.path(), "key", 7), memory());
    let one = Server::plain(store.clone(), &key).await;
    let other = Server::plain(store.clone(), &key).await;
    let mut ada = Browser::new(&one);
    ada.login("ada").await.cart();
    assert_eq!(ada.window(&other).add("apple").await.cart().ops, ["apple"]);
    assert_eq!(ada.lines().await, ["apple"]);

    let stranger = Server::plain(store, &key_file(dir.path(), "other-key", 8)).await;
    assert_eq!(ada.window(&stranger).read().await.cart().owner, None, "sealed with another key");
}
