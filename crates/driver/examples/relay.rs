//! A TCP relay that holds every request to a store back for a while: what `scripts/bench-statistics.sh` puts before one stack's
//! store, to see whether six pairs of trials find it. Answers pass at once. Threads and not tasks: tokio's clock ticks in
//! milliseconds, and one millisecond is what is to be added.
//!
//! `cargo run -p driver --example relay -- 127.0.0.1:6379 1000` prints the address that it listens on; 1000 are the microseconds.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(store), Some(hold_us)) = (arguments.next(), arguments.next()) else {
        return Err("usage: relay STORE_ADDRESS MICROSECONDS".into());
    };
    let hold = Duration::from_micros(hold_us.parse()?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    for client in listener.incoming() {
        let (client, store) = (client?, TcpStream::connect(&store)?);
        client.set_nodelay(true)?;
        store.set_nodelay(true)?;
        let back = (store.try_clone()?, client.try_clone()?);
        // A connection lives as long as its two ends want; what became of it shows at those ends.
        thread::spawn(move || pass(client, store, hold));
        thread::spawn(move || pass(back.0, back.1, Duration::ZERO));
    }
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, hold: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if !hold.is_zero() {
            thread::sleep(hold);
        }
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
