//! Each situation of a run that the tables tell apart.

use windlass_domain::run::{
    Answered, ErrorCode, Finished, Lease, Run, RunError, RunState, Status, Waiting,
};
use windlass_domain::session::SessionState;

use crate::fixture::{DIGEST, EPOCH, STARTED, holder, interaction, lease, run, sealed, seconds};

/// Where a run stands, as far as the table tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Situation {
    QueuedForWorker,
    QueuedForSession,
    RunningNotBegun,
    RunningNotBegunElsewhere,
    RunningNotBegunTenth,
    RunningBegun,
    RunningBegunRetryable,
    RunningBegunElsewhere,
    RunningAnswered,
    Asking,
    AskingRetryable,
    AskingWithCheckpoint,
    ReviewRequired,
    Completed,
    Failed,
    Canceling,
    Canceled,
}

impl Situation {
    pub(crate) const ALL: [Self; 17] = [
        Self::QueuedForWorker,
        Self::QueuedForSession,
        Self::RunningNotBegun,
        Self::RunningNotBegunElsewhere,
        Self::RunningNotBegunTenth,
        Self::RunningBegun,
        Self::RunningBegunRetryable,
        Self::RunningBegunElsewhere,
        Self::RunningAnswered,
        Self::Asking,
        Self::AskingRetryable,
        Self::AskingWithCheckpoint,
        Self::ReviewRequired,
        Self::Completed,
        Self::Failed,
        Self::Canceling,
        Self::Canceled,
    ];

    pub(crate) fn status(self) -> Status {
        self.run(1).status()
    }

    /// What tells it from others of its status.
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::QueuedForWorker => "may be leased",
            Self::QueuedForSession => "its session is taken",
            Self::RunningNotBegun => "not begun, in its own session",
            Self::RunningNotBegunElsewhere => "not begun, in another run's session",
            Self::RunningNotBegunTenth => "not begun, the tenth time",
            Self::RunningBegun => "begun, no attempts left",
            Self::RunningBegunRetryable => "begun, attempts left, in its own session",
            Self::RunningBegunElsewhere => "begun, in another run's session",
            Self::RunningAnswered => "its last question was answered or withdrawn",
            Self::Asking => "no checkpoint, no attempts left",
            Self::AskingRetryable => "no checkpoint, attempts left, in its own session",
            Self::AskingWithCheckpoint => "with a checkpoint",
            Self::ReviewRequired
            | Self::Completed
            | Self::Failed
            | Self::Canceling
            | Self::Canceled => "",
        }
    }

    pub(crate) fn run(self, number: u8) -> Run {
        let mut run = run(number, self.state());
        match self {
            Self::RunningNotBegun => run.attempts = 0,
            Self::RunningNotBegunElsewhere => {
                run.attempts = 0;
                run.opened_session = false;
            }
            Self::RunningNotBegunTenth => {
                run.attempts = 0;
                run.losses = 9;
            }
            Self::RunningBegunRetryable | Self::AskingRetryable => run.settings.max_attempts = 2,
            Self::RunningBegunElsewhere => {
                run.settings.max_attempts = 2;
                run.opened_session = false;
            }
            Self::AskingWithCheckpoint => run.opened_session = false,
            Self::ReviewRequired | Self::Completed | Self::Failed | Self::Canceled => {
                run.finished = Some(Finished {
                    epoch: EPOCH,
                    digest: DIGEST,
                });
            }
            Self::QueuedForWorker
            | Self::QueuedForSession
            | Self::RunningBegun
            | Self::RunningAnswered
            | Self::Asking
            | Self::Canceling => {}
        }
        run
    }

    fn state(self) -> RunState {
        let in_queue = |waiting| RunState::Queued {
            waiting,
            checkpoint: None,
            secrets_version: None,
        };
        let running = |begun, answered| RunState::Running {
            lease: Lease { begun, ..lease() },
            active_at: STARTED,
            answered,
        };
        let asking = |checkpoint| RunState::InteractionRequired {
            lease: lease(),
            interaction: interaction(),
            checkpoint,
        };
        match self {
            Self::QueuedForWorker => in_queue(Waiting::ForWorker),
            Self::QueuedForSession => in_queue(Waiting::ForSession),
            Self::RunningNotBegun | Self::RunningNotBegunElsewhere | Self::RunningNotBegunTenth => {
                running(false, None)
            }
            Self::RunningBegun | Self::RunningBegunRetryable | Self::RunningBegunElsewhere => {
                running(true, None)
            }
            Self::RunningAnswered => running(
                true,
                Some(Answered {
                    interaction: interaction(),
                    answers: Some(sealed("604218")),
                }),
            ),
            Self::Asking | Self::AskingRetryable => asking(None),
            Self::AskingWithCheckpoint => asking(Some(sealed("step 3"))),
            Self::ReviewRequired => RunState::ReviewRequired {
                review_ends_at: Some(STARTED + seconds(86_400)),
            },
            Self::Completed => RunState::Completed,
            Self::Failed => RunState::Failed {
                errors: vec![RunError::new(ErrorCode::TaskFailed, "it did not work")],
            },
            Self::Canceling => RunState::Canceling {
                lease: lease(),
                grace_ends_at: STARTED + seconds(30),
            },
            Self::Canceled => RunState::Canceled,
        }
    }

    /// The session that such a run has.
    pub(crate) fn session_state(self) -> SessionState {
        let holder = holder(1);
        match self.status() {
            Status::Queued if self == Self::QueuedForWorker => SessionState::Queued,
            Status::Queued | Status::Running | Status::InteractionRequired | Status::Canceling => {
                SessionState::Running { holder }
            }
            Status::ReviewRequired | Status::Completed | Status::Failed | Status::Canceled => {
                SessionState::Idle {
                    holder,
                    ends_at: Some(STARTED + seconds(600)),
                    secrets_version: None,
                }
            }
        }
    }
}
