//! What an agent needs beside its run: as it was when the run started, or as it is now.

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_domain::run::Run;
use windlass_domain::sealed::Sealed;
use windlass_records::Equipment;
use windlass_records::columns::Id;

use crate::error::{corrupt, store_error};
use crate::{credentials, playbooks, sources, tasks};

/// Reads what an agent needs beside its run.
pub(super) async fn equipment(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    run: &Run,
) -> Result<(Sealed, Option<String>), StoreError> {
    let row: Option<(Vec<u8>, Option<String>)> = sqlx::query_as(
        "SELECT run_input.input, run.trace_parent
         FROM run_input JOIN run ON run.id = run_input.run_id
         WHERE run_input.run_id = $1",
    )
    .bind(Id(run.id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let (input, trace_parent) =
        row.ok_or_else(|| corrupt("run", &run.id, &"a run's input is kept"))?;
    Ok((Sealed::from_bytes(input), trace_parent))
}
