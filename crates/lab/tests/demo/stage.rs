//! A demo that runs, and the hands and eyes of whoever sits before its page.

use crate::bench::Bench;
use crate::browser::{ConsoleLog, script};
use fantoccini::{Client, Locator};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Nothing here takes so long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// A demo that runs, and is killed when dropped.
pub struct Running {
    child: Child,
    /// With the token.
    pub url: String,
    /// Where phones join.
    pub class_url: String,
    /// What phones join with.
    pub code: String,
}

impl Running {
    /// Starts it, with real processes, and waits until it says where it is.
    pub fn start(bench: &Bench) -> Self {
        let arguments =
            ["demo", "--no-open", "--stack", "stateless-redis", "--shoppers", "60", "--think-time-ms", "400"];
        let class = ["--class", "--class-address", "127.0.0.1"];
        let mut command = bench.lab(&[&arguments[..], &class[..]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| drop(said.send(line)))
        });
        let (mut url, mut class_url, mut code) = (None, None, None);
        let mut all = String::new();
        while url.is_none() || code.is_none() {
            let line =
                heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the demo does not come up:\n{all}"));
            let word_after = |mark: &str| {
                Some(line.split_once(mark)?.1.split_whitespace().next()?.trim_end_matches(',').to_owned())
            };
            url = url.or_else(|| word_after("the demo is at "));
            class_url = class_url.or_else(|| word_after("--class: "));
            code = code.or_else(|| word_after("with the code "));
            all += &line;
            all.push('\n');
        }
        // Whoever writes to a pipe that nobody reads stops one day.
        std::thread::spawn(move || heard.into_iter().for_each(drop));
        Self { child, url: url.unwrap(), class_url: class_url.unwrap(), code: code.unwrap() }
    }

    /// As Ctrl-C does it: healed, read once more, judged.
    pub fn end(mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the page until it says yes.
pub async fn until(page: &Client, condition: &str) -> Value {
    let begun = Instant::now();
    loop {
        let said = script(page, &format!("return {condition}")).await;
        if said != Value::Null && said != json!(false) && said != json!("") {
            return said;
        }
        if begun.elapsed() > PATIENCE {
            let text = script(page, "return document.body.innerText").await;
            panic!("never: {condition}\n{}", text.as_str().unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Clicks what this selector finds first.
pub async fn click(page: &Client, css: &str) {
    press(page, Locator::Css(css), css).await;
}

/// Clicks what is found. The page may draw it anew between the finding and the click, and then it is found again.
async fn press(page: &Client, locator: Locator<'_>, name: &str) {
    let begun = Instant::now();
    loop {
        let element = page.find(locator).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        match element.click().await {
            Ok(()) => return,
            Err(e) if e.to_string().contains("stale element") && begun.elapsed() < PATIENCE => {}
            Err(e) => panic!("{name}: {e}"),
        }
    }
}

/// Types into a field.
pub async fn write(page: &Client, css: &str, text: &str) {
    page.find(Locator::Css(css)).await.unwrap().send_keys(text).await.unwrap();
}

/// Opens a menu, and takes what has this name in it.
pub async fn choose(page: &Client, opener: &str, item: &str) {
    click(page, opener).await;
    let entry = format!("//div[@id='menu']//button[not(@disabled)][b='{item}']");
    press(page, Locator::XPath(&entry), &format!("{opener}, {item}")).await;
}

/// What can be read there.
pub async fn text(page: &Client, css: &str) -> String {
    let text = script(page, &format!("return document.querySelector({css:?}).innerText")).await;
    text.as_str().unwrap().to_owned()
}

/// A counter of side `a` or `b`.
pub async fn counter(page: &Client, side: &str, name: &str) -> u64 {
    let text = text(page, &format!("#tier-{side} [data-counter={name}] dd")).await;
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("{name} of {side} is {text:?}"))
}

/// The selector of a server's box.
pub fn box_of(side: &str, place: u64) -> String {
    format!("#tier-{side} .server[data-place=\"{place}\"]")
}

/// Waits for a server's state.
pub async fn server_is(page: &Client, side: &str, place: u64, state: &str) {
    let css = box_of(side, place);
    until(
        page,
        &format!("(document.querySelector('{css}') || {{ dataset: {{}} }}).dataset.state === '{state}'"),
    )
    .await;
}

/// Waits for the store's state.
pub async fn store_is(page: &Client, state: &str) {
    until(page, &format!("document.querySelector('#tier-b .store').dataset.state === '{state}'")).await;
}

/// Everything that the page wrote to its console so far.
pub async fn console(page: &Client) -> Vec<Value> {
    page.issue_cmd(ConsoleLog).await.unwrap().as_array().unwrap().clone()
}
