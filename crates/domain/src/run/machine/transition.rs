//! What one command does to one run, as data.

use std::time::Duration;

use serde_json::Value;

use crate::run::{AfterRun, CredentialReport, Holder, Run, RunError, RunState, Status};
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// What one command does to one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The run's next state.
    pub run: Run,
    /// The statuses entered, in order.
    pub entered: Vec<Entered>,
    /// An output to keep.
    pub output: Option<Value>,
    /// What its session hears of it.
    pub session: ForSession,
    /// What the source said of the credential.
    pub credential: Option<CredentialReport>,
    /// A login to save with the credential, if that is verified.
    pub login: Option<Sealed>,
    /// The worker that should stop.
    pub stop: Option<Holder>,
}

/// A status that was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Which.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// The run's version then.
    pub version: u32,
    /// The run's runtime then.
    pub runtime: Duration,
}

/// What a run's command means for its session.
/// Source: docs/lifecycle.md, "What a run means for its session".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForSession {
    /// Nothing.
    Nothing,
    /// A worker took the run.
    Leased {
        /// Who.
        holder: Holder,
    },
    /// The run does not wait for it any more: `run_over` where it was the last that did.
    NotAwaited,
    /// Its worker ended the run: `run_over`.
    Over {
        /// Whether the session goes on.
        after: AfterRun,
    },
    /// The run waits again: `run_requeued`.
    Requeued,
    /// The run was taken from its worker, which may still be acting in the session: `run_forced`.
    Forced,
}

impl Transition {
    /// The answer to what was heard already, or does not matter any more.
    pub(super) fn unchanged(run: &Run) -> Self {
        Self::saved(run.clone())
    }

    /// A change that enters no status.
    pub(super) fn saved(run: Run) -> Self {
        Self {
            run,
            entered: Vec::new(),
            output: None,
            session: ForSession::Nothing,
            credential: None,
            login: None,
            stop: None,
        }
    }

    /// A run that enters the status of `state` at the first moment that `now` allows.
    pub(super) fn to(run: &Run, state: RunState, now: Timestamp) -> Self {
        Self::unchanged(run).through(state, now)
    }

    /// A run that fails of one thing.
    pub(super) fn failed(run: &Run, error: RunError, now: Timestamp) -> Self {
        let errors = vec![error];
        Self::to(run, RunState::Failed { errors }, now)
    }

    /// A run that no worker holds is canceled at once: nobody has to stop.
    pub(super) fn canceled_at_once(run: &Run, now: Timestamp) -> Self {
        let mut transition = Self::unchanged(run);
        transition.enter(Status::Canceling, now);
        transition.through(RunState::Canceled, now)
    }

    fn through(mut self, state: RunState, now: Timestamp) -> Self {
        self.enter(state.status(), now);
        self.run.state = state;
        self
    }

    fn enter(&mut self, status: Status, now: Timestamp) {
        let run = &mut self.run;
        let at = now.following(run.updated_at);
        run.runtime = run.runtime_at(at);
        run.version += 1;
        run.updated_at = at;
        self.entered.push(Entered {
            status,
            at,
            version: run.version,
            runtime: run.runtime,
        });
    }

    pub(super) fn for_session(mut self, session: ForSession) -> Self {
        self.session = session;
        self
    }

    pub(super) fn stop(mut self, holder: Holder) -> Self {
        self.stop = Some(holder);
        self
    }

    /// The run was taken from `holder` by force.
    pub(super) fn forced(self, holder: Holder) -> Self {
        self.for_session(ForSession::Forced).stop(holder)
    }
}
