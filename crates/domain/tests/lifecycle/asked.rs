//! Each command that the run table knows.

use windlass_domain::Timestamp;
use windlass_domain::run::{
    Clock, ErrorCode, Finish, FinishOutcome, Run, RunCommand, RunError, WorkerCommand,
};
use windlass_domain::task::Review;

use crate::fixture::{
    another_question, answer_to, failure, finish, holder, interact, interaction, late, seconds,
    soon, success, worker,
};

/// What may be asked of a run, by the names of docs/lifecycle.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Lease,
    Cancel,
    Renew,
    Begin,
    Touch,
    Interact,
    InteractAgain,
    Withdraw,
    WithdrawEarlier,
    FinishSuccess,
    FinishForReview,
    FinishOutputInvalid,
    FinishFailure,
    FinishAgain,
    Released,
    ReleasedAsking,
    ReleasedAskingEarlier,
    Answer,
    AnswerToAnother,
    Decline,
    Approve,
    Reject,
    QueueTimedOut,
    LeaseLost,
    WorkerGone,
    InactivityTimedOut,
    RunTimedOut,
    InteractionTimedOut,
    ReviewTimedOut,
    CancelGraceOver,
    SessionEnded,
    SessionFailed,
}

impl Asked {
    pub(crate) const ALL: [Self; 32] = [
        Self::Lease,
        Self::Cancel,
        Self::Renew,
        Self::Begin,
        Self::Touch,
        Self::Interact,
        Self::InteractAgain,
        Self::Withdraw,
        Self::WithdrawEarlier,
        Self::FinishSuccess,
        Self::FinishForReview,
        Self::FinishOutputInvalid,
        Self::FinishFailure,
        Self::FinishAgain,
        Self::Released,
        Self::ReleasedAsking,
        Self::ReleasedAskingEarlier,
        Self::Answer,
        Self::AnswerToAnother,
        Self::Decline,
        Self::Approve,
        Self::Reject,
        Self::QueueTimedOut,
        Self::LeaseLost,
        Self::WorkerGone,
        Self::InactivityTimedOut,
        Self::RunTimedOut,
        Self::InteractionTimedOut,
        Self::ReviewTimedOut,
        Self::CancelGraceOver,
        Self::SessionEnded,
        Self::SessionFailed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Cancel => "cancel",
            Self::Renew => "renew",
            Self::Begin => "begin",
            Self::Touch => "touch",
            Self::Interact => "interact",
            Self::InteractAgain => "interact again",
            Self::Withdraw => "withdraw",
            Self::WithdrawEarlier => "withdraw of an earlier question",
            Self::FinishSuccess => "finish(success)",
            Self::FinishForReview => "finish(success) for review",
            Self::FinishOutputInvalid => "finish(success) with a wrong output",
            Self::FinishFailure => "finish(failure)",
            Self::FinishAgain => "finish again",
            Self::Released => "released",
            Self::ReleasedAsking => "released while asking",
            Self::ReleasedAskingEarlier => "released while asking an earlier question",
            Self::Answer => "answer",
            Self::AnswerToAnother => "answer to another question",
            Self::Decline => "decline",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::QueueTimedOut => "queue_timed_out",
            Self::LeaseLost => "lease_lost",
            Self::WorkerGone => "lease_lost (worker gone)",
            Self::InactivityTimedOut => "inactivity_timed_out",
            Self::RunTimedOut => "run_timed_out",
            Self::InteractionTimedOut => "interaction_timed_out",
            Self::ReviewTimedOut => "review_timed_out",
            Self::CancelGraceOver => "cancel_grace_over",
            Self::SessionEnded => "session_ended",
            Self::SessionFailed => "session_failed",
        }
    }

    /// When it is asked: a clock when it has run out, all else before.
    pub(crate) fn now(self) -> Timestamp {
        match self.command() {
            RunCommand::TimedOut(_) => late(),
            RunCommand::Lease { .. }
            | RunCommand::Cancel { .. }
            | RunCommand::Answer { .. }
            | RunCommand::Decline
            | RunCommand::Approve { .. }
            | RunCommand::Reject { .. }
            | RunCommand::Worker { .. }
            | RunCommand::WorkerGone { .. }
            | RunCommand::SessionEnded { .. }
            | RunCommand::SessionFailed => soon(),
        }
    }

    /// The run that it is asked of: reviews are a setting of its task.
    pub(crate) fn prepare(self, mut run: Run) -> Run {
        if self == Self::FinishForReview {
            run.settings.review = Review::Required;
        }
        run
    }

    pub(crate) fn command(self) -> RunCommand {
        let another = |outcome| {
            worker(WorkerCommand::Finish(Finish {
                digest: [8; 32],
                ..finish(outcome)
            }))
        };
        match self {
            Self::Lease => RunCommand::Lease {
                holder: holder(1),
                explicit_begin: true,
                length: seconds(10),
            },
            Self::Cancel => RunCommand::Cancel { grace: seconds(30) },
            Self::Renew => worker(WorkerCommand::Renew {
                length: seconds(30),
            }),
            Self::Begin => worker(WorkerCommand::Begin),
            Self::Touch => worker(WorkerCommand::Touch),
            Self::Interact => worker(interact(2)),
            Self::InteractAgain => worker(interact(1)),
            Self::Withdraw => worker(WorkerCommand::Withdraw { attempt: Some(1) }),
            Self::WithdrawEarlier => worker(WorkerCommand::Withdraw { attempt: Some(0) }),
            Self::FinishSuccess | Self::FinishForReview => another(success()),
            Self::FinishOutputInvalid => another(FinishOutcome::OutputInvalid {
                errors: vec![RunError::new(ErrorCode::OutputInvalid, "is no number")],
            }),
            Self::FinishFailure => another(failure(ErrorCode::SourceError)),
            Self::FinishAgain => worker(WorkerCommand::Finish(finish(success()))),
            Self::Released => worker(WorkerCommand::Release),
            Self::ReleasedAsking => worker(WorkerCommand::ReleaseAsking { attempt: Some(1) }),
            Self::ReleasedAskingEarlier => {
                worker(WorkerCommand::ReleaseAsking { attempt: Some(0) })
            }
            Self::Answer => answer_to(interaction().id),
            Self::AnswerToAnother => answer_to(another_question()),
            Self::Decline => RunCommand::Decline,
            Self::Approve => RunCommand::Approve { output: None },
            Self::Reject => RunCommand::Reject { reason: None },
            Self::QueueTimedOut => RunCommand::TimedOut(Clock::Queue),
            Self::LeaseLost => RunCommand::TimedOut(Clock::Lease),
            Self::WorkerGone => RunCommand::WorkerGone { holder: holder(1) },
            Self::InactivityTimedOut => RunCommand::TimedOut(Clock::Inactivity),
            Self::RunTimedOut => RunCommand::TimedOut(Clock::Run),
            Self::InteractionTimedOut => RunCommand::TimedOut(Clock::Interaction),
            Self::ReviewTimedOut => RunCommand::TimedOut(Clock::Review),
            Self::CancelGraceOver => RunCommand::TimedOut(Clock::CancelGrace),
            Self::SessionEnded => RunCommand::SessionEnded { grace: seconds(30) },
            Self::SessionFailed => RunCommand::SessionFailed,
        }
    }
}
