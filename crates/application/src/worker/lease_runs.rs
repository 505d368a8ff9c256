//! Leases runs to a worker.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretSlice;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;
use windlass_domain::id::{RequestId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{
    AfterRun, ErrorCode, Finish, FinishOutcome, Holder, RunError, Status, WorkerCommand,
};

use super::LOOK;
use super::held_runs::{HeldRuns, LeaseCall};
use super::open_credential::{CredentialVault, OpenedCredential};
use crate::contents;
use crate::error::{CallError, chain};
use crate::ports::runs::{LeaseRequest, Leased, LeasedRun, is_behind};
use crate::ports::signals::Topic;
use crate::ports::vault::VaultError;
use crate::ports::{Queue, Signals, Vault};
use crate::problem::Resource;
use crate::write::{Actor, OrganizationContext};

/// Leases runs to a worker.
pub struct LeaseRuns {
    pub(super) held: HeldRuns,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) credentials: CredentialVault,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) signals: Arc<dyn Signals>,
    pub(super) length: Duration,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct LeaseWish {
    /// Whose runs; None is the embedded worker, which leases everybody's.
    pub organization: Option<OrganizationContext>,
    /// By which request.
    pub request_id: RequestId,
    /// The start of the worker; must be its latest.
    pub holder: Holder,
    /// From where, in this order of preference.
    pub pools: Vec<Pool>,
    /// How many runs at most. With 0 it only listens.
    pub capacity: u32,
    /// Whether the worker will say when it begins.
    pub explicit_begin: bool,
    /// The sessions that the worker says it keeps.
    pub sessions: Vec<SessionId>,
    /// The runs that the worker holds and that nobody told it to stop; None where it does not say: then
    /// those that it holds and that were to go on when the call came.
    pub held: Option<Vec<RunId>>,
    /// [`RunsLeased::brought`] of the last answer that it has heard; None where it does not say.
    pub heard: Option<u32>,
    /// How long to wait for the first run.
    pub wait: Duration,
}

/// What a worker gets.
#[derive(Clone, Default)]
pub struct RunsLeased {
    /// The runs.
    pub runs: Vec<OpenedRun>,
    /// Those of its sessions that have ended.
    pub ended_sessions: Vec<SessionId>,
    /// Those of its runs that should stop: the next renewal of each says how.
    pub stopping: Vec<RunId>,
    /// How many lease calls have brought this start runs: what its next call says it has heard.
    pub brought: u32,
}

/// A leased run with its secrets opened.
#[derive(Clone)]
pub struct OpenedRun {
    /// The run; its task, source and playbook.
    pub leased: LeasedRun,
    /// What the caller gave.
    pub input: Value,
    /// Who is to be logged in, where the run has begun by being leased; else it comes with `begin`.
    pub credential: Option<OpenedCredential>,
    /// Where to go on.
    pub checkpoint: Option<SecretSlice<u8>>,
}

/// What a leased run was sealed with.
struct Contents {
    input: Value,
    credential: Option<OpenedCredential>,
    checkpoint: Option<SecretSlice<u8>>,
}

impl Contents {
    fn of(self, leased: LeasedRun) -> OpenedRun {
        OpenedRun {
            leased,
            input: self.input,
            credential: self.credential,
            checkpoint: self.checkpoint,
        }
    }
}

/// How a run stands that an agent should do, where its worker holds it.
fn going_on() -> Vec<Status> {
    let goes_on = |status: &Status| match status {
        Status::Running | Status::InteractionRequired => true,
        Status::Queued
        | Status::ReviewRequired
        | Status::Completed
        | Status::Failed
        | Status::Canceling
        | Status::Canceled => false,
    };
    Status::ALL.into_iter().filter(goes_on).collect()
}

impl RunsLeased {
    fn is_nothing(&self) -> bool {
        self.runs.is_empty() && self.ended_sessions.is_empty() && self.stopping.is_empty()
    }
}

impl LeaseRuns {
    /// Waits up to `wait` until there is a run to do, or one to stop, and no longer than until
    /// `stop` is set: what was leased by then is still answered.
    ///
    /// # Errors
    /// `Refused(LeaseLost)` where the holder is not its worker's latest start.
    pub async fn execute(
        &self,
        wish: &LeaseWish,
        stop: &CancellationToken,
    ) -> Result<RunsLeased, CallError> {
        let ends_at = Instant::now() + wish.wait;
        let held = self.held(wish).await?;
        // Before the first try: what comes after that is heard.
        let mut ready = self.queue.listen(&wish.pools);
        let mut told = self.signals.listen(&[Topic::Worker(wish.holder.worker_id)]);
        let mut stopping = self.stopping(wish, &held).await?;
        // Looked at once a call, since there may be thousands: an agent that hears late of an end
        // only keeps what nobody asks for.
        let mut sessions = wish.sessions.clone();
        let mut looks_at = Instant::now() + LOOK;
        loop {
            let leased = self.lease(wish, std::mem::take(&mut sessions)).await?;
            let answer = RunsLeased {
                runs: self.opened(wish, leased.runs).await,
                ended_sessions: leased.ended_sessions,
                stopping,
                brought: leased.brought,
            };
            // Until it knows of what was leased before, it leases nothing.
            let is_behind = is_behind(wish.heard, answer.brought);
            if is_behind || !answer.is_nothing() || Instant::now() >= ends_at || stop.is_cancelled()
            {
                return Ok(answer);
            }
            stopping = tokio::select! {
                () = sleep_until(ends_at) => Vec::new(),
                () = stop.cancelled() => return Ok(answer),
                () = ready.heard() => Vec::new(),
                () = told.heard() => self.stopping(wish, &held).await?,
                // A signal may be lost, or have no way from where the run ended.
                () = sleep_until(looks_at) => {
                    looks_at = Instant::now() + LOOK;
                    self.stopping_by_others(wish, &held).await?
                }
            };
        }
    }

    async fn lease(&self, wish: &LeaseWish, sessions: Vec<SessionId>) -> Result<Leased, CallError> {
        let request = LeaseRequest {
            organization: wish.organization,
            holder: wish.holder,
            pools: wish.pools.clone(),
            capacity: wish.capacity,
            explicit_begin: wish.explicit_begin,
            sessions,
            held: wish.held.clone().unwrap_or_default(),
            heard: wish.heard,
            length: self.length,
        };
        let leased = self.held.runs.lease(request).await;
        let leased = leased.map_err(|error| CallError::of_write(error, Resource::TaskRun))?;
        self.held.announcer.announce(&leased.signals).await;
        Ok(leased)
    }

    /// The runs whose end is waited for. What was to stop before is none of them where the worker does not
    /// say what it knows: each of its calls would be answered at once until it has stopped.
    async fn held<'a>(&self, wish: &'a LeaseWish) -> Result<Cow<'a, [RunId]>, CallError> {
        if let Some(held) = &wish.held {
            return Ok(Cow::Borrowed(held));
        }
        if wish.wait.is_zero() {
            return Ok(Cow::Borrowed(&[]));
        }
        let runs = &self.held.runs;
        let going_on = going_on();
        let held = runs.held_by(wish.organization, wish.holder, &going_on);
        Ok(Cow::Owned(held.await?))
    }

    /// Those of the held runs that this worker's agents should not do any more.
    async fn stopping(&self, wish: &LeaseWish, held: &[RunId]) -> Result<Vec<RunId>, CallError> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let runs = &self.held.runs;
        let going_on = going_on();
        let stopping = runs.not_held_by(wish.organization, wish.holder, held, &going_on);
        Ok(stopping.await?)
    }

    /// The same, but for those that only the worker's own finish can have brought to where they are: it may not
    /// have heard the answer yet.
    async fn stopping_by_others(
        &self,
        wish: &LeaseWish,
        held: &[RunId],
    ) -> Result<Vec<RunId>, CallError> {
        let mut stopping = self.stopping(wish, held).await?;
        if !stopping.is_empty() {
            let by_finish = [Status::ReviewRequired, Status::Completed];
            let finished = self.held.runs.of_status(&stopping, &by_finish).await?;
            stopping.retain(|run_id| !finished.contains(run_id));
        }
        Ok(stopping)
    }

    /// The runs that can be done. One that does not open does not keep the others from it.
    async fn opened(&self, wish: &LeaseWish, leased: Vec<LeasedRun>) -> Vec<OpenedRun> {
        let mut opened = Vec::with_capacity(leased.len());
        for leased in leased {
            let run_id = leased.run.id;
            match self.open(&leased).await {
                Ok(contents) => opened.push(contents.of(leased)),
                Err(CallError::Vault(error @ VaultError::DoesNotOpen { .. })) => {
                    error!(run.id = %run_id, "run {run_id} can never be done: {error}");
                    self.fail(wish, &leased).await;
                }
                Err(error) => {
                    // Nobody renews it, so that it is leased again; the keys may be there then.
                    error!(run.id = %run_id, "run {run_id} cannot be done now: {}", chain(&error));
                }
            }
        }
        opened
    }

    async fn open(&self, leased: &LeasedRun) -> Result<Contents, CallError> {
        let run = &leased.run;
        let vault = self.vault.of(run.organization_id).await?;
        let input = contents::open_input(&*vault, run.id, &leased.input)?;
        let sealed = run
            .state
            .lease()
            .and_then(|lease| lease.checkpoint.as_ref());
        let checkpoint = sealed
            .map(|sealed| contents::open_checkpoint(&*vault, run.id, sealed))
            .transpose()?;
        let has_begun = run.state.lease().is_some_and(|lease| lease.begun);
        let credential = match &leased.credential {
            Some(credential) if has_begun => Some(self.credentials.open(run, credential).await?),
            Some(_) | None => None,
        };
        Ok(Contents {
            input,
            credential,
            checkpoint,
        })
    }

    async fn fail(&self, wish: &LeaseWish, leased: &LeasedRun) {
        let run = &leased.run;
        let call = LeaseCall {
            organization: OrganizationContext::of_server(run.organization_id),
            actor: Actor::Server,
            request_id: wish.request_id,
            trace_parent: None,
            run_id: run.id,
            epoch: run.epoch,
        };
        let message = "What the run needs cannot be opened: it was sealed with another key.";
        let finish = WorkerCommand::Finish(Finish {
            digest: [0; 32],
            outcome: FinishOutcome::Failure {
                errors: vec![RunError::new(ErrorCode::ApiError, message)],
            },
            credential: None,
            session: AfterRun::End,
            login: None,
        });
        if let Err(error) = self.held.say(&call, finish, None).await {
            // Its lease is lost then, and the next worker comes here again.
            error!(run.id = %run.id, "run {} was not failed: {}", run.id, chain(&error));
        }
    }
}

#[cfg(test)]
mod tests;
