//! The stores keep every promise of their ports, on a database of its own for each.

use std::pin::Pin;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row};
use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::keeping::{Keeping, Outside};
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::slot::Caps;
use windlass_store_postgres::PostgresStore;

use crate::server::Database;

windlass_conformance::store_promises!(crate::conformance::open);
windlass_conformance::run_promises!(crate::conformance::open);
windlass_conformance::keeping_promises!(crate::conformance::open_keeping);

/// The fixture ends before its database is dropped.
pub(crate) async fn open() -> (Fixture, Database) {
    let database = Database::migrated().await;
    let fixture = open_at(database.url()).await;
    (fixture, database)
}

async fn open_keeping() -> (Keeping, Database) {
    let (fixture, database) = open().await;
    let clock = Arc::clone(&fixture.clock) as Arc<dyn Clock>;
    let store = PostgresStore::connect(database.url(), Some(clock)).await;
    let pool = database.outside().clone();
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
    let store = Arc::new(store.expect("a database"));
    (Keeping::new(fixture, &store, outside), database)
}

/// A fixture on the empty database at this URL.
pub(crate) async fn open_at(url: &str) -> Fixture {
    let clock = Arc::new(VirtualClock::default());
    let ports = connect(url.to_owned(), Arc::clone(&clock), Caps::default()).await;
    let (url, same_clock) = (url.to_owned(), Arc::clone(&clock));
    let reopen = Box::new(move |caps| {
        let connected = connect(url.clone(), Arc::clone(&same_clock), caps);
        Box::pin(connected) as Pin<Box<dyn Future<Output = Ports>>>
    });
    Fixture::new(ports, clock).await.reopened_by(reopen)
}

async fn connect(url: String, clock: Arc<VirtualClock>, caps: Caps) -> Ports {
    let store = PostgresStore::connect(&url, Some(clock as Arc<dyn Clock>)).await;
    Ports::of(&Arc::new(store.expect("a database").with_caps(caps)))
}
