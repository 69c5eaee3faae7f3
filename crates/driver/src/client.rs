//! One tab's HTTP: one connection, its shopper's cookie jar, and the exact fate of each request.
//!
//! The tab's own task writes and reads the socket: no task beside it, no wake-up but the kernel's, and nothing is copied out of what
//! the connection brought.

use crate::answer::Head;
use crate::clock::Clock;
use crate::jar::Jar;
use protocol::app::IDEMPOTENCY_KEY;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// The least room that a read is given.
const LEAST_ROOM: usize = 1 << 10;
/// A connection that had a long answer does not keep the room for it.
const MOST_KEPT: usize = 1 << 14;

/// What a request came to.
pub(crate) struct Exchange {
    /// When its first byte was handed to the socket; `None` when none was.
    pub(crate) sent_us: Option<u64>,
    /// When the head of the answer was there.
    pub(crate) first_byte_us: Option<u64>,
    /// When it was over.
    pub(crate) done_us: u64,
    /// The answer, complete to its last byte, or what happened instead.
    pub(crate) answer: Result<Received, String>,
    /// Fingerprint of the session cookie that was sent.
    pub(crate) sid: Option<Rc<str>>,
}

/// A complete answer, in the client's hands until the next request.
pub(crate) struct Received {
    status: u16,
    server: Option<Range<usize>>,
    body: Range<usize>,
    new_sid: Option<Rc<str>>,
}

/// A complete answer.
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    /// The process that says it answered.
    pub(crate) server: Option<&'a str>,
    /// The body.
    pub(crate) body: &'a [u8],
    /// Fingerprint of the session cookie that it set.
    pub(crate) new_sid: Option<&'a str>,
}

/// What is asked.
pub(crate) struct Ask<'a> {
    /// The method and the path.
    pub(crate) route: Route,
    /// The body, as JSON.
    pub(crate) body: Option<Vec<u8>>,
    /// Sent along, so that a second try has no second effect.
    pub(crate) idempotency_key: Option<&'a str>,
}

/// A method and a path.
#[derive(Clone, Copy)]
pub(crate) enum Route {
    /// Reads.
    Get(&'static str),
    /// Writes.
    Post(&'static str),
}

/// One tab's end of the line.
pub(crate) struct Client {
    line: Line,
    timeout: Duration,
    /// Moved on with every request: cheaper than a timer for each.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Client {
    /// A client without a connection.
    pub(crate) fn new(addr: SocketAddr, timeout: Duration, clock: Clock, jar: Rc<RefCell<Jar>>) -> Self {
        let host = format!(" HTTP/1.1\r\nhost: {addr}\r\n").into();
        let line = Line { addr, host, clock, jar, stream: None, outbox: Vec::new(), inbox: Vec::new() };
        Self { line, timeout, deadline: None }
    }

    /// Sends one request, once, and waits for the last byte of its answer or for the time-out.
    pub(crate) async fn send(&mut self, ask: Ask<'_>) -> Exchange {
        let Self { line, timeout, deadline } = self;
        let (clock, timeout) = (line.clock, *timeout);
        let deadline = deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        deadline.as_mut().reset(Instant::now() + timeout);
        let sid = line.jar.borrow().sid();
        let mut exchange =
            Exchange { sent_us: None, first_byte_us: None, done_us: 0, answer: Err(String::new()), sid };
        let answered = {
            let mut answered = pin!(line.exchange(ask, &mut exchange));
            poll_fn(|task| match answered.as_mut().poll(task) {
                Poll::Pending => deadline.as_mut().poll(task).map(|()| None),
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
            })
            .await
        };
        exchange.answer =
            answered.unwrap_or_else(|| Err(format!("no answer within {} ms", timeout.as_millis())));
        if exchange.answer.is_err() {
            // The answer may still come; on this connection it would be taken for the next one's.
            line.stream = None;
            exchange.done_us = clock.now_us();
        }
        exchange
    }

    /// What the latest answer said.
    pub(crate) fn answer<'a>(&'a self, received: &'a Received) -> Answer<'a> {
        let Received { status, server, body, new_sid } = received;
        let server = server.clone().and_then(|at| std::str::from_utf8(&self.line.inbox[at]).ok());
        Answer { status: *status, server, body: &self.line.inbox[body.clone()], new_sid: new_sid.as_deref() }
    }
}

/// A connection, and what is said over it.
struct Line {
    addr: SocketAddr,
    /// What follows the path.
    host: Box<str>,
    clock: Clock,
    jar: Rc<RefCell<Jar>>,
    stream: Option<TcpStream>,
    outbox: Vec<u8>,
    inbox: Vec<u8>,
}

impl Line {
    async fn exchange(&mut self, ask: Ask<'_>, exchange: &mut Exchange) -> Result<Received, String> {
        self.inbox.clear();
        self.inbox.shrink_to(MOST_KEPT);
        self.write_down(ask);
        // A connection that was closed between two requests is no failure of the service. A request of which not one byte was
        // written is sent on a new connection, which is no retry.
        for _ in 0..2 {
            let mut stream = match self.stream.take().filter(is_silent) {
                Some(stream) => stream,
                None => self.connect().await?,
            };
            exchange.sent_us = Some(self.clock.now_us());
            match self.put(&mut stream).await {
                Ok(()) => {
                    let (received, keep_alive) = self.receive(&mut stream, exchange).await?;
                    self.stream = keep_alive.then_some(stream);
                    return Ok(received);
                }
                Err(Unsent::Nothing) => exchange.sent_us = None,
                Err(Unsent::Rest(e)) => return Err(format!("the request broke off: {}", e.kind())),
            }
        }
        Err("the connection was closed before the request could be sent".to_owned())
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let connected = TcpStream::connect(self.addr).await;
        let stream = connected.map_err(|e| format!("no connection: {}", e.kind()))?;
        stream.set_nodelay(true).map_err(|e| format!("no connection: {}", e.kind()))?;
        Ok(stream)
    }

    fn write_down(&mut self, ask: Ask<'_>) {
        let out = &mut self.outbox;
        out.clear();
        let (method, path) = match ask.route {
            Route::Get(path) => ("GET ", path),
            Route::Post(path) => ("POST ", path),
        };
        for part in [method, path, &self.host] {
            out.extend_from_slice(part.as_bytes());
        }
        let text = "a vector takes everything";
        out.extend_from_slice(self.jar.borrow().header());
        if let Some(key) = ask.idempotency_key {
            write!(out, "{IDEMPOTENCY_KEY}: {key}\r\n").expect(text);
        }
        if ask.body.is_some() {
            out.extend_from_slice(b"content-type: application/json\r\n");
        }
        if let Route::Post(_) = ask.route {
            write!(out, "content-length: {}\r\n", ask.body.as_ref().map_or(0, Vec::len)).expect(text);
        }
        out.extend_from_slice(b"\r\n");
        out.extend(ask.body.unwrap_or_default());
    }

    async fn put(&self, stream: &mut TcpStream) -> Result<(), Unsent> {
        let mut written = 0;
        while written < self.outbox.len() {
            match stream.write(&self.outbox[written..]).await {
                Ok(0) if written == 0 => return Err(Unsent::Nothing),
                Ok(0) => return Err(Unsent::Rest(std::io::ErrorKind::WriteZero.into())),
                Ok(bytes) => written += bytes,
                Err(_) if written == 0 => return Err(Unsent::Nothing),
                Err(e) => return Err(Unsent::Rest(e)),
            }
        }
        Ok(())
    }

    /// Reads one answer; says whether the connection may be used again.
    async fn receive(
        &mut self,
        stream: &mut TcpStream,
        exchange: &mut Exchange,
    ) -> Result<(Received, bool), String> {
        let mut head = None;
        loop {
            if self.inbox.capacity() - self.inbox.len() < LEAST_ROOM {
                self.inbox.reserve(LEAST_ROOM.max(self.inbox.len()));
            }
            let read = stream.read_buf(&mut self.inbox).await;
            let bytes = read.map_err(|e| format!("the answer broke off: {}", e.kind()))?;
            exchange.done_us = self.clock.now_us();
            if head.is_none() && bytes > 0 {
                head = Head::read(&mut self.inbox)?;
                exchange.first_byte_us = head.as_ref().map(|_| exchange.done_us);
            }
            if let Some(head) = &head
                && let Some(body) = head.body(&mut self.inbox, bytes == 0)?
            {
                return Ok((self.complete(head, body.at), body.keep_alive));
            }
            if bytes == 0 {
                let what = if head.is_some() { "the answer broke off" } else { "no answer" };
                return Err(format!("{what}: the connection was closed"));
            }
        }
    }

    /// Only a complete answer changes the jar, as only a complete answer counts.
    fn complete(&self, head: &Head, body: Range<usize>) -> Received {
        let new_sid = head.sets_cookies.then(|| {
            let mut jar = self.jar.borrow_mut();
            let mut new_sid = None;
            head.cookies(&self.inbox, |cookie| new_sid = jar.take(cookie).or(new_sid.take()));
            new_sid
        });
        let server = head.server.clone();
        Received { status: head.status, server, body, new_sid: new_sid.flatten() }
    }
}

/// A request that was not written.
enum Unsent {
    /// Not one byte.
    Nothing,
    /// Its rest.
    Rest(std::io::Error),
}

/// Whether nothing came over a connection since the answer before: its end, or what nobody asked for. Costs no system call while
/// the kernel has not said that there is something.
fn is_silent(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;

    const GET: Ask<'static> = Ask { route: Route::Get("/cart"), body: None, idempotency_key: None };
    const OK: &str = "HTTP/1.1 200 OK\r\nX-Served-By: s1\r\nContent-Length: 2\r\n\r\n{}";

    /// What a peer does with one connection: it reads a request, answers with this, and so on, and closes at the end. An empty
    /// answer is never sent, and the connection is kept.
    type Script = Vec<Vec<&'static str>>;

    /// A client, and a peer that answers by a script; tells how many requests came over each connection.
    async fn meet<F: Future<Output = ()>>(script: Script, story: impl FnOnce(Client) -> F) -> Vec<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let came = Rc::new(RefCell::new(Vec::new()));
        let counted = Rc::clone(&came);
        let peer = async move {
            for answers in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.borrow_mut().push(0);
                for answer in answers {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                    }
                    *counted.borrow_mut().last_mut().unwrap() += 1;
                    if answer.is_empty() {
                        // Until the client has had enough.
                        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                    }
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        };
        let clock = Clock::starting_at(std::time::Instant::now());
        let client = Client::new(addr, Duration::from_millis(300), clock, Rc::default());
        let local = LocalSet::new();
        let peer = local.spawn_local(peer);
        local.run_until(story(client)).await;
        local.run_until(peer).await.unwrap();
        came.take()
    }

    fn status(client: &Client, exchange: &Exchange) -> u16 {
        client.answer(exchange.answer.as_ref().unwrap()).status
    }

    #[tokio::test]
    async fn requests_share_a_connection_until_it_is_closed_and_then_have_another() {
        let came = meet(vec![vec![OK, OK], vec![OK]], |mut client| async move {
            for n in 0..3 {
                let exchange = client.send(GET).await;
                let answer = client.answer(exchange.answer.as_ref().unwrap());
                assert_eq!((answer.status, answer.server, answer.body), (200, Some("s1"), &b"{}"[..]));
                assert!(exchange.sent_us <= exchange.first_byte_us);
                assert!(exchange.first_byte_us <= Some(exchange.done_us));
                if n == 1 {
                    let stream = client.line.stream.as_ref().unwrap();
                    stream.readable().await.unwrap();
                }
            }
        });
        assert_eq!(came.await, [2, 1]);
    }

    #[tokio::test]
    async fn what_was_sent_and_not_answered_is_not_sent_again_and_its_connection_is_given_up() {
        let came = meet(vec![vec![""], vec![OK]], |mut client| async move {
            let exchange = client.send(GET).await;
            assert!(exchange.sent_us.is_some() && exchange.first_byte_us.is_none());
            assert_eq!(exchange.answer.as_ref().err().unwrap(), "no answer within 300 ms");
            assert!(exchange.done_us >= exchange.sent_us.unwrap() + 290_000);
            let exchange = client.send(GET).await;
            assert_eq!(status(&client, &exchange), 200);
        });
        assert_eq!(came.await, [1, 1]);
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_counts_for_nothing_and_a_complete_one_fills_the_jar() {
        let cut = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=a\r\nContent-Length: 3\r\n\r\n{}";
        let whole =
            "HTTP/1.1 200 OK\r\nSet-Cookie: sid=b\r\nSet-Cookie: lab-server=s1\r\nContent-Length: 0\r\n\r\n";
        let came = meet(vec![vec![cut], vec![whole, OK]], |mut client| async move {
            let exchange = client.send(GET).await;
            assert!(exchange.answer.as_ref().err().unwrap().contains("broke off"));
            assert!(exchange.first_byte_us.is_some() && client.line.jar.borrow().header().is_empty());
            let exchange = client.send(GET).await;
            assert!(exchange.sid.is_none());
            let new_sid = exchange.answer.unwrap().new_sid;
            assert!(new_sid.is_some());
            let exchange = client.send(GET).await;
            assert_eq!(exchange.sid, new_sid);
            let sent = String::from_utf8(client.line.outbox.clone()).unwrap();
            assert!(sent.contains("\r\ncookie: sid=b; lab-server=s1\r\n"), "{sent}");
        });
        assert_eq!(came.await, [1, 2]);
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_is_sent() {
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let clock = Clock::starting_at(std::time::Instant::now());
        let mut client = Client::new(addr, Duration::from_secs(5), clock, Rc::default());
        let exchange = client.send(GET).await;
        assert_eq!(exchange.sent_us, None);
        assert!(exchange.answer.err().unwrap().starts_with("no connection"));
    }
}
