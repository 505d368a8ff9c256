//! The run table of docs/lifecycle.md as data, and every situation × every command against it.

use windlass_domain::run::{Refusal, RunState, Status, machine};

use crate::asked::Asked::{self, *};
use crate::fixture::{EPOCH, interaction};
use crate::situation::Situation;

/// A row of the table.
pub(crate) struct Row {
    pub(crate) from: &'static [Situation],
    pub(crate) asked: &'static [Asked],
    pub(crate) then: Then,
    pub(crate) session: ForSession,
    pub(crate) note: &'static str,
}

/// What a command does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It enters these statuses.
    Enters(&'static [Status]),
    /// Something is saved, and no status entered.
    Saves,
    /// Nothing changes, and nothing is wrong.
    Unchanged,
}

/// What the command means for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForSession {
    Nothing,
    Lease,
    NotAwaited,
    RunOver,
    RunOverAndEnds,
    RunRequeued,
    RunForced,
}

const QUEUED: &[Situation] = &[Situation::QueuedForWorker, Situation::QueuedForSession];
const RUNNING: &[Situation] = &[
    Situation::RunningNotBegun,
    Situation::RunningNotBegunElsewhere,
    Situation::RunningNotBegunTenth,
    Situation::RunningBegun,
    Situation::RunningBegunRetryable,
    Situation::RunningBegunElsewhere,
    Situation::RunningAnswered,
];
const RUNNING_OR_ASKING: &[Situation] = &[
    Situation::RunningNotBegun,
    Situation::RunningNotBegunElsewhere,
    Situation::RunningNotBegunTenth,
    Situation::RunningBegun,
    Situation::RunningBegunRetryable,
    Situation::RunningBegunElsewhere,
    Situation::RunningAnswered,
    Situation::Asking,
    Situation::AskingRetryable,
    Situation::AskingWithCheckpoint,
];
const ASKING: &[Situation] = &[
    Situation::Asking,
    Situation::AskingRetryable,
    Situation::AskingWithCheckpoint,
];
const REVIEW: &[Situation] = &[Situation::ReviewRequired];
const CANCELING: &[Situation] = &[Situation::Canceling];
const FINISHED: &[Situation] = &[
    Situation::ReviewRequired,
    Situation::Completed,
    Situation::Failed,
    Situation::Canceled,
];

const LOST: &[Asked] = &[LeaseLost, WorkerGone, Released];

macro_rules! rows {
    ($($from:expr, [$($asked:expr),+] => $then:expr, $session:ident, $note:literal;)+) => {
        &[$(Row {
            from: $from,
            asked: &[$($asked),+],
            then: $then,
            session: ForSession::$session,
            note: $note,
        }),+]
    };
}

use Status as S;
use Then::{Enters, Saves, Unchanged};

/// Every row. What is not in it is refused.
pub(crate) const ROWS: &[Row] = rows! {
    &[Situation::QueuedForWorker], [Lease] => Enters(&[S::Running]), Lease,
        "a new epoch, bound to this start of the worker; the inactivity clock starts";
    QUEUED, [Cancel] => Enters(&[S::Canceling, S::Canceled]), NotAwaited,
        "nobody has to stop, so both at once";
    QUEUED, [SessionEnded] => Enters(&[S::Canceling, S::Canceled]), Nothing,
        "both at once";
    QUEUED, [QueueTimedOut] => Enters(&[S::Failed]), NotAwaited,
        "`session/timeout`; the message names the pool";
    QUEUED, [SessionFailed] => Enters(&[S::Failed]), Nothing,
        "`session/session_failed`";
    RUNNING, [Begin, Touch] => Saves, Nothing,
        "an activity; the lease has begun";
    RUNNING, [Interact] => Enters(&[S::InteractionRequired]), Nothing,
        "the worker keeps its lease; the interaction clock replaces the inactivity clock";
    &[Situation::RunningAnswered], [InteractAgain] => Unchanged, Nothing,
        "this attempt was raised already";
    &[
        Situation::RunningNotBegun,
        Situation::RunningNotBegunElsewhere,
        Situation::RunningNotBegunTenth,
        Situation::RunningBegun,
        Situation::RunningBegunRetryable,
        Situation::RunningBegunElsewhere,
    ], [InteractAgain] => Enters(&[S::InteractionRequired]), Nothing,
        "nothing was raised in this lease: its first attempt";
    &[Situation::RunningAnswered], [Withdraw, WithdrawEarlier] => Unchanged, Nothing,
        "an answer crossed it on the way, or it was heard already";
    RUNNING, [FinishSuccess, FinishAgain] => Enters(&[S::Completed]), RunOver,
        "the output matches the task's schema";
    RUNNING, [FinishForReview] => Enters(&[S::ReviewRequired]), RunOver,
        "where the task asks for a review";
    RUNNING, [FinishOutputInvalid] => Enters(&[S::Failed]), RunOver,
        "`task/output_invalid`, up to ten of them, each with its `field`";
    RUNNING_OR_ASKING, [FinishFailure] => Enters(&[S::Failed]), RunOver,
        "with the errors that the agent gave";
    RUNNING, [Cancel] => Enters(&[S::Canceling]), Nothing,
        "the worker is told at once, and has the cancel grace to stop";
    RUNNING_OR_ASKING, [SessionEnded] => Enters(&[S::Canceling]), Nothing,
        "as by cancel; the only way to cancel a run that waits for an answer";
    RUNNING, [InactivityTimedOut, RunTimedOut] => Enters(&[S::Failed]), RunForced,
        "`task/timeout`; the message says which clock, and how long";
    &[Situation::RunningNotBegun], [LOST[0], LOST[1], LOST[2]] => Enters(&[S::Queued]), RunRequeued,
        "nothing was touched: no attempt";
    &[Situation::RunningNotBegunElsewhere, Situation::RunningNotBegunTenth],
        [LOST[0], LOST[1], LOST[2]] => Enters(&[S::Failed]), RunForced,
        "`session/session_lost`";
    &[Situation::RunningBegunRetryable, Situation::AskingRetryable],
        [LOST[0], LOST[1], LOST[2]] => Enters(&[S::Queued]), RunRequeued,
        "the next attempt starts from nothing";
    &[
        Situation::RunningBegun,
        Situation::RunningBegunElsewhere,
        Situation::RunningAnswered,
        Situation::Asking,
    ], [LOST[0], LOST[1], LOST[2]] => Enters(&[S::Failed]), RunForced,
        "`session/session_lost`";
    &[Situation::AskingWithCheckpoint], [LOST[0], LOST[1], LOST[2], ReleasedAsking] => Enters(&[S::Queued]), RunRequeued,
        "no attempt, in anybody's session; the next lease goes on from the checkpoint and asks again";
    RUNNING_OR_ASKING, [Renew] => Saves, Nothing,
        "the lease lives longer; no activity";
    ASKING, [Begin, Touch] => Unchanged, Nothing,
        "what was sent is kept; no clock moves";
    ASKING, [InteractAgain] => Unchanged, Nothing,
        "this attempt was raised already";
    ASKING, [Withdraw] => Enters(&[S::Running]), Nothing,
        "the source went on by itself, such as a login that was approved on the phone; an activity";
    ASKING, [WithdrawEarlier] => Unchanged, Nothing,
        "it comes late, and takes no other question back";
    ASKING, [Answer] => Enters(&[S::Running]), Nothing,
        "the worker reads the answers; an activity";
    ASKING, [Decline] => Enters(&[S::Failed]), RunForced,
        "`interaction/interaction_declined`";
    ASKING, [InteractionTimedOut] => Enters(&[S::Failed]), RunForced,
        "`interaction/interaction_timeout`";
    REVIEW, [Approve] => Enters(&[S::Completed]), Nothing,
        "with the output as it is, or a corrected one, checked like any other";
    REVIEW, [Reject] => Enters(&[S::Failed]), Nothing,
        "`task/review_rejected`, with the reason";
    REVIEW, [ReviewTimedOut] => Enters(&[S::Failed]), Nothing,
        "`task/review_timeout`, where a limit is set";
    CANCELING, [Begin, Touch, Interact, InteractAgain, Withdraw, WithdrawEarlier] => Unchanged, Nothing,
        "nothing is saved; the worker is told to stop";
    CANCELING, [Renew] => Saves, Nothing,
        "the worker is told to stop";
    CANCELING, [FinishSuccess, FinishForReview, FinishOutputInvalid, FinishFailure, FinishAgain]
        => Enters(&[S::Canceled]), RunOver,
        "whatever it says: after an accepted cancel nothing completes";
    CANCELING, [Released, ReleasedAsking, ReleasedAskingEarlier] => Enters(&[S::Canceled]), RunOverAndEnds,
        "the worker leaves, and its session with it";
    CANCELING, [CancelGraceOver, LeaseLost, WorkerGone] => Enters(&[S::Canceled]), RunForced,
        "by force";
    CANCELING, [Cancel, SessionEnded] => Unchanged, Nothing,
        "a retry is harmless";
    &[Situation::Canceled], [Cancel] => Unchanged, Nothing,
        "a retry is harmless";
    FINISHED, [FinishAgain] => Unchanged, Nothing,
        "the same words under the same epoch get the same answer";
};

/// The row that says what `asked` does in `situation`.
pub(crate) fn row(situation: Situation, asked: Asked) -> Option<&'static Row> {
    let mut rows = ROWS
        .iter()
        .filter(|row| row.from.contains(&situation) && row.asked.contains(&asked));
    let row = rows.next();
    assert!(
        rows.next().is_none(),
        "two rows for {situation:?} × {asked:?}"
    );
    row
}

/// The refusal of what the table does not have.
fn refusal(status: Status, asked: Asked) -> Refusal {
    match asked {
        Cancel | SessionEnded => Refusal::NotCancelable { status },
        AnswerToAnother if status == S::InteractionRequired => Refusal::OtherInteraction {
            pending: interaction().id,
        },
        Answer | AnswerToAnother | Decline => Refusal::InteractionNotPending { status },
        Approve | Reject => Refusal::NotReviewable { status },
        Lease => Refusal::RunNotRunning { status },
        Renew
        | Begin
        | Touch
        | Interact
        | InteractAgain
        | Withdraw
        | WithdrawEarlier
        | FinishSuccess
        | FinishForReview
        | FinishOutputInvalid
        | FinishFailure
        | FinishAgain
        | Released
        | ReleasedAsking
        | ReleasedAskingEarlier => {
            if status.is_leased() {
                Refusal::RunNotRunning { status }
            } else {
                Refusal::LeaseOver {
                    given: EPOCH,
                    status,
                }
            }
        }
        QueueTimedOut | LeaseLost | WorkerGone | InactivityTimedOut | RunTimedOut
        | InteractionTimedOut | ReviewTimedOut | CancelGraceOver | SessionFailed => {
            Refusal::NotDue { status }
        }
    }
}

#[test]
fn every_status_takes_the_commands_of_its_rows_and_no_other() {
    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let run = asked.prepare(situation.run(1));

            let answer = machine::apply(&run, asked.command(), asked.now());

            let pair = format!("{situation:?} × {asked:?}");
            match (row(situation, asked), answer) {
                (None, answer) => {
                    assert_eq!(answer, Err(refusal(run.status(), asked)), "{pair}");
                }
                (Some(_), Err(refusal)) => panic!("{pair} is refused: {refusal}"),
                (Some(row), Ok(transition)) => {
                    let entered: Vec<Status> = transition
                        .entered
                        .iter()
                        .map(|entered| entered.status)
                        .collect();
                    match row.then {
                        Enters(statuses) => assert_eq!(entered, statuses, "{pair}"),
                        Saves => {
                            assert_eq!(entered, [], "{pair}");
                            assert_ne!(transition.run, run, "{pair}");
                        }
                        Unchanged => {
                            assert_eq!(entered, [], "{pair}");
                            assert_eq!(transition.run, run, "{pair}");
                        }
                    }
                    let status = entered.last().copied().unwrap_or(run.status());
                    assert_eq!(transition.run.status(), status, "{pair}");
                    let steps = u32::try_from(entered.len()).expect("two at most");
                    assert_eq!(transition.run.version, run.version + steps, "{pair}");
                }
            }
        }
    }
}

#[test]
fn every_row_is_about_something() {
    for row in ROWS {
        assert!(!row.from.is_empty() && !row.asked.is_empty() && !row.note.is_empty());
    }
    for status in Status::ALL {
        assert!(
            Situation::ALL
                .iter()
                .any(|situation| situation.status() == status)
        );
    }
}

#[test]
fn the_moments_of_one_command_rise_from_status_to_status() {
    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let mut run = asked.prepare(situation.run(1));
            // Changed after now, as by a replica whose clock is ahead.
            run.updated_at = asked.now() + std::time::Duration::from_millis(500);
            let Ok(transition) = machine::apply(&run, asked.command(), asked.now()) else {
                continue;
            };

            let mut before = (run.updated_at, run.version);
            for entered in &transition.entered {
                assert_eq!(
                    entered.at.since(before.0).as_millis(),
                    1,
                    "{situation:?} × {asked:?}"
                );
                assert_eq!(entered.version, before.1 + 1, "{situation:?} × {asked:?}");
                before = (entered.at, entered.version);
            }
            assert_eq!(transition.run.updated_at, before.0);
        }
    }
}

#[test]
fn a_call_under_another_epoch_changes_nothing() {
    use windlass_domain::run::{Epoch, RunCommand};

    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let RunCommand::Worker { command, .. } = asked.command() else {
                continue;
            };
            for given in [Epoch(EPOCH.0 - 1), Epoch(EPOCH.0 + 1)] {
                let run = asked.prepare(situation.run(1));
                let stale = RunCommand::Worker {
                    epoch: given,
                    command: command.clone(),
                };

                let answer = machine::apply(&run, stale, asked.now());

                let status = run.status();
                let lost = if status.is_leased() {
                    let current = EPOCH;
                    Refusal::LeaseLost { given, current }
                } else {
                    Refusal::LeaseOver { given, status }
                };
                assert_eq!(answer, Err(lost), "{situation:?} × {asked:?}");
            }
        }
    }
}

/// What a caller reads of a run's end is a sentence, like every other error of the API.
#[test]
fn why_a_run_failed_is_told_in_a_sentence() {
    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let run = asked.prepare(situation.run(1));
            let is_told_by_worker = matches!(asked, FinishFailure | FinishOutputInvalid);
            let Ok(transition) = machine::apply(&run, asked.command(), asked.now()) else {
                continue;
            };
            let RunState::Failed { errors } = &transition.run.state else {
                continue;
            };
            for message in errors.iter().map(|error| &error.message) {
                let is_sentence = message.starts_with(|first: char| first.is_uppercase())
                    && message.ends_with('.');
                let was_over = run.status().is_final();
                assert!(
                    is_sentence || is_told_by_worker || was_over,
                    "{situation:?} × {asked:?}: {message}"
                );
            }
        }
    }
}
