//! Broken rules of runs.

use windlass_domain::Timestamp;
use windlass_domain::lifecycle::{Command, Scene, Signal, decide};
use windlass_domain::run::{Clock, Refusal, RunCommand, RunState, Status, WorkerCommand};

use super::broken::{Decided, as_running, asked, finds, with};
use crate::fixture::{late, seconds};
use crate::search::promise::Promise;

fn is_release(command: &RunCommand) -> bool {
    matches!(
        command,
        RunCommand::Worker {
            command: WorkerCommand::Release,
            ..
        }
    )
}

fn a_begun_run_waits_again_without_attempts(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    match asked(scene, &command) {
        Some((run, asks)) if is_release(asks) => {
            let allowed = run.settings.max_attempts;
            let generous = with(scene, run.id, |run| run.settings.max_attempts = 9);
            let mut changes = decide(&generous, command, now)?;
            for run in &mut changes.runs {
                run.settings.max_attempts = allowed;
            }
            Ok(changes)
        }
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_repeated_attempt_too_many_is_found() {
    finds(
        a_begun_run_waits_again_without_attempts,
        Promise::NothingIsRepeatedTooOften,
    );
}

fn cancel_takes_a_run_that_waits_for_an_answer(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    match asked(scene, &command) {
        Some((run, RunCommand::Cancel { .. })) if run.status() == Status::InteractionRequired => {
            decide(&as_running(scene, run), command, now)
        }
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_cancel_that_takes_a_question_is_found() {
    finds(
        cancel_takes_a_run_that_waits_for_an_answer,
        Promise::CancelIsRefusedElsewhere,
    );
}

fn a_late_finish_completes_what_was_canceled(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    match asked(scene, &command) {
        Some((run, RunCommand::Worker { .. })) if run.status() == Status::Canceling => {
            decide(&as_running(scene, run), command, now)
        }
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_canceled_run_that_goes_on_is_found() {
    finds(
        a_late_finish_completes_what_was_canceled,
        Promise::CancelIsKept,
    );
}

fn an_answer_is_not_kept(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    for run in &mut changes.runs {
        if let RunState::Running {
            answered: Some(last),
            ..
        } = &mut run.state
        {
            last.answers = None;
        }
    }
    Ok(changes)
}

#[test]
fn a_lost_answer_is_found() {
    finds(an_answer_is_not_kept, Promise::AnswersAreKept);
}

fn a_question_that_comes_twice_is_asked_twice(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    match asked(scene, &command) {
        Some((
            run,
            RunCommand::Worker {
                command: WorkerCommand::Interact { .. },
                ..
            },
        )) if run.status() == Status::Running => decide(&as_running(scene, run), command, now),
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn an_answer_that_a_doubled_question_erases_is_found() {
    finds(
        a_question_that_comes_twice_is_asked_twice,
        Promise::AnswersAreKept,
    );
}

fn any_question_is_answered(scene: &Scene, mut command: Command, now: Timestamp) -> Decided {
    if let Command::Run {
        run_id,
        command: RunCommand::Answer { interaction_id, .. },
    } = &mut command
        && let Some(run) = scene.runs.iter().find(|run| run.id == *run_id)
        && let RunState::InteractionRequired { interaction, .. } = &run.state
    {
        *interaction_id = interaction.id;
    }
    decide(scene, command, now)
}

#[test]
fn an_answer_to_another_question_is_found() {
    finds(any_question_is_answered, Promise::AnAnswerGoesToItsQuestion);
}

fn any_epoch_is_heard(scene: &Scene, mut command: Command, now: Timestamp) -> Decided {
    if let Command::Run {
        run_id,
        command: RunCommand::Worker { epoch, .. },
    } = &mut command
        && let Some(run) = scene.runs.iter().find(|run| run.id == *run_id)
    {
        *epoch = run.epoch;
    }
    decide(scene, command, now)
}

#[test]
fn an_old_epoch_that_is_heard_is_found() {
    finds(any_epoch_is_heard, Promise::AnOldEpochChangesNothing);
}

fn a_lease_keeps_the_epoch_before_it(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    for run in &mut changes.runs {
        if let Some(before) = scene.runs.iter().find(|before| before.id == run.id) {
            run.epoch = before.epoch;
        }
    }
    Ok(changes)
}

#[test]
fn a_lease_without_an_epoch_of_its_own_is_found() {
    finds(
        a_lease_keeps_the_epoch_before_it,
        Promise::EachLeaseHasItsEpoch,
    );
}

fn nobody_is_told_to_stop(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    changes
        .signals
        .retain(|signal| !matches!(signal, Signal::Stop { .. }));
    Ok(changes)
}

#[test]
fn an_agent_that_is_not_told_is_found() {
    finds(nobody_is_told_to_stop, Promise::AnAgentIsToldToStop);
}

fn a_review_may_come_after_the_end(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match asked(scene, &command) {
        Some((run, RunCommand::Reject { .. })) if run.status() == Status::Completed => {
            let reviewed = with(scene, run.id, |run| {
                run.state = RunState::ReviewRequired {
                    review_ends_at: None,
                };
            });
            decide(&reviewed, command, now)
        }
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_completed_run_that_fails_is_found() {
    finds(a_review_may_come_after_the_end, Promise::FinalIsFinal);
}

fn an_answer_is_not_told(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let is_answer = matches!(asked(scene, &command), Some((_, RunCommand::Answer { .. })));
    let mut changes = decide(scene, command, now)?;
    if is_answer {
        changes.events.pop();
    }
    Ok(changes)
}

#[test]
fn a_status_that_nobody_hears_of_is_found() {
    finds(an_answer_is_not_told, Promise::EachStatusIsToldOnce);
}

fn two_statuses_have_one_moment(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    for event in &mut changes.events {
        event.at = now + seconds(1);
    }
    Ok(changes)
}

#[test]
fn a_moment_that_does_not_rise_is_found() {
    finds(two_statuses_have_one_moment, Promise::EachStatusIsToldOnce);
}

fn nothing_waits_too_long(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match asked(scene, &command) {
        Some((run, RunCommand::TimedOut(Clock::Queue))) => Err(Refusal::NotDue {
            status: run.status(),
        }),
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_run_that_waits_for_ever_is_found() {
    finds(nothing_waits_too_long, Promise::NothingIsStuck);
}

fn a_sweep_acts_early(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match asked(scene, &command) {
        Some((_, RunCommand::TimedOut(_))) => decide(scene, command, late()),
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_clock_that_runs_out_early_is_found() {
    finds(a_sweep_acts_early, Promise::NoClockRunsOutEarly);
}

fn an_output_is_thrown_away(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    changes.output = None;
    Ok(changes)
}

#[test]
fn a_success_without_its_output_is_found() {
    finds(an_output_is_thrown_away, Promise::OutputIsKept);
}

fn the_next_worker_starts_from_nothing(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    for run in &mut changes.runs {
        if let RunState::Queued { checkpoint, .. } = &mut run.state {
            *checkpoint = None;
        }
    }
    Ok(changes)
}

#[test]
fn a_checkpoint_that_is_thrown_away_is_found() {
    finds(
        the_next_worker_starts_from_nothing,
        Promise::ACheckpointIsKept,
    );
}
