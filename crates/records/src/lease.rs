//! What a lease brings: runs with what their agents need, as it was when they started, or as it is
//! now.

use windlass_application::ports::runs::{LeaseRequest, LeasedRun, MAX_LEASED_BYTES};
use windlass_domain::credential::{Credential, CredentialStatus};
use windlass_domain::run::{Run, RunCommand, WorkerCommand};
use windlass_domain::sealed::Sealed;
use windlass_domain::source::Source;
use windlass_domain::task::Task;

/// The most runs that one call leases, so that its transaction stays short.
const MAX_AT_ONCE: usize = 256;

/// What a call has room for.
#[derive(Debug)]
pub struct Room {
    runs: usize,
    bytes: usize,
}

impl Room {
    /// Of this call, which has leased nothing yet.
    pub fn of(request: &LeaseRequest) -> Self {
        let asked_for = usize::try_from(request.capacity).unwrap_or(MAX_AT_ONCE);
        Self {
            runs: asked_for.min(MAX_AT_ONCE),
            bytes: MAX_LEASED_BYTES,
        }
    }

    /// How many runs there is room for at most.
    pub fn runs(&self) -> usize {
        if self.bytes == 0 { 0 } else { self.runs }
    }

    /// Takes what these have of it.
    pub fn give(&mut self, leased: &[LeasedRun]) {
        let bytes = leased.iter().map(LeasedRun::bytes).sum();
        self.runs = self.runs.saturating_sub(leased.len());
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What a run is told for a lease call, if anything: [`lease`] or [`lease_again`].
pub type Told = fn(&LeaseRequest, &Run) -> Option<RunCommand>;

/// What a run that waits is told for this call: `lease`.
pub fn lease(request: &LeaseRequest, _: &Run) -> Option<RunCommand> {
    Some(RunCommand::Lease {
        holder: request.holder,
        explicit_begin: request.explicit_begin,
        length: request.length,
    })
}

/// What a run is told that comes again with this call: `renew`. None where it does not come again, since
/// somebody has done something under its lease, or it is another's.
pub fn lease_again(request: &LeaseRequest, run: &Run) -> Option<RunCommand> {
    run.is_untouched_by(request.holder)
        .then_some(RunCommand::Worker {
            epoch: run.epoch,
            command: WorkerCommand::Renew {
                length: request.length,
            },
        })
}

/// What an agent needs beside its run, as a store has read it.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// The version of its task that it started with.
    pub task: Task,
    /// Its input.
    pub input: Sealed,
    /// Its source as it is now, if it has one that is still there.
    pub source: Option<Source>,
    /// Its credential as it is now, deleted or not, if it has one.
    pub credential: Option<Credential>,
    /// The document of the playbook version that it started with, if it did with one.
    pub playbook: Option<serde_json::Value>,
    /// The trace that its start was a part of.
    pub trace_parent: Option<String>,
}

impl Equipment {
    /// The leased run with it. A credential that was deleted since is nobody's to use.
    pub fn of(self, run: Run) -> LeasedRun {
        let credential = self.credential;
        LeasedRun {
            run,
            task: self.task,
            input: self.input,
            source: self.source,
            credential: credential.filter(|it| it.status != CredentialStatus::Deleted),
            playbook: self.playbook,
            trace_parent: self.trace_parent,
        }
    }
}
