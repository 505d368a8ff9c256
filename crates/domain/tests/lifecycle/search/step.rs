//! What holds for every step that was taken: what the command may do, and what it must leave.

use std::cmp::Reverse;

use windlass_domain::lifecycle::{Changes, Command, Scene, SceneWorker, Signal};
use windlass_domain::run::{
    Answered, Finished, Holder, Run, RunCommand, RunState, Status, WorkerCommand,
};
use windlass_domain::sealed::Sealed;
use windlass_domain::session::{Session, SessionCommand, SessionState};

use super::bounds::{About, Step};
use super::promise::Promise;
use super::state::may_be_leased;
use super::told;
use crate::fixture::STARTED;

/// A run before and after a step.
struct Pair<'a> {
    before: &'a Run,
    after: &'a Run,
}

pub(super) fn check(
    before: &Scene,
    step: &Step,
    changes: &Changes,
    after: &Scene,
) -> Result<(), Promise> {
    let pairs = before.runs.iter().filter_map(|run| {
        let after = after.runs.iter().find(|kept| kept.id == run.id)?;
        Some(Pair { before: run, after })
    });
    let pairs: Vec<Pair<'_>> = pairs.collect();
    if let (About::Run(place), Command::Run { command, .. }) = (step.about, &step.command) {
        let pair = &pairs[place];
        epoch(pair, command, before == after)?;
        cancel(pair, command)?;
        answers(pair, command)?;
        question(pair, command)?;
        leased(before.session.as_ref(), pair, command)?;
        output(pair, command, changes)?;
    }
    let is_clock = matches!(
        &step.command,
        Command::Run {
            command: RunCommand::TimedOut(_),
            ..
        } | Command::Session(SessionCommand::IdleTimedOut)
    );
    holds(
        !is_clock || step.now > STARTED,
        Promise::NoClockRunsOutEarly,
    )?;
    let is_own_word = matches!(
        &step.command,
        Command::Run {
            command: RunCommand::Worker { .. },
            ..
        }
    );
    for pair in &pairs {
        kept(pair)?;
        repeated(pair)?;
        checkpoint(pair)?;
        if !is_own_word {
            taken(pair, &changes.signals, after.session.as_ref())?;
        }
    }
    drained(before, step, after)?;
    in_order(before, after)?;
    told::check(before, &changes.events, after)
}

/// What holds for a step that was refused.
pub(super) fn refused(before: &Scene, step: &Step) -> Result<(), Promise> {
    drained(before, step, before)
}

/// Where a worker leases nothing more, no session is left to it, or comes to it, that is free.
fn drained(before: &Scene, step: &Step, after: &Scene) -> Result<(), Promise> {
    let is_kept = match &step.command {
        Command::Session(SessionCommand::Drained { holder }) => keeper(after) == Some(*holder),
        Command::Start { .. } | Command::Run { .. } | Command::Session(_) => {
            let becomes_free = keeper(before).is_none() && keeper(after).is_some();
            becomes_free && step.worker == SceneWorker::Leaves
        }
    };
    holds(!is_kept, Promise::ADrainKeepsNoSession)
}

/// Who keeps a session that is free.
fn keeper(scene: &Scene) -> Option<Holder> {
    match scene.session.as_ref()?.state {
        SessionState::Idle { holder, .. } => Some(holder),
        SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => None,
    }
}

fn holds(is_right: bool, promise: Promise) -> Result<(), Promise> {
    if is_right { Ok(()) } else { Err(promise) }
}

/// A worker is heard under the present lease alone; a finish that was heard is answered again.
fn epoch(pair: &Pair<'_>, command: &RunCommand, unchanged: bool) -> Result<(), Promise> {
    let RunCommand::Worker { epoch, command } = command else {
        return Ok(());
    };
    let is_present = pair
        .before
        .state
        .lease()
        .is_some_and(|lease| lease.epoch == *epoch);
    let is_repeated = matches!(
        command,
        WorkerCommand::Finish(finish)
            if pair.before.finished == Some(Finished { epoch: *epoch, digest: finish.digest })
    );
    holds(
        is_present || (is_repeated && unchanged),
        Promise::AnOldEpochChangesNothing,
    )
}

fn cancel(pair: &Pair<'_>, command: &RunCommand) -> Result<(), Promise> {
    let RunCommand::Cancel { .. } = command else {
        return Ok(());
    };
    let may = match pair.before.status() {
        Status::Queued | Status::Running | Status::Canceling | Status::Canceled => true,
        Status::InteractionRequired
        | Status::ReviewRequired
        | Status::Completed
        | Status::Failed => false,
    };
    holds(may, Promise::CancelIsRefusedElsewhere)?;
    holds(is_canceled(pair.after), Promise::CancelIsKept)
}

fn is_canceled(run: &Run) -> bool {
    [Status::Canceling, Status::Canceled].contains(&run.status())
}

fn answered(run: &Run) -> Option<&Answered> {
    match &run.state {
        RunState::Running { answered, .. } => answered.as_ref(),
        RunState::Queued { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

/// An answer is kept when it is accepted, and neither a question that is raised again nor anything
/// else that leaves the run running takes it away.
fn answers(pair: &Pair<'_>, command: &RunCommand) -> Result<(), Promise> {
    let is_right = match command {
        RunCommand::Answer { answers, .. } => {
            pair.before.status() == Status::InteractionRequired
                && answered(pair.after).is_some_and(|last| last.answers.as_ref() == Some(answers))
        }
        RunCommand::Worker {
            command: WorkerCommand::Interact { attempt, .. },
            ..
        } => answered(pair.before).is_none_or(|last| {
            last.interaction.attempt < *attempt || answered(pair.after) == Some(last)
        }),
        RunCommand::Lease { .. }
        | RunCommand::Cancel { .. }
        | RunCommand::Decline
        | RunCommand::Approve { .. }
        | RunCommand::Reject { .. }
        | RunCommand::Worker { .. }
        | RunCommand::TimedOut(_)
        | RunCommand::WorkerGone { .. }
        | RunCommand::SessionEnded { .. }
        | RunCommand::SessionFailed => {
            answered(pair.before).is_none()
                || pair.after.status() != Status::Running
                || answered(pair.after) == answered(pair.before)
        }
    };
    holds(is_right, Promise::AnswersAreKept)
}

/// What was an answer to one question is none to another.
fn question(pair: &Pair<'_>, command: &RunCommand) -> Result<(), Promise> {
    let RunCommand::Answer { interaction_id, .. } = command else {
        return Ok(());
    };
    let answered = answered(pair.after);
    holds(
        answered.is_some_and(|last| last.interaction.id == *interaction_id),
        Promise::AnAnswerGoesToItsQuestion,
    )
}

/// A lease is given where the session is free, or to who keeps it, and nowhere else.
fn leased(session: Option<&Session>, pair: &Pair<'_>, command: &RunCommand) -> Result<(), Promise> {
    let RunCommand::Lease { holder, .. } = command else {
        return holds(
            pair.after.epoch == pair.before.epoch,
            Promise::EachLeaseHasItsEpoch,
        );
    };
    let is_free = session.is_some_and(|session| match session.state {
        SessionState::Queued => true,
        SessionState::Idle { holder: keeper, .. } => keeper == *holder,
        SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => false,
    });
    holds(
        is_free && may_be_leased(pair.before),
        Promise::OneAgentPerSession,
    )?;
    holds(
        pair.after.epoch == pair.before.epoch.next(),
        Promise::EachLeaseHasItsEpoch,
    )
}

fn output(pair: &Pair<'_>, command: &RunCommand, changes: &Changes) -> Result<(), Promise> {
    let is_right = match (command, pair.after.status()) {
        (
            RunCommand::Worker {
                command: WorkerCommand::Finish(_),
                ..
            },
            Status::Completed | Status::ReviewRequired,
        ) => changes.output.is_some() || pair.after == pair.before,
        (_, Status::Canceling | Status::Canceled | Status::Failed) => changes.output.is_none(),
        (
            _,
            Status::Queued
            | Status::Running
            | Status::InteractionRequired
            | Status::ReviewRequired
            | Status::Completed,
        ) => true,
    };
    holds(is_right, Promise::OutputIsKept)
}

/// What nothing takes back.
fn kept(pair: &Pair<'_>) -> Result<(), Promise> {
    holds(
        !pair.before.status().is_final() || pair.after == pair.before,
        Promise::FinalIsFinal,
    )?;
    holds(
        !is_canceled(pair.before) || is_canceled(pair.after),
        Promise::CancelIsKept,
    )
}

/// Each lease that has begun is counted, but for one that leaves a checkpoint; what waits again
/// repeats nothing of another run's session, and not for ever.
fn repeated(pair: &Pair<'_>) -> Result<(), Promise> {
    let has_begun = |run: &Run| run.state.lease().is_some_and(|lease| lease.begun);
    let waits_again = pair.before.status().is_leased() && pair.after.status() == Status::Queued;
    let left_checkpoint = matches!(
        pair.before.state,
        RunState::InteractionRequired {
            checkpoint: Some(_),
            ..
        }
    );
    let goes_on = waits_again && left_checkpoint;
    let begins = has_begun(pair.after) && !has_begun(pair.before);
    let is_counted =
        pair.after.attempts + u32::from(goes_on) == pair.before.attempts + u32::from(begins);
    let is_lost_unbegun = waits_again && !has_begun(pair.before);
    let is_bounded =
        !is_lost_unbegun || (pair.after.losses == pair.before.losses + 1 && pair.after.losses < 10);
    let is_own = !waits_again || left_checkpoint || pair.after.opened_session;
    holds(
        is_counted && is_bounded && is_own,
        Promise::NothingIsRepeatedTooOften,
    )
}

/// Where the next agent goes on, if one left word of it.
fn goes_on_from(run: &Run) -> Option<&Sealed> {
    match &run.state {
        RunState::Queued { checkpoint, .. } | RunState::InteractionRequired { checkpoint, .. } => {
            checkpoint.as_ref()
        }
        RunState::Running { lease, .. } if !lease.begun => lease.checkpoint.as_ref(),
        RunState::Running { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

/// What goes back to the queue takes its checkpoint along, and so does who takes it from there.
fn checkpoint(pair: &Pair<'_>) -> Result<(), Promise> {
    let is_kept = match &pair.after.state {
        RunState::Queued { checkpoint, .. } => checkpoint.as_ref() == goes_on_from(pair.before),
        RunState::Running { lease, .. } if pair.before.status() == Status::Queued => {
            lease.checkpoint.as_ref() == goes_on_from(pair.before)
        }
        RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => true,
    };
    holds(is_kept, Promise::ACheckpointIsKept)
}

/// A run that was taken from its worker: the worker is told, and the place where its agent may
/// still be acting is nobody's any more.
fn taken(pair: &Pair<'_>, signals: &[Signal], session: Option<&Session>) -> Result<(), Promise> {
    let Some(lease) = pair.before.state.lease() else {
        return Ok(());
    };
    let is_taken = !pair.after.status().is_leased();
    let is_stopped = is_taken || is_canceled(pair.after) && !is_canceled(pair.before);
    let stop = Signal::Stop {
        holder: lease.holder,
        run_id: pair.before.id,
    };
    holds(
        !is_stopped || signals.contains(&stop),
        Promise::AnAgentIsToldToStop,
    )?;
    let is_kept = session.is_some_and(|session| match session.state {
        SessionState::Idle { .. } | SessionState::Completed => true,
        // One that runs without a run has not been freed, which `state` finds.
        SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Failed => false,
    });
    holds(!is_taken || !is_kept, Promise::APlaceTakenByForceIsGivenUp)
}

/// Who may be leased now, and could not before, is the first of those that wait.
fn in_order(before: &Scene, after: &Scene) -> Result<(), Promise> {
    let waiting = after
        .runs
        .iter()
        .filter(|run| run.status() == Status::Queued);
    let first = waiting.min_by_key(|run| (Reverse(run.settings.priority), run.id));
    let is_right = after.runs.iter().all(|run| {
        let waited = before
            .runs
            .iter()
            .find(|earlier| earlier.id == run.id)
            .is_some_and(|earlier| earlier.status() == Status::Queued && !may_be_leased(earlier));
        !waited || !may_be_leased(run) || first.is_some_and(|first| first.id == run.id)
    });
    holds(is_right, Promise::TheSlotGoesInOrder)
}
