//! `Runs::lease`: queued runs for a worker, now running under a new epoch. Organizations take
//! turns; within one, priority goes before age.

use std::cmp::Reverse;

use windlass_application::OrganizationContext;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{
    LeaseRequest, Leased, LeasedRun, MAX_LEASED_BYTES, is_behind,
};
use windlass_domain::Timestamp;
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::Command;
use windlass_domain::pool::Pool;
use windlass_domain::run::{Epoch, Holder, Run, RunCommand, RunState, Waiting, WorkerCommand};

use super::{KeptRun, State};

impl State {
    pub(super) fn lease(
        &mut self,
        request: &LeaseRequest,
        now: Timestamp,
    ) -> Result<Leased, WriteError> {
        let organization_id = request
            .organization
            .map(OrganizationContext::organization_id);
        let worker = self.latest(request.holder, organization_id)?;
        let (draining, brought) = (worker.draining, worker.brought);
        self.note_seen(request.holder, now);
        let mut leased = Leased {
            ended_sessions: self.ended(request),
            brought,
            ..Leased::default()
        };
        if draining {
            return Ok(leased);
        }
        if is_behind(request.heard, brought) {
            leased.runs = self.lease_again(request, now);
            return Ok(leased);
        }
        let capacity = usize::try_from(request.capacity).unwrap_or(usize::MAX);
        for pool in &request.pools {
            let mut passed = Vec::new();
            while leased.runs.len() < capacity
                && leased.runs.iter().map(LeasedRun::bytes).sum::<usize>() < MAX_LEASED_BYTES
                && let Some((owner, run_id)) = self.pick(request, pool, &passed)
            {
                passed.push(run_id);
                self.turns.insert(pool.clone(), owner);
                if let Some((run, signals)) = self.lease_one(request, run_id, now) {
                    leased.runs.push(run);
                    leased.signals.extend(signals);
                }
            }
        }
        if !leased.runs.is_empty() {
            leased.brought = leased.brought.wrapping_add(1);
            if let Some(worker) = self.workers.get_mut(&request.holder.worker_id) {
                worker.brought = leased.brought;
            }
        }
        Ok(leased)
    }

    /// What this start of the worker was leased and has not heard of.
    fn lease_again(&mut self, request: &LeaseRequest, now: Timestamp) -> Vec<LeasedRun> {
        let runs = self.runs.values().map(KeptRun::run);
        let unheard = runs
            .filter(|run| !request.held.contains(&run.id) && run.is_untouched_by(request.holder));
        let unheard: Vec<(RunId, SessionId, Epoch)> = unheard
            .map(|run| (run.id, run.session_id, run.epoch))
            .collect();
        let again = unheard
            .into_iter()
            .filter_map(|(run_id, session_id, epoch)| {
                let length = request.length;
                let command = WorkerCommand::Renew { length };
                let command = RunCommand::Worker { epoch, command };
                let scene = self.scene(session_id, None)?;
                let renewed = self.command(scene, Command::Run { run_id, command }, now);
                renewed.ok()?;
                self.equipped(run_id)
            });
        again.collect()
    }

    /// The next run of the organization whose turn it is.
    fn pick(
        &self,
        request: &LeaseRequest,
        pool: &Pool,
        passed: &[RunId],
    ) -> Option<(OrganizationId, RunId)> {
        let last = self.turns.get(pool);
        let only = request
            .organization
            .map(OrganizationContext::organization_id);
        let runs = self.runs.values().map(KeptRun::run);
        let ready = runs.filter(|run| {
            run.pool == *pool
                && only.is_none_or(|only| run.organization_id == only)
                && !passed.contains(&run.id)
                && !self.slots.awaits(run.id)
                && self.may_be_leased(run, request.holder)
        });
        let first = ready.min_by_key(|run| {
            let owner = run.organization_id;
            let has_had_its_turn = last.is_some_and(|last| owner <= *last);
            let urgency = Reverse(run.settings.priority);
            (has_had_its_turn, owner, urgency, run.id)
        });
        first.map(|run| (run.organization_id, run.id))
    }

    /// Whether the run waits for a worker, and its session is nobody's or this start's.
    fn may_be_leased(&self, run: &Run, holder: Holder) -> bool {
        let RunState::Queued {
            waiting: Waiting::ForWorker,
            ..
        } = run.state
        else {
            return false;
        };
        let session = self.sessions.get(&run.session_id);
        session.is_some_and(|session| session.kept_by().is_none_or(|keeper| keeper == holder))
    }

    /// Leases one run; None where the lifecycle refuses it.
    fn lease_one(
        &mut self,
        request: &LeaseRequest,
        run_id: RunId,
        now: Timestamp,
    ) -> Option<(LeasedRun, Vec<windlass_domain::lifecycle::Signal>)> {
        let session_id = self.runs.get(&run_id)?.run().session_id;
        let scene = self.scene(session_id, None)?;
        let command = RunCommand::Lease {
            holder: request.holder,
            explicit_begin: request.explicit_begin,
            length: request.length,
        };
        let changes = self.command(scene, Command::Run { run_id, command }, now);
        let signals = changes.ok()?.signals;
        Some((self.equipped(run_id)?, signals))
    }

    /// A run with what its agent needs: as it was when the run started, or as it is now.
    fn equipped(&self, run_id: RunId) -> Option<LeasedRun> {
        let kept = self.runs.get(&run_id)?;
        let run = kept.run().clone();
        let owner = run.organization_id;
        let task = (owner, run.task_id.clone(), run.task_version);
        let source = run.source_id.as_ref();
        let source = source.and_then(|id| self.sources.get(&(owner, id.clone())));
        let credential = run.credential_id.and_then(|id| self.credential(owner, id));
        let playbook = run.playbook_version.and_then(|version| {
            let source_id = run.source_id.clone()?;
            let key = (owner, run.task_id.clone(), source_id, version);
            self.playbook_versions.get(&key)
        });
        Some(LeasedRun {
            task: self.task_versions.get(&task)?.clone(),
            input: kept.input.clone(),
            source: source.cloned(),
            credential: credential
                .filter(|it| it.status != CredentialStatus::Deleted)
                .cloned(),
            playbook: playbook.map(|playbook| playbook.document.clone()),
            trace_parent: kept.trace_parent.clone(),
            run,
        })
    }

    /// Those of the worker's sessions that it no longer has.
    fn ended(&self, request: &LeaseRequest) -> Vec<SessionId> {
        let told = request.sessions.iter().copied();
        told.filter(|id| {
            let session = self.sessions.get(id);
            session.and_then(|session| session.state.holder()) != Some(request.holder)
        })
        .collect()
    }
}
