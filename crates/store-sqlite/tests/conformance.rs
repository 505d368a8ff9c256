//! The stores keep every promise of their ports, on a file of its own for each.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;
use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::keeping::{Keeping, Outside};
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::slot::Caps;
use windlass_store_sqlite::SqliteStore;

windlass_conformance::store_promises!(crate::open);
windlass_conformance::run_promises!(crate::open);
windlass_conformance::keeping_promises!(crate::open_keeping);

async fn open() -> (Fixture, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let clock = Arc::new(VirtualClock::default());
    let path = folder.path().join("windlass.db");
    let ports = open_at(path.clone(), Arc::clone(&clock), Caps::default()).await;
    let same_clock = Arc::clone(&clock);
    let reopen = Box::new(move |caps| {
        let opened = open_at(path.clone(), Arc::clone(&same_clock), caps);
        Box::pin(opened) as Pin<Box<dyn Future<Output = Ports>>>
    });
    let fixture = Fixture::new(ports, clock).await.reopened_by(reopen);
    (fixture, folder)
}

async fn open_at(path: PathBuf, clock: Arc<VirtualClock>, caps: Caps) -> Ports {
    let store = SqliteStore::open(&path, clock as Arc<dyn Clock>).await;
    Ports::of(&Arc::new(store.expect("a file").with_caps(caps)))
}

async fn open_keeping() -> (Keeping, TempDir) {
    let (fixture, folder) = open().await;
    let path = folder.path().join("windlass.db");
    let clock = Arc::clone(&fixture.clock) as Arc<dyn Clock>;
    let store = SqliteStore::open(&path, clock).await.expect("a file");
    let connection = Arc::new(Mutex::new(Connection::open(path).expect("the file")));
    let outside: Outside = Box::new(move |statement| {
        let connection = Arc::clone(&connection);
        Box::pin(async move {
            let connection = connection.lock().expect("no test panics in a statement");
            let mut statement = connection.prepare(&statement).expect("a statement");
            let mut rows = statement.query([]).expect("a statement of the test");
            let row = rows.next().expect("a statement of the test");
            row.and_then(|row| row.get(0).ok()).unwrap_or(0)
        })
    });
    (Keeping::new(fixture, &Arc::new(store), outside), folder)
}
