//! Which database stands behind the store's ports: chosen once, here.

use std::sync::Arc;

#[cfg(feature = "postgres")]
use anyhow::Context;
use async_trait::async_trait;
use windlass_application::ports::{
    Agents, Audit, Clock, Credentials, DataKeys, Deliveries, Destinations, Events, Files, Keys,
    Organizations, Playbooks, Retention, Runs, Screenshots, SealedValues, Sessions, Sources, Tasks,
    Tokens, Workers,
};
use windlass_domain::slot::Caps;

use crate::address::Database;
use crate::config::DataConfig;
use crate::data_folder::DataFolder;

/// All ports that one database has, and what the binary asks of it beside them.
#[async_trait]
pub(crate) trait Store:
    Agents
    + Audit
    + Credentials
    + DataKeys
    + Deliveries
    + Destinations
    + Events
    + Files
    + Screenshots
    + Keys
    + Tokens
    + Organizations
    + Playbooks
    + Retention
    + Runs
    + SealedValues
    + Sessions
    + Sources
    + Tasks
    + Workers
{
    /// The clock that its rows go by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Keeps every other start out that would do what only the first one does, until it is dropped.
    async fn first_start(&self) -> anyhow::Result<Box<dyn Send>>;

    /// Waits for what is under way, and closes it.
    async fn close(&self);
}

/// Opens a database, makes its tables or brings them to the shape that this program knows. In it
/// organizations may have as much as `caps` says.
///
/// # Errors
/// It does not open, or this build has no adapter for it.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(unused_variables, reason = "this build has no database")
)]
pub(crate) async fn open(database: &Database, caps: Caps) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        #[cfg(feature = "sqlite")]
        Database::Sqlite(path) => {
            let clock = Arc::new(windlass_store_sqlite::SystemClock);
            let store = windlass_store_sqlite::SqliteStore::open(path, clock).await?;
            Ok(Arc::new(store.with_caps(caps)))
        }
        #[cfg(not(feature = "sqlite"))]
        Database::Sqlite(_) => missing("SQLite", "sqlite", database),
        #[cfg(feature = "postgres")]
        Database::Postgres(url) => {
            let store = windlass_store_postgres::PostgresStore::connect(url.expose(), None).await?;
            Ok(Arc::new(store.with_caps(caps)))
        }
        #[cfg(not(feature = "postgres"))]
        Database::Postgres(_) => missing("PostgreSQL", "postgres", database),
    }
}

/// The database, which must be there.
///
/// # Errors
/// It is not, or does not open.
pub(crate) async fn existing(config: &DataConfig) -> anyhow::Result<Arc<dyn Store>> {
    let database = match &config.database {
        Some(database) => database.clone(),
        None => DataFolder::open_existing(config)?.database(),
    };
    if database.is_missing() {
        anyhow::bail!("there is no database at {database} yet");
    }
    open(&database, Caps::default()).await
}

/// What a build without this adapter says.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn missing(name: &str, feature: &str, database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    anyhow::bail!(
        "this build of windlass has no {name}, and cannot use {database}: build it with the feature \
         `{feature}`, or choose another database with --database"
    )
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl Store for windlass_store_sqlite::SqliteStore {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(windlass_store_sqlite::SystemClock)
    }

    /// The lock on the data folder does it: one server uses the file.
    async fn first_start(&self) -> anyhow::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }

    async fn close(&self) {
        windlass_store_sqlite::SqliteStore::close(self).await;
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl Store for windlass_store_postgres::PostgresStore {
    fn clock(&self) -> Arc<dyn Clock> {
        windlass_store_postgres::PostgresStore::clock(self)
    }

    async fn first_start(&self) -> anyhow::Result<Box<dyn Send>> {
        let alone = windlass_store_postgres::PostgresStore::first_start(self).await;
        Ok(Box::new(
            alone.context("failed to wait for another first start")?,
        ))
    }

    async fn close(&self) {
        windlass_store_postgres::PostgresStore::close(self).await;
    }
}
