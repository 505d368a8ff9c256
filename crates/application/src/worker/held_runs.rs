//! What a worker says of a run that it holds, under its epoch.

use std::sync::Arc;

use windlass_domain::id::{RequestId, RunId};
use windlass_domain::run::{Epoch, Run, RunCommand, Status, WorkerCommand};

use crate::announce::Announcer;
use crate::error::CallError;
use crate::ports::runs::Attachment;
use crate::ports::{Runs, StoreError};
use crate::problem::Resource;
use crate::write::{Actor, OrganizationContext, Write, Written};

/// Which lease a call speaks for, and who makes it.
#[derive(Debug, Clone)]
pub struct LeaseCall {
    /// Whose run it is.
    pub organization: OrganizationContext,
    /// Who.
    pub actor: Actor,
    /// By which request.
    pub request_id: RequestId,
    /// W3C trace context.
    pub trace_parent: Option<String>,
    /// The run.
    pub run_id: RunId,
    /// The lease's number.
    pub epoch: Epoch,
}

/// What a worker hears to most of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Whether its agent should stop: the run is being canceled.
    pub cancel: bool,
}

/// Runs that workers hold.
#[derive(Clone)]
pub(super) struct HeldRuns {
    pub(super) runs: Arc<dyn Runs>,
    pub(super) announcer: Announcer,
}

impl HeldRuns {
    /// Says it, and announces what came of it.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)` where the epoch is not that of the present lease.
    pub(super) async fn say(
        &self,
        call: &LeaseCall,
        command: WorkerCommand,
        attachment: Option<Attachment>,
    ) -> Result<Run, CallError> {
        let write = Write {
            organization: call.organization,
            actor: call.actor,
            request_id: call.request_id,
            address: None,
            trace_parent: call.trace_parent.clone(),
            // A worker's calls are numbered by its lease: repeating one is harmless by itself.
            idempotency: None,
        };
        let command = RunCommand::Worker {
            epoch: call.epoch,
            command,
        };
        let written = self.runs.command(write, call.run_id, command, attachment);
        match written.await {
            Ok(Written::Done(commanded)) => {
                self.announcer.announce(&commanded.signals).await;
                Ok(commanded.run.run)
            }
            Ok(Written::Replayed(_)) => {
                let unasked = "the store replayed an answer to a call without idempotency key";
                Err(StoreError::Failed(unasked.into()).into())
            }
            Err(error) => Err(CallError::of_write(error, Resource::TaskRun)),
        }
    }

    /// The run, where the call's lease is its present one.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`.
    pub(super) async fn look(&self, call: &LeaseCall) -> Result<Run, CallError> {
        let run = self.find(call).await?;
        run.held_under(call.epoch)?;
        Ok(run)
    }

    /// The run, whoever holds it.
    ///
    /// # Errors
    /// `NotFound`.
    pub(super) async fn find(&self, call: &LeaseCall) -> Result<Run, CallError> {
        let view = self.runs.get(call.organization, call.run_id).await?;
        Ok(view.ok_or(CallError::NotFound(Resource::TaskRun))?.run)
    }
}

impl Heard {
    /// What the worker of a run hears.
    pub(super) fn of(run: &Run) -> Self {
        Self {
            cancel: run.status() == Status::Canceling,
        }
    }
}
