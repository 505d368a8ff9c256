//! The store in memory keeps every promise of the ports, as the stores that are used do.

use std::future::ready;
use std::pin::Pin;
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
    let ports = Ports::of(&Arc::new(store.clone()));
    let reopen = Box::new(move |caps| {
        let ports = Ports::of(&Arc::new(store.with_caps(caps)));
        Box::pin(ready(ports)) as Pin<Box<dyn Future<Output = Ports>>>
    });
    let fixture = Fixture::new(ports, clock).await;
    (fixture.reopened_by(reopen), ())
}
