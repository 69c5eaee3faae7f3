//! What operators are told, and who is an operator.

use crate::browser::{Answer, Browser};
use crate::scripted::Scripted;
use crate::server::{NAME, Server, memory};
use protocol::ops::{LookedUp, Reach, SESSIONS};
use reqwest::Client;
use session::StoreError;
use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A token's file, and the flag that names it.
fn token(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, text).unwrap();
    let flag = format!("--ops-token-file {}", path.display());
    (folder, flag)
}

async fn ask(server: &Server, query: &str, token: Option<&str>) -> Answer {
    let http = Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("http://{}{SESSIONS}{query}", server.addr));
    let request = match token {
        Some(token) => request.header("authorization", token),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.unwrap() }
}

async fn look_up(server: &Server, owner: &str) -> LookedUp {
    let answer = ask(server, &format!("?owner={owner}"), Some(&format!("Bearer {TOKEN}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn an_operator_sees_a_session_grow_and_end_and_never_what_opens_it() {
    let (_file, flag) = token(&format!("{TOKEN}\n"));
    let server = Server::plain(memory(), &flag).await;
    let mut browser = Browser::new(&server);
    browser.login("ada").await;
    let before = look_up(&server, "ada").await;
    assert_eq!(
        (before.server.as_str(), before.store.as_str(), before.reach),
        (NAME, "memory", Reach::Process)
    );
    assert_eq!((before.looked_at, before.whole, before.sessions.len()), (Some(1), true, 1));
    browser.add("apple").await;
    browser.add("pear").await;
    // Another one of the same owner's, and one of somebody whose name begins alike.
    Browser::new(&server).login("ada").await;
    Browser::new(&server).login("adam").await;

    let now = look_up(&server, "ada").await;
    assert_eq!((now.looked_at, now.sessions.len()), (Some(3), 2));
    let mine = now.sessions.iter().find(|seen| seen.key == before.sessions[0].key).unwrap();
    assert_eq!((mine.epoch, mine.version, mine.lines), (1, 3, 2));
    assert!(mine.idle_ms.unwrap() <= mine.age_ms + 1, "{mine:?}");

    let answer = ask(&server, "?owner=ada", Some(&format!("Bearer {TOKEN}"))).await;
    let cookie = browser.cookie.clone().unwrap();
    let secret = cookie.split_once('=').unwrap().1;
    for kept_back in [secret, "apple", "pear"] {
        assert!(!answer.body.contains(kept_back), "{kept_back} is in {}", answer.body);
    }

    browser.logout().await;
    assert_eq!(look_up(&server, "ada").await.sessions.len(), 1);
    assert_eq!(look_up(&server, "nobody").await.sessions, []);
}

#[tokio::test]
async fn whoever_shows_no_token_is_told_nothing_and_without_a_token_there_is_no_such_path() {
    let (_file, flag) = token(TOKEN);
    let server = Server::plain(memory(), &flag).await;
    Browser::new(&server).login("ada").await;
    let longer = format!("Bearer {TOKEN}0");
    let shorter = format!("Bearer {}", &TOKEN[1..]);
    let other = format!("Bearer {}1", &TOKEN[..TOKEN.len() - 1]);
    let bare = TOKEN.to_owned();
    for wrong in [None, Some(""), Some("Bearer "), Some(&longer), Some(&shorter), Some(&other), Some(&bare)] {
        let answer = ask(&server, "?owner=ada", wrong).await;
        answer.refused(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let right = format!("Bearer {TOKEN}");
    for malformed in
        ["", "?owner=", "?name=ada", "?owner=ada&session=1", &format!("?owner={}", "x".repeat(129))]
    {
        ask(&server, malformed, Some(&right)).await.refused(400, "malformed");
    }
    let off = Server::plain(memory(), "").await;
    ask(&off, "?owner=ada", Some(&right)).await.refused(404, "unknown_route");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_503_and_no_empty_answer() {
    let (_file, flag) = token(TOKEN);
    let store = Scripted::new();
    let server = Server::plain(store.clone(), &flag).await;
    Browser::new(&server).login("ada").await;
    store.break_with(|| StoreError::Unavailable("away".to_owned()));
    let right = format!("Bearer {TOKEN}");
    ask(&server, "?owner=ada", Some(&right)).await.refused(503, "store_unavailable");
    store.restore();
    assert_eq!(look_up(&server, "ada").await.sessions.len(), 1);
}

#[tokio::test]
async fn whatever_an_owner_is_called_the_search_finds_that_one_and_no_other() {
    let (_file, flag) = token(TOKEN);
    let server = Server::plain(memory(), &flag).await;
    let names = [
        ("a\"b\\", "a%22b%5C"),
        ("\u{e4} \u{1f600}", "%C3%A4%20%F0%9F%98%80"),
        ("\",\"owner\":\"ada", "%22%2C%22owner%22%3A%22ada"),
    ];
    for (name, _) in names {
        Browser::new(&server).login(name).await;
    }
    for (name, escaped) in names {
        assert_eq!(look_up(&server, escaped).await.sessions.len(), 1, "{name}");
    }
    assert_eq!(look_up(&server, "ada").await.sessions, []);
}

#[tokio::test]
async fn a_token_that_can_be_guessed_is_refused_at_the_start() {
    let (_file, flag) = token("secret");
    let refused = Server::refused(&flag).await;
    assert!(refused.contains("6 bytes") && refused.contains("openssl rand"), "{refused}");
}
