//! `lab compare --metrics-port N`: what the load generator counts, to whoever asks on the loopback. One request at a time and each
//! with a deadline: it is for one Prometheus, and must not take the processor from the load.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whoever takes longer to ask or to listen is left.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request's head; longer ones are nobody's who watches.
const MOST_BYTES: usize = 8 * 1024;

/// Listens for as long as the runtime runs; port 0 lets the kernel choose. Says where it listens.
///
/// # Errors
/// When the port is taken.
pub fn serve(port: u16) -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    });
    let listener = bound.map_err(|e| {
        Failure::environment(anyhow!("cannot listen on 127.0.0.1:{port} (--metrics-port): {e}"))
    })?;
    let port =
        listener.local_addr().context("the metrics' port is not known").map_err(Failure::environment)?.port();
    let metrics = driver::publish();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PATIENCE).await;
                continue;
            };
            // Who asked has gone, or was too slow: that is no business of the comparison.
            let _ = tokio::time::timeout(PATIENCE, answer(stream, metrics)).await;
        }
    });
    Ok(port)
}

async fn answer(mut stream: TcpStream, metrics: &driver::LoadMetrics) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await?;
        head.extend_from_slice(&piece[..read]);
        if read == 0 || head.len() > MOST_BYTES {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let asked =
        (words.next(), words.next().map(|path| path.split(|byte| *byte == b'?').next().unwrap_or_default()));
    let (status, kind, body) = match asked {
        (Some(b"GET"), Some(b"/metrics")) => ("200 OK", driver::OPENMETRICS, metrics.openmetrics()),
        (Some(b"GET"), _) => {
            ("404 Not Found", "text/plain", "there is /metrics, and nothing else\n".to_owned())
        }
        _ => ("405 Method Not Allowed", "text/plain", "GET /metrics\n".to_owned()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
