//! The relay's listening socket, which can be shut: a connection is then refused by the kernel itself, as when no process is there.
//!
//! The port stays the relay's: a second socket, which never listens, is bound to it for as long as the relay lives.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that the kernel holds until they are accepted; it lowers this to its own limit.
const BACKLOG: u32 = 4096;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} ({flag}): {reason}; choose another port, or 0 to let the kernel choose")]
pub struct BindError {
    flag: &'static str,
    addr: SocketAddr,
    reason: io::Error,
}

/// A port with a listener that comes and goes.
#[derive(Debug)]
pub struct Door {
    addr: SocketAddr,
    listener: Option<TcpListener>,
    _keeper: TcpSocket,
}

impl Door {
    /// Takes the address that `flag` gave, and listens there.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn bind(addr: SocketAddr, flag: &'static str) -> Result<Self, BindError> {
        let taken = || {
            let keeper = bound(addr)?;
            let mut door = Door { addr: keeper.local_addr()?, listener: None, _keeper: keeper };
            door.open()?;
            Ok(door)
        };
        taken().map_err(|reason| BindError { flag, addr, reason })
    }

    /// Where it listens, with the port that the kernel chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens, if it does not yet.
    ///
    /// # Errors
    /// When the kernel does not let it, such as for want of a free file descriptor.
    pub fn open(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            self.listener = Some(bound(self.addr)?.listen(BACKLOG)?);
        }
        Ok(())
    }

    /// Listens no more. Connections that were waiting to be accepted are reset.
    pub fn shut(&mut self) {
        self.listener = None;
    }

    /// Whether it listens.
    pub fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    /// The next connection; never, while it is shut.
    ///
    /// # Errors
    /// Those of the kernel, such as for want of a free file descriptor.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _peer)| stream),
            None => std::future::pending().await,
        }
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Two sockets may have the port as long as one of them listens at most, and old connections do not keep it taken.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
