//! One shape for all scenes that no decision can tell apart.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use windlass_domain::lifecycle::Scene;
use windlass_domain::run::{
    Answered, Epoch, ErrorCode, Holder, Interaction, Lease, Run, RunError, RunState, Waiting,
};
use windlass_domain::session::SessionState;

use crate::fixture::{EPOCH, STARTED, holder, interaction, seconds};

/// One loss before the last that a run may have. What a run was lost before that decides nothing,
/// so that its first loss leads here.
const LOSSES_BEFORE_THE_LAST: u32 = 9;

/// The scene with its moments, versions, leases and workers as if nothing had happened before.
pub(super) fn normal(mut scene: Scene) -> Scene {
    let mut seats = Seats(Vec::new());
    if let Some(session) = &mut scene.session {
        session.version = 2;
        session.runtime = Duration::ZERO;
        session.updated_at = STARTED;
        match &mut session.state {
            SessionState::Running { holder } => *holder = seats.of(*holder),
            SessionState::Idle {
                holder, ends_at, ..
            } => {
                *holder = seats.of(*holder);
                *ends_at = ends_at.map(|_| STARTED + seconds(600));
            }
            SessionState::Completing { holder } => *holder = holder.map(|who| seats.of(who)),
            SessionState::Queued | SessionState::Completed | SessionState::Failed => {}
        }
    }
    for run in &mut scene.runs {
        normal_run(run, &mut seats);
    }
    scene
}

fn normal_run(run: &mut Run, seats: &mut Seats) {
    run.version = 3;
    run.runtime = Duration::ZERO;
    run.updated_at = STARTED;
    if run.epoch != Epoch::NONE {
        run.epoch = EPOCH;
    }
    if let Some(finished) = &mut run.finished {
        finished.epoch = EPOCH;
    }
    if run.losses > 0 {
        run.losses = LOSSES_BEFORE_THE_LAST;
    }
    if run.finished.is_some() || run.status().is_final() {
        run.attempts = 0;
        run.losses = 0;
    }
    match &mut run.state {
        RunState::Running {
            lease,
            active_at,
            answered,
        } => {
            normal_lease(lease, seats);
            *active_at = STARTED;
            if let Some(Answered { interaction, .. }) = answered {
                normal_interaction(interaction);
            }
        }
        RunState::InteractionRequired {
            lease, interaction, ..
        } => {
            normal_lease(lease, seats);
            normal_interaction(interaction);
        }
        RunState::Canceling {
            lease,
            grace_ends_at,
        } => {
            normal_lease(lease, seats);
            *grace_ends_at = STARTED + seconds(30);
        }
        RunState::ReviewRequired { review_ends_at } => {
            *review_ends_at = review_ends_at.map(|_| STARTED + seconds(86_400));
        }
        RunState::Failed { errors } => {
            *errors = vec![RunError::new(ErrorCode::TaskFailed, "it did not work")];
        }
        RunState::Queued { .. } | RunState::Completed | RunState::Canceled => {}
    }
}

fn normal_lease(lease: &mut Lease, seats: &mut Seats) {
    lease.epoch = EPOCH;
    lease.expires_at = STARTED + seconds(30);
    lease.holder = seats.of(lease.holder);
}

fn normal_interaction(asked: &mut Interaction) {
    *asked = Interaction {
        attempt: asked.attempt,
        ..interaction()
    };
}

/// Workers in the order in which a scene names them.
struct Seats(Vec<Holder>);

impl Seats {
    fn of(&mut self, who: Holder) -> Holder {
        let seat = self.0.iter().position(|seated| *seated == who);
        let seat = seat.unwrap_or_else(|| {
            self.0.push(who);
            self.0.len() - 1
        });
        holder(u8::try_from(seat + 1).expect("a scene names few workers"))
    }
}

/// Equal for equal scenes in their normal shape. That different ones differ is checked wherever
/// two meet.
pub(super) fn key(scene: &Scene) -> u64 {
    let mut hasher = DefaultHasher::new();
    let state = scene.session.as_ref().map(|session| &session.state);
    state.map(SessionState::status).hash(&mut hasher);
    state.and_then(SessionState::holder).hash(&mut hasher);
    if let Some(SessionState::Idle {
        ends_at,
        secrets_version,
        ..
    }) = state
    {
        (ends_at, secrets_version).hash(&mut hasher);
    }
    for run in &scene.runs {
        hash_run(run, &mut hasher);
    }
    hasher.finish()
}

fn hash_run(run: &Run, hasher: &mut DefaultHasher) {
    run.status().hash(hasher);
    (run.epoch.0, run.attempts, run.losses).hash(hasher);
    run.finished.map(|finished| finished.digest[0]).hash(hasher);
    if let Some(lease) = run.state.lease() {
        let known = (lease.resumed, lease.begun, lease.checkpoint.is_some());
        (lease.holder, known, lease.logged_in_with()).hash(hasher);
    }
    match &run.state {
        RunState::Queued {
            waiting,
            checkpoint,
            secrets_version,
        } => {
            let waits = *waiting == Waiting::ForWorker;
            (waits, checkpoint.is_some(), *secrets_version).hash(hasher);
        }
        RunState::Running { answered, .. } => {
            let answered = answered.as_ref();
            answered
                .map(|last| (last.interaction.attempt, last.answers.is_some()))
                .hash(hasher);
        }
        RunState::InteractionRequired {
            interaction,
            checkpoint,
            ..
        } => (interaction.attempt, checkpoint.is_some()).hash(hasher),
        RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => {}
    }
}
