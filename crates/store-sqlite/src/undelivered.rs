//! `Destinations::sweep`: drops what was not delivered to destinations that are deleted.
//!
//! Over all organizations: a delivery is found by its destination, whose id is nobody else's.

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_records::columns::Id;

use crate::error::store_error;
use crate::store::SqliteStore;

/// What will be tried, by the index that has nothing else.
pub(crate) const PENDING: &str = "SELECT id
     FROM delivery
     WHERE destination_id = ? AND next_attempt_at IS NOT NULL
     ORDER BY next_attempt_at
     LIMIT ? + 0";

/// What no attempt is left for, by the index that has nothing else.
pub(crate) const PARKED: &str = "SELECT id
     FROM delivery
     WHERE destination_id = ? AND parked_until IS NOT NULL
     ORDER BY parked_until
     LIMIT ? + 0";

/// Drops some of what is left of one destination; whether there may be more.
pub(crate) async fn sweep(store: &SqliteStore, limit: u32) -> Result<bool, StoreError> {
    let picked: Option<Id> =
        sqlx::query_scalar("SELECT id FROM deleted_destination ORDER BY id LIMIT 1")
            .fetch_optional(&mut *store.reader().await?)
            .await
            .map_err(store_error)?;
    // Most of the time none is deleted, and looking takes no lock.
    let Some(destination_id) = picked else {
        return Ok(false);
    };
    let mut transaction = store.begin(None).await?;
    let connection = transaction.connection().await?;
    let mut ids = find(connection, PENDING, destination_id, limit).await?;
    if ids.is_empty() {
        ids = find(connection, PARKED, destination_id, limit).await?;
    }
    if ids.is_empty() {
        // None was made since it was deleted, and so none comes.
        sqlx::query("DELETE FROM deleted_destination WHERE id = ?")
            .bind(destination_id)
            .execute(connection)
            .await
            .map_err(store_error)?;
    } else {
        drop_deliveries(connection, &ids).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

async fn find(
    connection: &mut SqliteConnection,
    statement: &'static str,
    destination_id: Id,
    limit: u32,
) -> Result<Vec<Id>, StoreError> {
    sqlx::query_scalar(statement)
        .bind(destination_id)
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(store_error)
}

async fn drop_deliveries(connection: &mut SqliteConnection, ids: &[Id]) -> Result<(), StoreError> {
    for id in ids {
        for statement in [
            "DELETE FROM delivery_attempt WHERE delivery_id = ?",
            "DELETE FROM delivery WHERE id = ?",
        ] {
            sqlx::query(statement)
                .bind(*id)
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
        }
    }
    Ok(())
}
