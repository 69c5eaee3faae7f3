//! placeholder until the seat is written
use protocol::admin::{Policy, Snapshot};
use std::net::SocketAddr;
use std::path::Path;
pub fn config(_: Policy, _: u16, _: &Path) -> Result<String, std::io::Error> { Err(std::io::Error::other("not yet")) }
pub struct Haproxy;
impl Haproxy {
    pub fn new(_: &Path) -> Self { Self }
    pub async fn add(&self, _: &str, _: SocketAddr) -> Result<(), std::io::Error> { Ok(()) }
    pub async fn remove(&self, _: &str) -> Result<(), std::io::Error> { Ok(()) }
    pub async fn snapshot(&self) -> Result<Snapshot, std::io::Error> { Err(std::io::Error::other("not yet")) }
}
