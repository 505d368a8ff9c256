//! What an agent needs beside its run: as it was when the run started, or as it is now.

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_domain::run::Run;
use windlass_domain::sealed::Sealed;
use windlass_records::Equipment;
use windlass_records::columns::Id;

use crate::error::{corrupt, store_error};
use crate::{credentials, playbooks, sources, tasks};

/// The run that was equipped last in a transaction, and what it got.
pub(super) type LastEquipped = Option<(Run, Equipment)>;

/// Reads what an agent needs beside its run. Runs of one task that are leased together have all of it
/// but their inputs and traces alike.
pub(super) async fn equipment(
    connection: &mut SqliteConnection,
    run: &Run,
    last: &mut LastEquipped,
) -> Result<Equipment, StoreError> {
    let equipment = match last {
        Some((before, known)) if are_alike(before, run) => {
            let (input, trace_parent) = started_with(connection, run).await?;
            Equipment {
                input,
                trace_parent,
                ..known.clone()
            }
        }
        _ => read_equipment(connection, run).await?,
    };
    *last = Some((run.clone(), equipment.clone()));
    Ok(equipment)
}

fn are_alike(one: &Run, other: &Run) -> bool {
    one.organization_id == other.organization_id
        && (&one.task_id, one.task_version) == (&other.task_id, other.task_version)
        && (&one.source_id, one.playbook_version) == (&other.source_id, other.playbook_version)
        && one.credential_id == other.credential_id
}

async fn read_equipment(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<Equipment, StoreError> {
    let organization_id = run.organization_id;
    let gone = |what: &str| corrupt("run", &run.id, &format!("a run's {what} is kept"));
    let (task_id, version) = (&run.task_id, run.task_version);
    let task = tasks::load_version(connection, organization_id, task_id, version).await?;
    let source = match &run.source_id {
        Some(id) => sources::load(connection, organization_id, id).await?,
        None => None,
    };
    let credential = match run.credential_id {
        Some(id) => credentials::load(connection, organization_id, id).await?,
        None => None,
    };
    let playbook = match (&run.source_id, run.playbook_version) {
        (Some(source_id), Some(version)) => {
            let document =
                playbooks::document(connection, organization_id, task_id, source_id, version);
            Some(document.await?.ok_or_else(|| gone("playbook version"))?)
        }
        (Some(_) | None, None) => None,
        (None, Some(_)) => return Err(gone("source")),
    };
    let (input, trace_parent) = started_with(connection, run).await?;
    Ok(Equipment {
        task: task.ok_or_else(|| gone("task version"))?,
        input,
        source,
        credential,
        playbook,
        trace_parent,
    })
}

/// Its input, and the trace that its start was a part of.
async fn started_with(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<(Sealed, Option<String>), StoreError> {
    let row: Option<(Vec<u8>, Option<String>)> = sqlx::query_as(
        "SELECT run_input.input, run.trace_parent
         FROM run_input JOIN run ON run.id = run_input.run_id
         WHERE run_input.run_id = ?",
    )
    .bind(Id(run.id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let (input, trace_parent) =
        row.ok_or_else(|| corrupt("run", &run.id, &"a run's input is kept"))?;
    Ok((Sealed::from_bytes(input), trace_parent))
}
