//! `Destinations::sweep`: drops what was not delivered to destinations that are deleted.
//!
//! Runs as the owner of the tables, over all organizations: a delivery is found by its destination,
//! whose id is nobody else's.

use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_records::columns::Id;

use crate::error::store_error;
use crate::retry::retrying;
use crate::store::PostgresStore;

/// What will be tried, by the index that has nothing else.
const PENDING: &str = "SELECT id
     FROM delivery
     WHERE destination_id = $1 AND next_attempt_at IS NOT NULL
     ORDER BY next_attempt_at, id
     LIMIT $2
     FOR UPDATE";

/// What no attempt is left for, by the index that has nothing else.
const PARKED: &str = "SELECT id
     FROM delivery
     WHERE destination_id = $1 AND parked_until IS NOT NULL
     ORDER BY parked_until, id
     LIMIT $2
     FOR UPDATE";

pub(crate) async fn sweep(store: &PostgresStore, limit: u32) -> Result<bool, StoreError> {
    // Most of the time none is deleted, and looking takes no transaction.
    let one: Option<Id> =
        sqlx::query_scalar("SELECT id FROM deleted_destination ORDER BY id LIMIT 1")
            .fetch_optional(store.pool())
            .await
            .map_err(store_error)?;
    match one {
        Some(_) => retrying(|| drop_some(store, limit)).await,
        None => Ok(false),
    }
}

/// Drops some of what is left of one destination; whether there may be more. A destination that
/// another replica is just at is left to it.
async fn drop_some(store: &PostgresStore, limit: u32) -> Result<bool, StoreError> {
    let mut transaction = store.begin(None).await?;
    let connection = transaction.connection();
    let picked: Option<Id> = sqlx::query_scalar(
        "SELECT id FROM deleted_destination ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let Some(destination_id) = picked else {
        return Ok(false);
    };
    let mut ids = lock(connection, PENDING, destination_id, limit).await?;
    if ids.is_empty() {
        ids = lock(connection, PARKED, destination_id, limit).await?;
    }
    if ids.is_empty() {
        // None was made since it was deleted, and so none comes.
        sqlx::query("DELETE FROM deleted_destination WHERE id = $1")
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

/// Deliveries of a destination, as nobody else changes them until the end of the transaction. Waits
/// for attempts that are just being kept.
async fn lock(
    connection: &mut PgConnection,
    statement: &'static str,
    destination_id: Id,
    limit: u32,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar(statement)
        .bind(destination_id)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(store_error)
}

async fn drop_deliveries(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM delivery_attempt WHERE delivery_id = ANY($1)",
        "DELETE FROM delivery WHERE id = ANY($1)",
    ] {
        sqlx::query(statement)
            .bind(ids)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
