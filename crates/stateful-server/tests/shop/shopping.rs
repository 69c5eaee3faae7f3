//! What a shopper sees when nothing goes wrong.

use crate::browser::Browser;
use crate::server::{NAME, Server, memory};
use protocol::app::{CartView, MAX_LINES};

#[tokio::test]
async fn a_shopper_logs_in_fills_a_cart_checks_out_and_logs_out() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    let seen = |epoch, version, ops: &[&str]| CartView {
        owner: Some("ada".to_owned()),
        epoch,
        version,
        ops: ops.iter().map(|&op| op.to_owned()).collect(),
        server: NAME.to_owned(),
    };

    assert_eq!(ada.login("ada").await.cart(), seen(1, 1, &[]));
    assert_eq!(ada.add("apple").await.cart(), seen(1, 2, &["apple"]));
    assert_eq!(ada.add("bread").await.cart(), seen(1, 3, &["apple", "bread"]));
    assert_eq!(ada.read().await.cart(), seen(1, 3, &["apple", "bread"]));
    assert_eq!(ada.check_out("pay").await.cart(), seen(1, 4, &[]));
    assert_eq!(ada.add("cheese").await.cart(), seen(1, 5, &["cheese"]));

    let nobody = CartView { server: NAME.to_owned(), ..CartView::default() };
    assert_eq!(ada.logout().await.cart(), nobody);
    assert_eq!(ada.cookie, None);
    assert_eq!(ada.read().await.cart(), nobody);
}

/// actix-session's `update` answers such a write with 200 and drops it: the reason why `clippy.toml` forbids it.
#[tokio::test]
async fn each_write_to_an_existing_session_is_there_when_it_is_read_again() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    for count in 1..=5 {
        ada.add(&format!("line {count}")).await.cart();
        assert_eq!(ada.lines().await.len(), count);
    }
}

#[tokio::test]
async fn an_operation_sent_twice_is_in_the_cart_twice() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    ada.add("apple").await.cart();
    ada.add("apple").await.cart();
    assert_eq!(ada.lines().await, ["apple", "apple"]);
}

#[tokio::test]
async fn an_operation_that_comes_again_with_its_key_has_one_effect_even_after_a_check_out() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    ada.key = Some("apple".to_owned());
    let first = ada.add("apple").await.cart();
    assert_eq!(ada.add("apple").await.cart(), first);
    ada.key = Some("pay".to_owned());
    let paid = ada.check_out("pay").await.cart();
    ada.key = None;
    let more = ada.add("bread").await.cart();
    ada.key = Some("pay".to_owned());
    assert_eq!(ada.check_out("pay").await.cart(), more);
    ada.key = Some("apple".to_owned());
    assert_eq!(ada.add("apple").await.cart(), more);
    assert_eq!((paid.version, more.version), (3, 4));
}

#[tokio::test]
async fn a_key_that_is_not_the_operations_id_is_refused() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    ada.key = Some("pear".to_owned());
    ada.add("apple").await.refused(400, "malformed");
}

#[tokio::test]
async fn a_login_gives_a_new_id_counts_the_epoch_and_leaves_the_old_id_worthless() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    ada.add("apple").await.cart();
    let mut thief = ada.window(&server);

    let again = ada.login("ada").await.cart();
    assert_eq!((again.epoch, again.version, again.ops.len()), (2, 3, 0));
    assert_ne!(ada.cookie, thief.cookie);
    assert_eq!(thief.read().await.cart().owner, None);
    thief.add("stolen").await.refused(401, "no_session");
    assert_eq!(ada.lines().await.len(), 0);

    let other = ada.login("grace").await.cart();
    assert_eq!((other.owner.as_deref(), other.epoch), (Some("grace"), 3));
}

#[tokio::test]
async fn without_a_session_a_cart_is_empty_no_cookie_is_set_and_writes_are_refused() {
    let server = Server::plain(memory(), "").await;
    let mut stranger = Browser::new(&server);
    let cart = stranger.read().await.cart();
    assert_eq!((cart.owner, cart.epoch, cart.version), (None, 0, 0));
    stranger.add("apple").await.refused(401, "no_session");
    stranger.check_out("pay").await.refused(401, "no_session");
    stranger.logout().await.refused(401, "no_session");
    assert_eq!(stranger.cookie, None);
}

#[tokio::test]
async fn a_cart_takes_its_last_line_and_refuses_one_more() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    for line in 0..MAX_LINES {
        ada.add(&line.to_string()).await.cart();
    }
    ada.add("one more").await.refused(400, "cart_full");
    assert_eq!(ada.lines().await.len(), MAX_LINES);
}
