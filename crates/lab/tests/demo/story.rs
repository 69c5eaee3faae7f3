//! The page of the live demo in a real browser, before real tiers: what a class sees, step by step, and whether it is what the judge says.

use crate::bench::Bench;
use crate::browser::{DevTools, Driver, script};
use crate::parts;
use crate::stage::{
    Running, box_of, choose, click, console, counter, server_is, store_is, text, until, write,
};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use std::fs;

/// A name and a thing that would be trouble if anything took them for HTML.
const NAME: &str = "<b>Ada</b>";
const THING: &str = "<img src=x onerror=document.title=1>";

async fn a_viewer_cannot_steer(driver: &Driver, demo: &Running) {
    let viewer = driver.browser(1024).await;
    viewer.goto(demo.url.split('#').next().unwrap()).await.unwrap();
    until(&viewer, "document.querySelector('#link').dataset.state === 'live'").await;
    server_is(&viewer, "a", 1, "up").await;
    assert_eq!(script(&viewer, "return document.querySelector('#controls').offsetHeight").await, 0);
    click(&viewer, &box_of("a", 1)).await;
    assert_eq!(script(&viewer, "return document.querySelector('#menu').hidden").await, true);
    assert_eq!(console(&viewer).await, Vec::<Value>::new());
    viewer.close().await.unwrap();
}

async fn everybody_comes_in(page: &Client) {
    // Some have always just logged out.
    until(page, "Number(document.querySelector('#tier-a [data-counter=alive] dd').innerText) >= 45").await;
    until(page, "Number(document.querySelector('#tier-b [data-counter=alive] dd').innerText) >= 45").await;
    assert_eq!(script(page, "return location.hash").await, "", "the token stays in the address bar");
    until(page, "document.querySelector('#controls').offsetHeight > 0").await;
}

async fn no_overflow(page: &Client) {
    for (width, height) in [(1440, 900), (1024, 768), (390, 844)] {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        page.issue_cmd(DevTools("Emulation.setDeviceMetricsOverride", size)).await.unwrap();
        until(page, &format!("innerWidth === {width}")).await;
        let wide = script(page, "return document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide.as_i64().unwrap() <= 0, "{wide} px too wide at {width}x{height}");
        if width > 1000 {
            let high = script(page, "return document.documentElement.scrollHeight - innerHeight").await;
            assert!(high.as_i64().unwrap() <= 0, "{high} px do not fit at {width}x{height}");
        }
    }
    let size = json!({ "width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": false });
    page.issue_cmd(DevTools("Emulation.setDeviceMetricsOverride", size)).await.unwrap();
}

/// Fills a cart on both tiers. Answers the server whose memory holds it on the stateful side.
async fn a_cart_on_both_tiers(page: &Client) -> u64 {
    write(page, "#my-name", NAME).await;
    click(page, "#log-in").await;
    for side in ["a", "b"] {
        until(page, &format!("document.querySelector('#cart-{side}').dataset.there === 'yes'")).await;
    }
    write(page, "#my-item", THING).await;
    click(page, "#add-item").await;
    for side in ["a", "b"] {
        until(page, &format!("[...document.querySelectorAll('#cart-{side} li')].some((line) => line.innerText === {THING:?})")).await;
    }
    assert_eq!(text(page, "#cart-title").await, format!("{NAME}’s cart"));
    assert_eq!(
        script(page, "return document.querySelectorAll('#cart img, #cart h2 b').length").await,
        0,
        "markup was parsed"
    );
    until(page, "document.querySelector('#tier-a .door').innerText === '61 shoppers'").await;
    let answered = text(page, "#cart-a .server").await;
    answered.split_whitespace().nth(1).unwrap().parse().unwrap_or_else(|_| panic!("{answered}"))
}

/// The class predicts, the server dies, and the carts that it held are gone on one side only.
async fn predict_then_kill(page: &Client, phone: &Client, demo: &Running, place: u64) {
    phone.goto(&demo.class_url).await.unwrap();
    write(phone, "#code", &demo.code).await;
    click(phone, "#join button").await;
    until(phone, "document.querySelector('#ballot').offsetHeight > 0").await;
    let nothing_to_press = "document.querySelectorAll('#sides button:enabled').length === 0";
    assert_eq!(script(phone, &format!("return {nothing_to_press}")).await, true, "no vote is open");
    click(page, "#open-vote").await;
    assert!(text(page, ".join").await.contains(&demo.code));
    click(page, "#vote-open").await;
    until(phone, "!document.querySelector('#vote-a-some').disabled").await;
    click(phone, "#vote-a-some").await;
    click(phone, "#vote-b-none").await;
    until(phone, "document.querySelector('#said').innerText.includes('Your vote is in')").await;
    until(page, "document.querySelector('#vote').innerText.includes('1 voted')").await;
    click(page, "#vote-close").await;

    choose(page, &box_of("a", place), "Drain").await;
    server_is(page, "b", place, "draining").await;
    assert_eq!(counter(page, "a", "lost").await + counter(page, "b", "lost").await, 0);
    click(page, "#vote-kill").await;
    for side in ["a", "b"] {
        server_is(page, side, place, "dead").await;
    }
    until(page, "document.querySelector('#cart-a').dataset.there === 'no'").await;
    until(
        page,
        &format!(
            "[...document.querySelectorAll('#cart-a li.gone')].some((line) => line.innerText === {THING:?})"
        ),
    )
    .await;
    let css = box_of("a", place);
    until(page, &format!("/^0 /.test(document.querySelector('{css} .count').innerText)")).await;
    assert_eq!(script(page, "return document.querySelector('#cart-b').dataset.there").await, "yes");
    assert!(text(page, "#cart-b .lines").await.contains(THING), "the stateless tier keeps it");
    assert!(counter(page, "a", "lost").await >= 8, "a third of those who are logged in");
    assert_eq!(counter(page, "b", "lost").await, 0);

    click(page, "#vote-reveal").await;
    until(page, "document.querySelector('#hand-a-some').classList.contains('right')").await;
    until(page, "document.querySelector('#hand-b-none').classList.contains('right')").await;
    until(phone, "document.querySelector('#vote-a-some').classList.contains('right')").await;
    click(page, "#vote-shut").await;
}

async fn a_reload_and_a_broken_line_in_the_middle(page: &Client) {
    let lost = counter(page, "a", "lost").await;
    page.refresh().await.unwrap();
    until(page, "document.querySelector('#controls').offsetHeight > 0").await;
    until(page, "document.querySelector('#cart-a').dataset.there === 'no'").await;
    until(page, "document.querySelector('#cart-b').dataset.there === 'yes'").await;
    assert!(counter(page, "a", "lost").await >= lost);
    assert_eq!(console(page).await, Vec::<Value>::new());

    page.issue_cmd(DevTools("Network.enable", json!({}))).await.unwrap();
    let line =
        |off: bool| json!({ "offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    page.issue_cmd(DevTools("Network.emulateNetworkConditions", line(true))).await.unwrap();
    // Chromium lets a stream that is open go on: it is closed by hand, and no other can be opened.
    let close = "const watch = Link.prototype.watch; Link.prototype.watch = function () { this.source.close(); Link.prototype.watch = watch; }";
    script(page, close).await;
    until(page, "document.querySelector('#link').dataset.state === 'waiting'").await;
    assert!(text(page, "#link").await.contains("reconnecting"));
    page.issue_cmd(DevTools("Network.emulateNetworkConditions", line(false))).await.unwrap();
    until(page, "document.querySelector('#link').dataset.state === 'back'").await;
    assert!(text(page, "#link").await.contains("were missed"));
    until(page, "document.querySelector('#link').dataset.state === 'live'").await;
    let others = console(page)
        .await
        .into_iter()
        .filter(|entry| !entry["message"].as_str().unwrap().contains("net::ERR_"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<Value>::new());
}

async fn deploys_outages_and_more_servers(page: &Client) {
    click(page, "#do-heal").await;
    for side in ["a", "b"] {
        for place in 1..=3 {
            server_is(page, side, place, "up").await;
        }
    }
    click(page, "#do-add").await;
    for side in ["a", "b"] {
        server_is(page, side, 4, "up").await;
    }
    let before = counter(page, "a", "lost").await;
    choose(page, "#do-roll", "Deploy").await;
    // On a quick machine it is over before anybody has looked.
    until(page, "document.querySelector('#log').innerText.includes('The roll-out is over.')").await;
    until(
        page,
        "document.querySelector('#tier-a .busy').hidden && document.querySelector('#tier-b .busy').hidden",
    )
    .await;
    until(
        page,
        &format!(
            "Number(document.querySelector('#tier-a [data-counter=lost] dd').innerText) >= {}",
            before + 20
        ),
    )
    .await;
    assert_eq!(counter(page, "b", "lost").await, 0, "a deployment costs the stateless tier nothing");

    choose(page, "#do-store", "Kill the store").await;
    store_is(page, "stopped").await;
    until(page, "document.querySelector('#tier-b [data-counter=slo_percent]').classList.contains('bad')")
        .await;
    // Healed at once, while those who were logged in still come back for their carts.
    click(page, "#do-heal").await;
    store_is(page, "up").await;
    until(page, "Number(document.querySelector('#tier-b [data-counter=lost] dd').innerText) >= 30").await;

    choose(page, "#do-store", "Kill the store").await;
    store_is(page, "stopped").await;
    // A server that dies meanwhile cannot be replaced before the store is back; healing does both, in that order.
    choose(page, &box_of("b", 1), "Kill").await;
    server_is(page, "b", 1, "dead").await;
    click(page, "#controls [data-tier=b]").await;
    click(page, "#do-add").await;
    until(page, "document.querySelector('#toast.bad')").await;
    assert!(text(page, "#toast").await.contains("the store does not answer"));
    for entry in console(page).await {
        assert!(entry["message"].as_str().unwrap().contains("409"), "{entry}");
    }
    click(page, "#controls [data-tier=both]").await;
    click(page, "#do-heal").await;
    store_is(page, "up").await;
    server_is(page, "b", 1, "up").await;
    server_is(page, "a", 1, "up").await;
}

/// Back to the beginning, when nobody had lost anything, and forward again.
async fn rewound_and_live_again(page: &Client) {
    let lost = counter(page, "a", "lost").await;
    click(page, "#span").await;
    click(page, "#span").await;
    assert_eq!(text(page, "#span").await, "all");
    write(page, "#scrubber", &char::from(Key::Home).to_string()).await;
    until(page, "document.querySelector('#tier-a [data-counter=lost] dd').innerText === '0'").await;
    assert_eq!(script(page, "return document.querySelector('#past').hidden").await, false);
    click(page, "#play").await;
    until(page, "Number(document.querySelector('#tier-a [data-counter=alive] dd').innerText) > 20").await;
    click(page, "#live").await;
    until(page, "document.querySelector('#past').hidden").await;
    assert!(counter(page, "a", "lost").await >= lost);
}

/// The page says what the judge says: the counters before the reset, and the findings after it.
async fn the_judge_agrees(page: &Client) -> [u64; 2] {
    let shown = [counter(page, "a", "lost").await, counter(page, "b", "lost").await];
    click(page, "#do-reset").await;
    click(page, "#do-reset").await;
    until(page, "document.querySelectorAll('#findings p').length === 2").await;
    let mut judged = [0; 2];
    for (index, side) in ["a", "b"].into_iter().enumerate() {
        let css = format!("#findings p.{side}");
        assert_eq!(
            script(page, &format!("return document.querySelector('{css}').dataset.agrees")).await,
            "true"
        );
        let lost =
            script(page, &format!("return Number(document.querySelector('{css}').dataset.lost)")).await;
        judged[index] = lost.as_u64().unwrap();
        assert!(judged[index] >= shown[index] && shown[index] > 0, "{side}: {judged:?} against {shown:?}");
    }
    judged
}

/// Every control that the story did not need, on fresh tiers.
async fn every_other_control(page: &Client) {
    everybody_comes_in(page).await;
    click(page, "#findings button").await;
    let server = |place| box_of("a", place);
    let both = async |place, state| {
        server_is(page, "a", place, state).await;
        server_is(page, "b", place, state).await;
    };
    choose(page, &server(1), "Hang").await;
    both(1, "paused").await;
    choose(page, &server(1), "Go on").await;
    both(1, "up").await;
    choose(page, &server(2), "Drain").await;
    both(2, "draining").await;
    choose(page, "#do-server", "Stop draining").await;
    both(2, "up").await;
    choose(page, &server(3), "Stop gracefully").await;
    both(3, "dead").await;
    choose(page, &server(3), "Start again").await;
    both(3, "up").await;

    click(page, "#controls [data-tier=b]").await;
    choose(page, "#do-server", "Kill").await;
    server_is(page, "b", 3, "dead").await;
    server_is(page, "a", 3, "up").await;
    click(page, "#do-heal").await;
    server_is(page, "b", 3, "up").await;
    click(page, "#controls [data-tier=both]").await;

    for (order, state) in [
        ("Slow the store down", "slow"),
        ("As fast as before", "up"),
        ("Hang the store", "paused"),
        ("Let it go on", "up"),
    ] {
        choose(page, "#do-store", order).await;
        store_is(page, state).await;
    }
    choose(page, "#do-policy", "round-robin").await;
    until(page, "[...document.querySelectorAll('.router span')].every((words) => words.innerText === 'each server in turn')").await;
    click(page, "#do-more").await;
    until(page, "document.querySelector('.factor').innerText === '2×'").await;
    click(page, "#do-less").await;
    until(page, "document.querySelector('.factor').innerText === '1×'").await;
    choose(page, &server(2), "Remove").await;
    until(
        page,
        &format!(
            "!document.querySelector('{}') && !document.querySelector('{}')",
            box_of("a", 2),
            box_of("b", 2)
        ),
    )
    .await;
}

/// What a presenter does without a mouse.
async fn keys(page: &Client) {
    let body = page.find(Locator::Css("body")).await.unwrap();
    let press = async |keys: &str| body.send_keys(keys).await.unwrap();
    press("?").await;
    until(page, "document.querySelector('#help').open").await;
    click(page, "#help button").await;
    press("l").await;
    until(page, "document.querySelector('#lesson-title').innerText.startsWith('1.')").await;
    press(&char::from(Key::Right).to_string()).await;
    until(page, "document.querySelector('#lesson-title').innerText.startsWith('2.')").await;
    assert_eq!(
        script(page, "return document.querySelector('#do-kill').classList.contains('needed')").await,
        true
    );
    press("l").await;
    press(" ").await;
    until(page, "!document.querySelector('#past').hidden").await;
    press("v").await;
    until(page, "document.querySelector('#past').hidden").await;
    press("1").await;
    until(page, "document.querySelector('#do-kill').innerText === 'Kill server 1'").await;
    press("k").await;
    server_is(page, "a", 1, "dead").await;
    server_is(page, "b", 1, "dead").await;
    let dark = "getComputedStyle(document.body).backgroundColor";
    let before = script(page, &format!("return {dark}")).await;
    press("t").await;
    press(if before == "rgb(12, 15, 19)" { "t" } else { "" }).await;
    until(page, &format!("{dark} !== '{}'", before.as_str().unwrap())).await;
}

/// The run so far as one file: it plays from the disk, and asks nobody for anything.
async fn exported(page: &Client, bench: &Bench) {
    let lost = counter(page, "a", "lost").await;
    let export = script(page, "return fetch('export').then((answer) => answer.text())").await;
    let file = bench.path().join("recorded.html");
    fs::write(&file, export.as_str().unwrap()).unwrap();
    console(page).await;
    page.goto(&format!("file://{}", file.display())).await.unwrap();
    until(page, "document.querySelector('#link').dataset.state === 'recorded'").await;
    until(page, "Number(document.querySelector('#tier-a [data-counter=alive] dd').innerText) > 0").await;
    assert_eq!(counter(page, "a", "lost").await, 0, "it plays from the beginning");
    until(page, "document.querySelectorAll('#findings p').length === 2 && !document.querySelector('#findings').hidden").await;
    write(page, "#scrubber", &char::from(Key::End).to_string()).await;
    until(
        page,
        &format!("Number(document.querySelector('#tier-a [data-counter=lost] dd').innerText) >= {lost}"),
    )
    .await;
    assert_eq!(
        script(page, "return performance.getEntriesByType('resource').length").await,
        0,
        "it fetches nothing"
    );
    assert_eq!(console(page).await, Vec::<Value>::new());
}

/// Lost sessions of both tiers' first trials, as `lab report` finds them in the journals.
fn reported(bench: &Bench) -> [u64; 2] {
    let results = fs::read_to_string(bench.latest().join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let trials = results["scenarios"][0]["trials"].as_array().unwrap();
    let lost = |order: u64| {
        let trial = trials.iter().find(|trial| trial["identity"]["order"] == order).unwrap();
        trial["sessions"]["lost"].as_u64().unwrap()
    };
    [lost(1), lost(2)]
}

#[test]
fn a_class_sees_carts_vanish_on_one_side_only_and_the_judge_says_the_same() {
    let bench = Bench::new();
    let demo = Running::start(&bench);
    let driver = Driver::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let judged = runtime.block_on(async {
        let page = driver.browser(1440).await;
        let phone = driver.browser(390).await;
        page.goto(&demo.url).await.unwrap();
        everybody_comes_in(&page).await;
        a_viewer_cannot_steer(&driver, &demo).await;
        no_overflow(&page).await;
        for part in parts::ALL {
            assert_eq!(script(&page, part).await, json!([]));
        }
        let place = a_cart_on_both_tiers(&page).await;
        predict_then_kill(&page, &phone, &demo, place).await;
        a_reload_and_a_broken_line_in_the_middle(&page).await;
        deploys_outages_and_more_servers(&page).await;
        rewound_and_live_again(&page).await;
        let judged = the_judge_agrees(&page).await;
        every_other_control(&page).await;
        keys(&page).await;
        assert_eq!(console(&page).await, Vec::<Value>::new());
        assert_eq!(console(&phone).await, Vec::<Value>::new());
        exported(&page, &bench).await;
        page.close().await.unwrap();
        phone.close().await.unwrap();
        judged
    });
    demo.end();
    assert_eq!(reported(&bench), judged, "the page and the report read the same journals");
    assert_eq!(bench.processes(), Vec::<String>::new());
    a_journal_that_was_cut_is_shown_and_proves_nothing(&bench);
}

fn a_journal_that_was_cut_is_shown_and_proves_nothing(bench: &Bench) {
    let (folder, file) = (bench.latest(), bench.path().join("again.html"));
    let [folder_name, file_name] = [&folder, &file].map(|path| path.to_str().unwrap());
    let export = ["replay", folder_name, "--segment", "1", "--export", file_name];
    bench.run(&export).exits(0);
    let journal = folder.join("001-demo-stateful").join(driver::JOURNAL_FILE);
    let text = fs::read_to_string(&journal).unwrap();
    let seal = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&journal, &text[..seal]).unwrap();
    bench.run(&export).exits(3).tells(&["the journal of stateful is not whole", "the seal is missing"]);
    assert!(file.exists(), "it is shown all the same");
}
