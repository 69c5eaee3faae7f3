//! The report in a real browser: one trial of two stacks, and pages made from it.

use crate::bench::{Bench, KILL};
use crate::browser::{ConsoleLog, DevTools, Driver, script};
use fantoccini::Client;
use report::{Results, ScenarioResults};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Opens a page and demands that it is silent and as wide as the window.
async fn opens_well(browser: &Client, page: &Path, width: u32) {
    browser.goto(&format!("file://{}", page.display())).await.unwrap();
    let console = browser.issue_cmd(ConsoleLog).await.unwrap();
    assert_eq!(console, json!([]), "{} at {width} px", page.display());
    let overflow = script(browser, "return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(overflow.as_i64().unwrap() <= 0, "{overflow} px too wide at {width} px: {}", page.display());
    let fetched = script(browser, "return performance.getEntriesByType('resource').length").await;
    assert_eq!(fetched, 0, "the page fetches nothing");
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

/// Every text that is shown, against what is painted behind it; the worst of them. Each colour is painted to be measured, so that every
/// notation of the style's is understood.
const CONTRASTS: &str = r"
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const known = new Map();
const painted = colour => {
  if (!known.has(colour)) {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; known.set(colour, [r, g, b, a / 255]);
  }
  return known.get(colour);
};
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
const behind = element => {
  const layers = []; let at = element;
  for (; at; at = at.parentElement) { const c = painted(getComputedStyle(at).backgroundColor); layers.push(c); if (c[3] === 1) break; }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
};
const light = ([r, g, b]) => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
const found = [];
for (const element of document.body.querySelectorAll('*')) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || element.closest('[aria-hidden]') && element.closest('svg') || !element.checkVisibility()) continue;
  const style = getComputedStyle(element), back = behind(element);
  let opacity = 1; for (let at = element; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
  const [r, g, b, a] = painted(style.color);
  const [one, two] = [light(over([r, g, b, a * opacity], back)), light(back)].sort((x, y) => y - x);
  found.push([(one + 0.05) / (two + 0.05), element.tagName + '.' + element.className, element.textContent.trim().slice(0, 40)]);
}
found.sort((x, y) => x[0] - y[0]);
return [found.length, ...found.slice(0, 5)];
";

async fn every_text_can_be_read(browser: &Client) {
    script(browser, "document.querySelectorAll('details').forEach(d => d.open = true)").await;
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.issue_cmd(DevTools("Emulation.setEmulatedMedia", media)).await.unwrap();
        let dark = script(browser, "return matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(dark, json!(scheme == "dark"));
        let contrasts = script(browser, CONTRASTS).await;
        assert!(contrasts[0].as_u64().unwrap() > 200, "the page has texts: {}", contrasts[0]);
        assert!(contrasts[1][0].as_f64().unwrap() >= 4.5, "contrast in {scheme}: {contrasts:#}");
    }
    script(browser, "document.querySelectorAll('details').forEach(d => d.open = false)").await;
}

/// What a tabulator reaches, in order; of radio buttons the chosen one.
const REACHABLE: &str =
    "return [...document.querySelectorAll('a[href], summary, input:checked, [tabindex=\"0\"]')]
    .filter(e => e.checkVisibility()).map((e, n) => { e.dataset.place = n; return e.tagName; })";

async fn everything_is_reached_by_keyboard(browser: &Client) {
    let all = script(browser, REACHABLE).await.as_array().unwrap().len();
    script(
        browser,
        "document.activeElement.blur(); window.getSelection().removeAllRanges(); window.scrollTo(0, 0)",
    )
    .await;
    let tab = char::from(fantoccini::key::Key::Tab).to_string();
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..all + 5 {
        browser.active_element().await.unwrap().send_keys(&tab).await.unwrap();
        let focused = "const e = document.activeElement; return [e.dataset.place ?? null, getComputedStyle(e).outlineStyle]";
        let focused = script(browser, focused).await;
        if let Some(place) = focused[0].as_str() {
            assert_ne!(focused[1], "none", "the one in focus is not marked: {place}");
            reached.insert(place.to_owned());
        }
    }
    assert_eq!(reached.len(), all, "reached by keyboard: {reached:?}");
}

async fn the_real_report_is_well(browser: &Client, page: &Path, width: u32) {
    opens_well(browser, page, width).await;
    let text = script(browser, "return document.body.innerText").await;
    let text = text.as_str().unwrap();
    assert!(text.contains("20 of 60") && text.contains("stateless-sqlite"), "{text}");
    let charts = script(browser, "return [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 20).length").await;
    assert!(charts.as_u64().unwrap() >= 8, "{charts} charts");
    let unnamed = "return [...document.querySelectorAll('svg[role=img]')].filter(s => !s.getAttribute('aria-label') && !s.querySelector('title')).length";
    assert_eq!(script(browser, unnamed).await, 0, "charts without a text for screen readers");
    every_text_can_be_read(browser).await;
    everything_is_reached_by_keyboard(browser).await;
    the_switch_is_worked_by_keyboard(browser).await;
}

/// The whole suite, as large as it gets: the real scenario under many names.
fn suite(results: &Results) -> Results {
    let one = &results.scenarios[0];
    let scenarios =
        (0..36).map(|n| ScenarioResults { name: format!("scenario-{n}"), ..one.clone() }).collect();
    Results { scenarios, ..results.clone() }
}

/// The same, with every text that comes from outside trying to be a script.
fn hostile(results: &Results) -> Results {
    const EVIL: &str = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"><a href=javascript:alert(1)>";
    fn spoil(value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(spoil),
            Value::Object(all) => {
                for (key, value) in all {
                    // Names that types have are no texts from outside.
                    let free = [
                        "text",
                        "because",
                        "note",
                        "question",
                        "story",
                        "command",
                        "id",
                        "why",
                        "reasons",
                        "detail",
                        "process",
                        "server",
                        "cpu_model",
                        "kernel",
                        "os",
                        "rustc",
                        "dir",
                        "target",
                        "told",
                        "router",
                        "git_commit",
                        "cart",
                        "op",
                    ];
                    match value {
                        Value::String(text) if free.contains(&key.as_str()) => *text = EVIL.repeat(40),
                        Value::Array(all)
                            if free.contains(&key.as_str()) && all.iter().all(Value::is_string) =>
                        {
                            all.iter_mut().for_each(|text| *text = json!(EVIL));
                        }
                        other => spoil(other),
                    }
                }
            }
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(&report::json(results)).unwrap();
    spoil(&mut value);
    report::read(&value.to_string()).unwrap()
}

/// The same, when a third of the sessions was never seen again.
fn doubtful(results: &Results) -> Results {
    let mut results = results.clone();
    let stack = &mut results.scenarios[0].stacks[1];
    stack.verdict = analysis::Verdict::Inconclusive;
    stack.sessions.verified = 40;
    stack.sessions.unverified = 20;
    results
}

#[test]
fn the_report_opens_without_an_error_and_fits_the_desktop_and_the_phone() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    bench.run(&["compare", &scenario, "--stack", "stateful", "--stack", "stateless-sqlite"]).exits(0);
    let folder = bench.latest();
    let results = report::read(&fs::read_to_string(folder.join("results.json")).unwrap()).unwrap();
    let (many, evil) = (folder.join("suite.html"), folder.join("hostile.html"));
    let doubt = folder.join("doubt.html");
    fs::write(&doubt, report::html(&doubtful(&results))).unwrap();
    fs::write(&many, report::html(&suite(&results))).unwrap();
    fs::write(&evil, report::html(&hostile(&results))).unwrap();
    assert!(fs::metadata(&many).unwrap().len() < 2_000_000, "the whole suite stays below 2 MB");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driver = Driver::start();
    runtime.block_on(async {
        for width in [1440, 360] {
            let browser = driver.browser(width).await;
            the_real_report_is_well(&browser, &folder.join("report.html"), width).await;
            opens_well(&browser, &many, width).await;
            let rows = "return document.querySelectorAll('table.overview tbody tr').length";
            assert_eq!(script(&browser, rows).await, 36, "a row a scenario");
            opens_well(&browser, &evil, width).await;
            let taken = "return [document.title === 'taken', [...document.scripts].filter(s => s.text.includes('taken')).length, document.images.length, [...document.links].filter(a => a.protocol !== 'file:').length]";
            assert_eq!(script(&browser, taken).await, json!([false, 0, 0, 0]), "texts are only text");
            opens_well(&browser, &doubt, width).await;
            let drawn = "return [...document.querySelectorAll('.dots path')].filter(p => p.getAttribute('d') \
                && getComputedStyle(p).position === 'static' && getComputedStyle(p).stroke !== 'none').length";
            assert_eq!(script(&browser, drawn).await, 4, "kept and lost, kept and not verified");
            browser.close().await.unwrap();
        }
    });
}
