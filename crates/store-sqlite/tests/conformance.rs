//! The stores keep every promise of their ports, on a file of its own for each.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Row, SqlitePool};
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
    let options = SqliteConnectOptions::new().filename(path);
    let pool = SqlitePool::connect_with(options).await.expect("the file");
    let outside: Outside = Box::new(move |statement| {
        let pool = pool.clone();
        Box::pin(async move {
            let row = sqlx::raw_sql(AssertSqlSafe(statement))
                .fetch_optional(&pool)
                .await
                .expect("a statement of the test");
            row.and_then(|row| row.try_get(0).ok()).unwrap_or(0)
        })
    });
    (Keeping::new(fixture, &Arc::new(store), outside), folder)
}
