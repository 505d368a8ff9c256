//! The stores keep every promise of their ports, on a database of its own for each.

use std::sync::Arc;

use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::store::{Fixture, Ports};
use windlass_store_postgres::PostgresStore;

use crate::server::Database;

windlass_conformance::store_promises!(crate::conformance::open);
windlass_conformance::run_promises!(crate::conformance::open);

/// The fixture ends before its database is dropped.
pub(crate) async fn open() -> (Fixture, Database) {
    let database = Database::migrated().await;
    let fixture = open_at(database.url()).await;
    (fixture, database)
}

/// A fixture on the empty database at this URL.
pub(crate) async fn open_at(url: &str) -> Fixture {
    let clock = Arc::new(VirtualClock::default());
    let store = PostgresStore::connect(url, Some(Arc::clone(&clock) as Arc<dyn Clock>)).await;
    let store = store.expect("a new database");
    Fixture::new(Ports::of(&Arc::new(store)), clock).await
}
