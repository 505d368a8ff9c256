//! Which command a run accepts in which status, and what follows from it: a file per command, each
//! a `match` that names every status. Source: docs/lifecycle.md, "Run transitions".

mod answer;
mod approve;
mod begin;
mod cancel;
mod decline;
mod finish;
mod interact;
mod lease;
mod lost;
mod reject;
mod renew;
mod session_ended;
mod session_failed;
mod start;
mod timed_out;
mod touch;
mod transition;
mod withdraw;
mod worker_gone;

pub use self::start::start;
pub use self::transition::{Entered, ForSession, Transition};
use super::{Clock, Epoch, Refusal, Run, RunCommand, RunState, WorkerCommand};
use crate::time::Timestamp;

/// After so many losses before it had begun, a run fails, so that nothing goes round for ever.
pub const MAX_LOSSES: u32 = 10;

/// What `command` does to `run` at the moment `now`.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn apply(run: &Run, command: RunCommand, now: Timestamp) -> Result<Transition, Refusal> {
    match command {
        RunCommand::Lease {
            holder,
            explicit_begin,
            length,
        } => lease::apply(run, holder, explicit_begin, length, now),
        RunCommand::Cancel { grace } => cancel::apply(run, grace, now),
        RunCommand::Answer {
            interaction_id,
            answers,
        } => answer::apply(run, interaction_id, answers, now),
        RunCommand::Decline => decline::apply(run, now),
        RunCommand::Approve { output } => approve::apply(run, output, now),
        RunCommand::Reject { reason } => reject::apply(run, reason, now),
        RunCommand::Worker { epoch, command } => worker(run, epoch, command, now),
        RunCommand::TimedOut(clock) => timed_out::apply(run, clock, now),
        RunCommand::WorkerGone { holder } => worker_gone::apply(run, holder, now),
        RunCommand::SessionEnded { grace } => session_ended::apply(run, grace, now),
        RunCommand::SessionFailed => session_failed::apply(run, now),
    }
}

/// A worker's word counts under the present lease alone; a finish that was heard already is
/// answered again, since its first answer may have been lost on the way.
fn worker(
    run: &Run,
    epoch: Epoch,
    command: WorkerCommand,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    if let WorkerCommand::Finish(finish) = &command
        && finish::was_heard(run, epoch, finish)
    {
        return Ok(Transition::unchanged(run));
    }
    run.held_under(epoch)?;
    match command {
        WorkerCommand::Renew { length } => renew::apply(run, length, now),
        WorkerCommand::Begin => begin::apply(run, now),
        WorkerCommand::Touch => touch::apply(run, now),
        WorkerCommand::Interact {
            attempt,
            kind,
            message,
            fields,
            checkpoint,
            random,
        } => {
            let question = interact::Question {
                attempt,
                kind,
                message,
                fields,
                checkpoint,
                random,
            };
            interact::apply(run, question, now)
        }
        WorkerCommand::Withdraw { attempt } => withdraw::apply(run, attempt, now),
        WorkerCommand::Finish(finish) => finish::apply(run, epoch, finish, now),
        WorkerCommand::Release => lost::released(run, now),
        WorkerCommand::ReleaseAsking { attempt } => lost::released_asking(run, attempt, now),
    }
}

/// The clocks that run in the run's status, each with the moment at which it has run out.
pub fn clocks(run: &Run) -> Vec<(Timestamp, Clock)> {
    let settings = &run.settings;
    match &run.state {
        RunState::Queued { .. } => {
            vec![(run.updated_at + settings.queue_timeout, Clock::Queue)]
        }
        RunState::Running {
            lease, active_at, ..
        } => {
            let mut clocks = vec![
                (lease.expires_at, Clock::Lease),
                (*active_at + settings.inactivity_timeout, Clock::Inactivity),
            ];
            if let Some(timeout) = settings.timeout {
                let left = timeout.saturating_sub(run.runtime);
                clocks.push((run.updated_at + left, Clock::Run));
            }
            clocks
        }
        RunState::InteractionRequired {
            lease, interaction, ..
        } => vec![
            (lease.expires_at, Clock::Lease),
            (interaction.expires_at, Clock::Interaction),
        ],
        RunState::ReviewRequired { review_ends_at } => review_ends_at
            .map(|ends_at| (ends_at, Clock::Review))
            .into_iter()
            .collect(),
        RunState::Canceling {
            lease,
            grace_ends_at,
        } => vec![
            (lease.expires_at, Clock::Lease),
            (*grace_ends_at, Clock::CancelGrace),
        ],
        RunState::Completed | RunState::Failed { .. } | RunState::Canceled => Vec::new(),
    }
}
