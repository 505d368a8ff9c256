//! `Destinations::sweep`: drops what was not delivered to destinations that are deleted.
//!
//! Over all organizations: a delivery is found by its destination, whose id is nobody else's.

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_records::columns::Id;

use crate::connection::Connection;
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
    let picked: Option<Id> = store
        .read(move |connection| {
            connection.value("SELECT id FROM deleted_destination ORDER BY id LIMIT 1", ())
        })
        .await?;
    // Most of the time none is deleted, and looking takes no lock.
    let Some(destination_id) = picked else {
        return Ok(false);
    };
    store
        .change(None, move |transaction| {
            let mut ids = find(transaction, PENDING, destination_id, limit)?;
            if ids.is_empty() {
                ids = find(transaction, PARKED, destination_id, limit)?;
            }
            if ids.is_empty() {
                // None was made since it was deleted, and so none comes.
                transaction.change(
                    "DELETE FROM deleted_destination WHERE id = ?",
                    params![destination_id],
                )?;
            } else {
                drop_deliveries(transaction, &ids)?;
            }
            Ok(true)
        })
        .await
}

fn find(
    connection: &Connection,
    statement: &'static str,
    destination_id: Id,
    limit: u32,
) -> Result<Vec<Id>, StoreError> {
    connection.values(statement, params![destination_id, limit])
}

fn drop_deliveries(connection: &Connection, ids: &[Id]) -> Result<(), StoreError> {
    for id in ids {
        for statement in [
            "DELETE FROM delivery_attempt WHERE delivery_id = ?",
            "DELETE FROM delivery WHERE id = ?",
        ] {
            connection.change(statement, params![*id])?;
        }
    }
    Ok(())
}
