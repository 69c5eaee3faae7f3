//! stateful-server
fn main() {}
