//! A shopper's browser with one cookie jar, which shows everything that came back.

use crate::server::Server;
use protocol::app::{CART, CHECKOUT, CartView, IDEMPOTENCY_KEY, LINES, LOGIN, LOGOUT, Refusal, SERVED_BY};
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Browser {
    http: Client,
    url: String,
    /// `name=value`, as it is sent.
    pub cookie: Option<String>,
    /// Sent with every request.
    pub key: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, url: format!("http://{}", server.addr), cookie: None, key: None }
    }

    /// The same cookies in another browser window, on the same server or another.
    pub fn window(&self, server: &Server) -> Self {
        Self { url: format!("http://{}", server.addr), ..self.clone() }
    }

    pub async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(key) = &self.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        if let Some(set) = answer.headers().get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    pub async fn login(&mut self, owner: &str) -> Answer {
        self.send(Method::POST, LOGIN, Some(json!({ "owner": owner }))).await
    }

    pub async fn add(&mut self, op: &str) -> Answer {
        self.send(Method::POST, LINES, Some(json!({ "op": op }))).await
    }

    pub async fn check_out(&mut self, op: &str) -> Answer {
        self.send(Method::POST, CHECKOUT, Some(json!({ "op": op }))).await
    }

    pub async fn logout(&mut self) -> Answer {
        self.send(Method::POST, LOGOUT, None).await
    }

    pub async fn read(&mut self) -> Answer {
        self.send(Method::GET, CART, None).await
    }

    /// Reads the cart, which must work; returns its lines.
    pub async fn lines(&mut self) -> Vec<String> {
        self.read().await.cart().ops
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What an answer of 200 shows.
    pub fn cart(&self) -> CartView {
        assert_eq!(self.status, 200, "{}", self.body);
        let cart: CartView = serde_json::from_str(&self.body).unwrap();
        assert_eq!(self.header(SERVED_BY), Some(cart.server.as_str()));
        cart
    }

    /// The status and the word of a refusal, whose form every refusal keeps.
    pub fn refusal(&self) -> (u16, String) {
        let refusal: Refusal = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body));
        assert_eq!(self.header(SERVED_BY), Some(refusal.server.as_str()));
        assert!(!refusal.detail.is_empty());
        (self.status, refusal.error)
    }

    /// The refusal must be this one.
    #[track_caller]
    pub fn refused(&self, status: u16, word: &str) {
        assert_eq!(self.refusal(), (status, word.to_owned()));
    }
}
