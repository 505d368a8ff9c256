//! Lets in who waits for slots that are free all the same, since a limit was raised. Source:
//! docs/lifecycle.md, "Slots".

use sqlx::postgres::PgConnection;
use tracing::{error, warn};
use windlass_application::ports::StoreError;
use windlass_domain::lifecycle::Signal;
use windlass_domain::slot::{Gate, Next, Passage};
use windlass_records::columns::{Count, Id};
use windlass_records::rows::GateRow;
use windlass_records::{MOST_OPENINGS, Moved, PARKED_FOR_SESSION};

use super::slots::{first_waiting, pass, taken};
use crate::error::{read, store_error};
use crate::retry::retrying;
use crate::store::PostgresStore;

/// Sorts after every id as text.
const ABOVE_ALL_IDS: &str = "~";

/// Now and then lets in who waits for slots that are free all the same, each gate in transactions of
/// its own. A chore: what fails is logged, and tried again with the next look, and what is left over
/// goes on after the clocks of the next sweep.
pub(super) async fn let_in(store: &PostgresStore) -> Vec<Signal> {
    if !store.last_let_in().is_due(store.now()) {
        return Vec::new();
    }
    let gates = match gates_to_open(store).await {
        Ok(gates) => gates,
        Err(error) => {
            warn!(%error, "who waits for free slots cannot be looked for");
            return Vec::new();
        }
    };
    let mut signals = Vec::new();
    let (mut openings, mut more) = (0, false);
    for gate in gates {
        if openings == MOST_OPENINGS {
            more = true;
            break;
        }
        match retrying(|| open(store, gate.clone())).await {
            Ok(moved) => {
                openings += 1;
                more |= moved.more;
                moved.tell(&mut signals);
            }
            Err(error) => {
                let of = &gate.of;
                warn!(organization.id = %gate.organization_id, %error, "who waits for slots of {of} cannot be let in");
            }
        }
    }
    if more {
        store.last_let_in().look_again();
    }
    signals
}

async fn open(store: &PostgresStore, gate: Gate) -> Result<Moved, StoreError> {
    let mut transaction = store.begin(None).await?;
    if !is_free(transaction.connection(), &gate).await? {
        return Ok(Moved::default());
    }
    let moved = pass(&mut transaction, Passage::look_at(gate)).await?;
    transaction.commit().await?;
    Ok(moved)
}

/// Locks a gate, unless somebody else has it, such as another sweeper: whoever that is lets in who
/// may pass.
async fn is_free(connection: &mut PgConnection, gate: &Gate) -> Result<bool, StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(
        "SELECT taken
         FROM gate
         WHERE organization_id = $1 AND slot = $2 AND slot_of = $3
         FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.is_some())
}

/// The gates that somebody waits at who may pass; over all organizations. Steps over those that wait
/// from gate to gate, and over all that wait for their sessions at once: neither the gates that
/// nobody waits at, which are many, nor how many wait at one costs anything.
async fn gates_to_open(store: &PostgresStore) -> Result<Vec<Gate>, StoreError> {
    let mut connection = store.pool().acquire().await.map_err(store_error)?;
    let rows: Vec<GateRow> = sqlx::query_as(
        "WITH RECURSIVE waiting (organization_id, slot, slot_of) AS (
             (
                 SELECT organization_id, slot, slot_of
                 FROM parked
                 ORDER BY organization_id, slot, slot_of, priority DESC, run_id
                 LIMIT 1
             )
             UNION ALL
             SELECT next.organization_id, next.slot, next.slot_of
             FROM waiting
             CROSS JOIN LATERAL (
                 SELECT parked.organization_id, parked.slot, parked.slot_of
                 FROM parked
                 WHERE (parked.organization_id, parked.slot, parked.slot_of) > (
                     waiting.organization_id,
                     waiting.slot,
                     CASE waiting.slot WHEN $1 THEN $2 ELSE waiting.slot_of END
                 )
                 ORDER BY parked.organization_id, parked.slot, parked.slot_of,
                          parked.priority DESC, parked.run_id
                 LIMIT 1
             ) AS next
         )
         SELECT organization_id, slot, slot_of FROM waiting WHERE slot <> $1",
    )
    .bind(PARKED_FOR_SESSION)
    .bind(ABOVE_ALL_IDS)
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let mut gates = Vec::new();
    for row in rows {
        let gate: Gate = match read(row) {
            Ok(gate) => gate,
            Err(error) => {
                error!(%error, "a gate cannot be looked at");
                continue;
            }
        };
        let taken = taken(&mut connection, &gate).await?.unwrap_or(0);
        let first = first_waiting(&mut connection, &gate, &store.caps(), &mut 0).await?;
        let mut turn = Passage::look_at(gate.clone()).open(gate.clone(), taken, &[]);
        if turn.next(first.as_ref()) == Next::FirstWaiting {
            gates.push(gate);
        }
    }
    Ok(gates)
}
