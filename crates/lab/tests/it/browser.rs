//! A real Chromium, steered over WebDriver.

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Chromium's driver. It is asked to end when dropped, for then it ends its browsers too; killed, it would leave them behind.
pub struct Driver {
    child: Child,
    addr: String,
}

impl Driver {
    /// Starts it on a port that the kernel chooses.
    pub fn start() -> Self {
        let started = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "chromedriver", "--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = started.expect("chromedriver is needed for this test: just setup-test");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let addr = format!("127.0.0.1:{}", port.expect("chromedriver says its port"));
        Self { child, addr }
    }

    /// A browser without a window, so many pixels wide.
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
            .connect(&format!("http://{}", self.addr))
            .await
            .unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Ok(mut asked) = TcpStream::connect(&self.addr) {
            let _ =
                write!(asked, "GET /shutdown HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.addr);
            let _ = asked.read_to_end(&mut Vec::new());
        } else {
            let _ = self.child.kill();
        }
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

/// One of Chromium's own commands, of the protocol that its developer tools speak.
#[derive(Debug)]
pub struct DevTools(pub &'static str, pub Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

/// Runs a function's body in the page.
pub async fn script(browser: &Client, script: &str) -> Value {
    browser.execute(script, Vec::new()).await.unwrap()
}
