//! Lets in who waits for slots that are free all the same, since a limit was raised. Source:
//! docs/lifecycle.md, "Slots".

use std::collections::HashMap;

use rusqlite::params;
use tracing::{error, warn};
use windlass_application::ports::StoreError;
use windlass_domain::lifecycle::Signal;
use windlass_domain::slot::{Gate, Next, Passage};
use windlass_records::rows::GateRow;
use windlass_records::{MOST_OPENINGS, Moved, PARKED_FOR_SESSION};

use super::slots::{Line, pass, taken};
use crate::error::read;
use crate::store::SqliteStore;

/// What is waited for, one row for each. Steps over those that wait from one to the next, and over
/// all that wait for their sessions at once.
pub(crate) const WAITED_AT: &str = "WITH RECURSIVE waiting (run_id) AS (
         SELECT *
         FROM (
             SELECT run_id
             FROM parked
             ORDER BY organization_id, slot, slot_of, priority DESC, run_id
             LIMIT 1
         )
         UNION ALL
         SELECT coalesce(
             (
                 SELECT next.run_id
                 FROM parked AS next
                 WHERE next.organization_id = parked.organization_id AND next.slot = parked.slot
                   AND next.slot_of > parked.slot_of AND parked.slot <> ?1
                 ORDER BY next.slot_of, next.priority DESC, next.run_id
                 LIMIT 1
             ),
             (
                 SELECT next.run_id
                 FROM parked AS next
                 WHERE next.organization_id = parked.organization_id AND next.slot > parked.slot
                 ORDER BY next.slot, next.slot_of, next.priority DESC, next.run_id
                 LIMIT 1
             ),
             (
                 SELECT next.run_id
                 FROM parked AS next
                 WHERE next.organization_id > parked.organization_id
                 ORDER BY next.organization_id, next.slot, next.slot_of, next.priority DESC,
                          next.run_id
                 LIMIT 1
             )
         )
         FROM waiting
         CROSS JOIN parked ON parked.run_id = waiting.run_id
     )
     SELECT parked.organization_id, parked.slot, parked.slot_of
     FROM waiting
     CROSS JOIN parked ON parked.run_id = waiting.run_id
     WHERE parked.slot <> ?1";

/// Now and then lets in who waits for slots that are free all the same, each gate in transactions of
/// its own. A chore: what fails is logged, and tried again with the next look, and what is left over
/// goes on after the clocks of the next sweep.
pub(super) async fn let_in(store: &SqliteStore) -> Vec<Signal> {
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
        match open(store, gate.clone()).await {
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

async fn open(store: &SqliteStore, gate: Gate) -> Result<Moved, StoreError> {
    let passing = store.change(None, move |transaction| {
        pass(transaction, Passage::look_at(gate), &HashMap::new())
    });
    passing.await
}

/// The gates that somebody waits at who may pass; over all organizations. Steps over those that wait
/// from gate to gate, and over all that wait for their sessions at once: neither the gates that
/// nobody waits at, which are many, nor how many wait at one costs anything.
async fn gates_to_open(store: &SqliteStore) -> Result<Vec<Gate>, StoreError> {
    let caps = store.caps();
    store
        .read(move |connection| {
            let rows: Vec<GateRow> = connection.rows(WAITED_AT, params![PARKED_FOR_SESSION])?;
            let mut gates = Vec::new();
            for row in rows {
                let gate: Gate = match read(row) {
                    Ok(gate) => gate,
                    Err(error) => {
                        error!(%error, "a gate cannot be looked at");
                        continue;
                    }
                };
                let taken = taken(connection, &gate)?;
                let mut line = Line::at(gate.clone(), caps, 1);
                let mut turn = Passage::look_at(gate.clone()).open(gate.clone(), taken, &[]);
                if turn.next(line.first(connection)?) == Next::FirstWaiting {
                    gates.push(gate);
                }
            }
            Ok(gates)
        })
        .await
}
