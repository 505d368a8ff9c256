//! The stores keep every promise of their ports, on a file of its own for each.

use std::sync::Arc;

use tempfile::TempDir;
use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::store::{Fixture, Ports};
use windlass_store_sqlite::SqliteStore;

windlass_conformance::store_promises!(crate::open);
windlass_conformance::run_promises!(crate::open);

async fn open() -> (Fixture, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let clock = Arc::new(VirtualClock::default());
    let path = folder.path().join("windlass.db");
    let store = SqliteStore::open(&path, Arc::clone(&clock) as Arc<dyn Clock>)
        .await
        .expect("a new file");
    let fixture = Fixture::new(Ports::of(&Arc::new(store)), clock).await;
    (fixture, folder)
}
