//! What an agent needs beside its run: as it was when the run started, or as it is now.

use windlass_application::ports::StoreError;
use windlass_domain::run::Run;
use windlass_domain::sealed::Sealed;
use windlass_records::Equipment;

use super::pick::Picked;
use crate::connection::Connection;
use crate::error::corrupt;
use crate::{credentials, playbooks, sources, tasks};

/// The run that was equipped last in a transaction, and what it got.
pub(super) type LastEquipped = Option<(Run, Equipment)>;

/// Reads what an agent needs beside its run. Runs of one task that are leased together have all of it
/// but their inputs and traces alike.
pub(super) fn equipment(
    connection: &Connection,
    run: &Run,
    picked: Picked,
    last: &mut LastEquipped,
) -> Result<Equipment, StoreError> {
    let input = picked.input.ok_or_else(|| gone(run, "input"))?;
    let trace_parent = picked.trace_parent;
    let equipment = match last {
        Some((before, known)) if are_alike(before, run) => Equipment {
            input,
            trace_parent,
            ..known.clone()
        },
        _ => read_equipment(connection, run, input, trace_parent)?,
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

fn read_equipment(
    connection: &Connection,
    run: &Run,
    input: Sealed,
    trace_parent: Option<String>,
) -> Result<Equipment, StoreError> {
    let organization_id = run.organization_id;
    let (task_id, version) = (&run.task_id, run.task_version);
    let task = tasks::load_version(connection, organization_id, task_id, version)?;
    let source = match &run.source_id {
        Some(id) => sources::load(connection, organization_id, id)?,
        None => None,
    };
    let credential = match run.credential_id {
        Some(id) => credentials::load(connection, organization_id, id)?,
        None => None,
    };
    let playbook = match (&run.source_id, run.playbook_version) {
        (Some(source_id), Some(version)) => {
            let document =
                playbooks::document(connection, organization_id, task_id, source_id, version);
            Some(document?.ok_or_else(|| gone(run, "playbook version"))?)
        }
        (Some(_) | None, None) => None,
        (None, Some(_)) => return Err(gone(run, "source")),
    };
    Ok(Equipment {
        task: task.ok_or_else(|| gone(run, "task version"))?,
        input,
        source,
        credential,
        playbook,
        trace_parent,
    })
}

fn gone(run: &Run, what: &str) -> StoreError {
    corrupt("run", &run.id, &format!("a run's {what} is kept"))
}
