//! Starting, steering, ending.

use crate::harness::{Echo, Relay, TOKEN, command, echoed, within};
use protocol::app::Refusal;
use protocol::relay::{LEVEL, STATE, State, UPSTREAM};
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn sigterm_ends_it_at_once_with_its_connections() {
    let echo = Echo::start().await;
    let mut relay = Relay::before(echo.addr).await;
    let mut stream = relay.connect().await;
    echoed(&mut stream, b"x").await;
    relay.signal("-TERM");
    assert!(relay.ended().await.success());
    let end = within("the end of the connection", stream.read(&mut [0])).await;
    assert!(matches!(end, Ok(0) | Err(_)));
}

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_done() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    for (method, path) in [("GET", STATE), ("PUT", LEVEL), ("PUT", UPSTREAM), ("GET", "/else")] {
        for token in [None, Some("Bearer wrong"), Some("Bearer "), Some(TOKEN)] {
            let url = format!("http://{}{path}", relay.admin_addr);
            let mut request = relay.http.request(method.parse().unwrap(), url).body(r#"{"refuse": true}"#);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} {token:?}");
            assert_eq!(answer.json::<Refusal>().await.unwrap().error, "unauthorized");
        }
    }
    let state = relay.state().await;
    assert!(state.listening && !state.level.refuse);
}

#[tokio::test]
async fn what_the_admin_api_does_not_understand_is_named_and_changes_nothing() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let before = relay.state().await;
    let wrong = [
        ("PUT", LEVEL, r#"{"dealy_ms": 3}"#, 400, "dealy_ms"),
        ("PUT", LEVEL, r#"{"up": {"rate_bytes_per_s": 0}}"#, 400, "nonzero"),
        ("PUT", LEVEL, r#"{"lose_answers": {"one_in": 0}}"#, 400, "nonzero"),
        ("PUT", LEVEL, "", 400, "EOF"),
        ("PUT", UPSTREAM, r#"{"upstream": "localhost"}"#, 400, "socket address"),
        ("POST", LEVEL, "{}", 404, "POST /admin/relay/level"),
        ("GET", "/", "", 404, "GET /"),
    ];
    for (method, path, body, status, word) in wrong {
        let answer = relay.admin(method, path).body(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let refusal: Refusal = answer.json().await.unwrap();
        assert!(refusal.detail.contains(word), "{refusal:?}");
    }
    assert_eq!(State { read_by: 0, ..relay.state().await }, before);
}

#[tokio::test]
async fn wrong_arguments_are_named_with_what_is_wrong() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let busy = listener.local_addr().unwrap().to_string();
    let upstream = ["--upstream", "127.0.0.1:9"];
    let cases: [(Vec<&str>, String); 6] = [
        (vec![], "--upstream".to_owned()),
        (vec!["--upstream", "localhost"], "localhost".to_owned()),
        ([&upstream[..], &["--listen", &busy]].concat(), format!("cannot listen on {busy} (--listen)")),
        (
            [&upstream[..], &["--admin-listen", &busy]].concat(),
            format!("cannot listen on {busy} (--admin-listen)"),
        ),
        ([&upstream[..], &["--delay", "3"]].concat(), "--delay".to_owned()),
        (
            [&upstream[..], &["--listen", "1.2.3.4:0"]].concat(),
            "cannot listen on 1.2.3.4:0 (--listen)".to_owned(),
        ),
    ];
    for (args, expected) in cases {
        let (mut command, token_file) = command(&args);
        let output = within("the relay to give up", command.output()).await.unwrap();
        std::fs::remove_file(token_file).unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        assert!(text.contains(&expected), "{args:?}: {text}");
    }
}

#[tokio::test]
async fn a_token_file_that_is_missing_or_empty_is_named() {
    for content in [None, Some(" \n")] {
        let (mut command, token_file) = command(&["--upstream", "127.0.0.1:9"]);
        match content {
            None => std::fs::remove_file(&token_file).unwrap(),
            Some(content) => std::fs::write(&token_file, content).unwrap(),
        }
        let output = within("the relay to give up", command.stdout(Stdio::piped()).output()).await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains("--admin-token-file"), "{text}");
        assert!(text.contains(token_file.to_str().unwrap()), "{text}");
        let _gone = std::fs::remove_file(token_file);
    }
}
