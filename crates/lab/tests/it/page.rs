//! The report in a real browser.

use crate::bench::{Bench, KILL};
use crate::browser::{ConsoleLog, Driver, script};
use fantoccini::Client;
use serde_json::json;

/// Latency from the plan is shown until the reader asks for what a naive tool shows.
async fn the_switch_is_worked_by_keyboard(browser: &Client) {
    let shown = "return [...document.querySelectorAll('figure.chart')].filter(f => f.offsetHeight > 0).map(f => f.querySelector('h3').innerText)";
    let titles = async || script(browser, shown).await.as_array().unwrap()[0].as_str().unwrap().to_owned();
    assert_eq!(titles().await, "Latency from the plan");
    let chosen = browser.find(fantoccini::Locator::Css("input[name=latency]:checked")).await.unwrap();
    chosen.send_keys(&char::from(fantoccini::key::Key::Right).to_string()).await.unwrap();
    assert_eq!(titles().await, "Service time: what a naive tool shows");
    let note = "return document.querySelector('.board').parentElement.previousElementSibling.innerText";
    let note = script(browser, note).await;
    let note = note.as_str().unwrap();
    assert!(note.contains("from the moment of sending") && !note.contains("was planned"), "{note}");
}

#[test]
fn the_report_opens_without_an_error_and_fits_the_desktop_and_the_phone() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    bench.run(&["compare", &scenario, "--stack", "stateful", "--stack", "stateless-sqlite"]).exits(0);
    let page = format!("file://{}", bench.latest().join("report.html").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driver = Driver::start();
    runtime.block_on(async {
        for width in [1440, 360] {
            let browser = driver.browser(width).await;
            browser.goto(&page).await.unwrap();
            let console = browser.issue_cmd(ConsoleLog).await.unwrap();
            assert_eq!(console, json!([]), "at {width} px");
            let overflow = script(&browser, "return document.documentElement.scrollWidth - window.innerWidth").await;
            assert!(overflow.as_i64().unwrap() <= 0, "{overflow} px too wide at {width} px");
            let text = script(&browser, "return document.body.innerText").await;
            let text = text.as_str().unwrap();
            assert!(text.contains("20 of 60") && text.contains("stateless-sqlite"), "{text}");
            let charts = script(&browser, "return [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 20).length").await;
            assert!(charts.as_u64().unwrap() >= 2, "{charts} charts");
            let unnamed = "return [...document.querySelectorAll('svg[role=img]')].filter(s => !s.getAttribute('aria-label') && !s.querySelector('title')).length";
            assert_eq!(script(&browser, unnamed).await, 0, "charts without a text for screen readers");
            let fetched = script(&browser, "return performance.getEntriesByType('resource').length").await;
            assert_eq!(fetched, 0, "the page fetches nothing");
            the_switch_is_worked_by_keyboard(&browser).await;
            browser.close().await.unwrap();
        }
    });
}
