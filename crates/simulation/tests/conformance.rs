//! The store in memory keeps every promise of the ports, as the stores that are used do.

use std::sync::Arc;

use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::store::{Fixture, Ports};
use windlass_simulation::store::{MemoryStore, Rules};

windlass_conformance::store_promises!(crate::open);
windlass_conformance::run_promises!(crate::open);

async fn open() -> (Fixture, ()) {
    let clock = Arc::new(VirtualClock::default());
    let ruled_by = Arc::clone(&clock) as Arc<dyn Clock>;
    let store = MemoryStore::new(ruled_by, Rules::default());
    (Fixture::new(Ports::of(&Arc::new(store)), clock).await, ())
}
