//! Replicas that start at once on a database for the first time, one after the other.

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;

use crate::error::store_error;
use crate::store::PostgresStore;

/// What first starts of one database wait for. Any number that nothing else takes.
const LOCK: i64 = 0x0057_494e_4446_5354;

/// How long another first start may take. It makes a key and reads a folder.
const PATIENCE: &str = "SET lock_timeout = '60s'; SET statement_timeout = '60s'";

/// Keeps others out until it is dropped, or its process has ended.
pub struct FirstStart {
    /// With the connection goes the lock.
    _connection: PgConnection,
}

impl PostgresStore {
    /// Waits until no other replica does what only the first start of a database does, such as making
    /// the first key, and keeps them out.
    ///
    /// # Errors
    /// The database does not answer, or another takes too long.
    pub async fn first_start(&self) -> Result<FirstStart, StoreError> {
        let connection = self.pool().acquire().await.map_err(store_error)?;
        // Not given back: its settings and its lock are its own.
        let mut connection = connection.detach();
        sqlx::raw_sql(PATIENCE)
            .execute(&mut connection)
            .await
            .map_err(store_error)?;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(LOCK)
            .execute(&mut connection)
            .await
            .map_err(store_error)?;
        Ok(FirstStart {
            _connection: connection,
        })
    }
}
