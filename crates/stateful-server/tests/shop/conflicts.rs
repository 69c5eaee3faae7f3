//! Two requests of one session at once. A gate in the store makes each story take the same turn every time.

use crate::browser::Browser;
use crate::scripted::Scripted;
use crate::server::Server;

/// Both have read the same version when either writes.
async fn two_adds_from_one_version(policy: &str) -> (Vec<u16>, Vec<String>) {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), &format!("--conflict-policy {policy}")).await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    let mut window = ada.window(&server);

    let gate = store.hold_writes();
    let let_both_go = async {
        gate.reached_by(2).await;
        gate.open();
    };
    let (one, other, ()) = tokio::join!(ada.add("apple"), window.add("bread"), let_both_go);
    let mut statuses = vec![one.status, other.status];
    statuses.sort_unstable();
    for answer in [one, other] {
        if answer.status != 200 {
            answer.refused(409, "conflict");
        }
    }
    (statuses, ada.lines().await)
}

#[tokio::test]
async fn under_last_write_wins_both_are_told_200_and_one_line_is_lost() {
    let (statuses, lines) = two_adds_from_one_version("last-write-wins").await;
    assert_eq!((statuses, lines.len()), (vec![200, 200], 1));
}

#[tokio::test]
async fn under_optimistic_the_second_is_told_409_and_nothing_that_was_acknowledged_is_lost() {
    let (statuses, lines) = two_adds_from_one_version("optimistic").await;
    assert_eq!((statuses, lines.len()), (vec![200, 409], 1));
}

#[tokio::test]
async fn under_optimistic_a_shopper_alone_never_meets_a_conflict() {
    let server = Server::plain(Scripted::new(), "--conflict-policy optimistic").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    ada.add("apple").await.cart();
    ada.login("ada").await.cart();
    ada.add("bread").await.cart();
    ada.check_out("pay").await.cart();
    ada.add("cheese").await.cart();
    assert_eq!(ada.lines().await, ["cheese"]);
}

#[tokio::test]
async fn a_slow_write_that_arrives_after_the_logout_is_refused_and_logs_nobody_in() {
    for policy in ["last-write-wins", "optimistic"] {
        let store = Scripted::new();
        let server = Server::plain(store.clone(), &format!("--conflict-policy {policy}")).await;
        let mut ada = Browser::new(&server);
        ada.login("ada").await.cart();
        let (mut slow, mut later) = (ada.window(&server), ada.window(&server));

        let gate = store.hold_writes();
        let logout_then_let_the_write_go = async {
            gate.reached_by(1).await;
            ada.logout().await.cart();
            gate.open();
        };
        let (written, ()) = tokio::join!(slow.add("late"), logout_then_let_the_write_go);
        written.refused(401, "no_session");
        assert_eq!(written.header("set-cookie"), None);
        assert_eq!(later.read().await.cart().owner, None, "{policy}");
    }
}

#[tokio::test]
async fn a_login_that_arrives_after_the_logout_is_refused_too() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    let mut slow = ada.window(&server);
    let gate = store.hold_writes();
    let logout_then_let_the_login_go = async {
        gate.reached_by(1).await;
        ada.logout().await.cart();
        gate.open();
    };
    let (login, ()) = tokio::join!(slow.login("ada"), logout_then_let_the_login_go);
    login.refused(401, "no_session");
}
