//! stateless-server
fn main() {}
