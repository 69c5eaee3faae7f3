//! The report in a real browser.

use crate::bench::{Bench, KILL};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Chromium's driver, killed when dropped; the browser ends with it.
pub struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    pub fn start() -> Self {
        let started = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = started.expect("chromedriver is needed for this test: just setup-test");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        Self { child, url }
    }

    pub async fn browser(&self, width: u32) -> Client {
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--window-size={width},900"),
        ];
        let options = json!({
            "goog:chromeOptions": { "args": arguments, "mobileEmulation": {
                "deviceMetrics": { "width": width, "height": 900, "pixelRatio": 1.0 } } },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(options) = options else { unreachable!() };
        ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(options)
            .connect(&self.url)
            .await
            .unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Chromium's own command: everything that the page wrote to its console.
#[derive(Debug)]
pub struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

pub async fn script(browser: &Client, script: &str) -> Value {
    browser.execute(script, Vec::new()).await.unwrap()
}

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
