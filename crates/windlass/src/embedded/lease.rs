//! A leased run as its agent gets it.

use windlass_application::worker::OpenedRun;
use windlass_domain::task::StorageSettings;
use windlass_worker::LeasedRun;
use windlass_worker::lease::{FileExtraction, LeasedSource, LeasedTask};

/// The run with what it is done with; None where it is leased to nobody, which no store answers.
pub(super) fn run(opened: OpenedRun) -> Option<LeasedRun> {
    let (run, task) = (opened.leased.run, opened.leased.task);
    let lease = run.state.lease()?;
    Some(LeasedRun {
        run_id: run.id,
        session_id: run.session_id,
        resumed: lease.resumed,
        epoch: lease.epoch,
        begun: lease.begun,
        lease_expires_at: lease.expires_at,
        task: LeasedTask {
            id: task.id,
            name: task.name,
            prompt: task.prompt,
            input_schema: task.input_schema,
            output_schema: task.output_schema,
            files_kept: task.storage.as_ref().is_none_or(|storage| storage.enabled),
            extraction: task.storage.and_then(extraction),
            settings: task.settings,
        },
        input: opened.input,
        source: opened.leased.source.map(|source| LeasedSource {
            id: source.id,
            url: source.url,
        }),
        // Also where it was deleted meanwhile.
        credential_id: run.credential_id,
        playbook: opened.leased.playbook,
        checkpoint: opened.checkpoint,
        trace_parent: opened.leased.trace_parent,
    })
}

fn extraction(storage: StorageSettings) -> Option<FileExtraction> {
    (storage.enabled && storage.extraction).then_some(FileExtraction {
        schema: storage.extraction_schema,
        prompt: storage.extraction_prompt,
        deduplication_schema: storage.deduplication_schema,
    })
}
