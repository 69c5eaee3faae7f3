//! The memory store does what every store must.

use session::Lifetime;
use session::conformance::Fixture;
use stateful_server::MemoryStore;

struct OwnMemory;

impl Fixture for OwnMemory {
    type Store = MemoryStore;

    async fn open(&self, lifetime: Lifetime) -> MemoryStore {
        MemoryStore::new(lifetime, 64 * 1024 * 1024)
    }
}

session::conformance_tests!(OwnMemory);
