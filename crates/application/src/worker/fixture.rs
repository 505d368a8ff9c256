//! What the tests of workers' calls share: runs that a worker holds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use windlass_domain::id::{Random, WorkerId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::{Answered, Epoch, Holder, Interaction, Lease, RunState};
use windlass_domain::sealed::Sealed;

use super::held_runs::{HeldRuns, LeaseCall};
use crate::announce::Announcer;
use crate::fixture::{asking, now, organization, run_id, view, write};
use crate::ports::runs::{Commanded, MockRuns};
use crate::ports::signals::{Listener, MockQueue, MockSignals};
use crate::write::{Actor, Written};

pub(super) fn holder() -> Holder {
    Holder {
        worker_id: WorkerId::new(now(), Random([6; 10])),
        incarnation: 1,
    }
}

pub(super) fn lease_call() -> LeaseCall {
    LeaseCall {
        organization: organization(),
        actor: Actor::Worker,
        request_id: write().request_id,
        trace_parent: None,
        run_id: run_id(),
        epoch: Epoch(1),
    }
}

/// Runs that are told nothing outside.
pub(super) fn held_runs(runs: MockRuns) -> HeldRuns {
    let mut signals = MockSignals::new();
    signals.expect_send().returning(|_| ());
    HeldRuns {
        runs: Arc::new(runs),
        announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(signals)),
    }
}

/// What the store answers once the run is in this state.
pub(super) fn commanded(state: RunState) -> Written<Commanded> {
    Written::Done(Commanded {
        run: view(state),
        signals: vec![Signal::RunChanged { run_id: run_id() }],
    })
}

pub(super) fn lease() -> Lease {
    Lease {
        epoch: Epoch(1),
        holder: holder(),
        expires_at: now() + Duration::from_secs(30),
        resumed: false,
        begun: true,
        checkpoint: None,
        secrets_version: None,
        inherited_secrets_version: None,
    }
}

pub(super) fn running() -> RunState {
    RunState::Running {
        lease: lease(),
        active_at: now(),
        answered: None,
    }
}

pub(super) fn canceling() -> RunState {
    RunState::Canceling {
        lease: lease(),
        grace_ends_at: now() + Duration::from_secs(30),
    }
}

/// Runs again, with these answers.
pub(super) fn answered(answers: Sealed) -> RunState {
    RunState::Running {
        lease: lease(),
        active_at: now(),
        answered: Some(Answered {
            interaction: asked(),
            answers: Some(answers),
        }),
    }
}

fn asked() -> Interaction {
    match asking() {
        RunState::InteractionRequired { interaction, .. } => interaction,
        other => panic!("it asks nothing: {other:?}"),
    }
}

/// Hears at once, or never.
pub(super) enum Ear {
    AtOnce,
    Never,
}

#[async_trait]
impl Listener for Ear {
    async fn heard(&mut self) {
        match self {
            Self::AtOnce => *self = Self::Never,
            Self::Never => std::future::pending().await,
        }
    }
}
