//! `finish`: execution is over.

use serde_json::Value;

use super::{ForSession, Transition};
use crate::run::{
    CredentialReport, Epoch, ErrorCode, Finish, FinishOutcome, Finished, Refusal, Run, RunError,
    RunState,
};
use crate::sealed::Sealed;
use crate::task::Review;
use crate::time::Timestamp;

/// Whether this is the finish that ended the run's execution.
pub(super) fn was_heard(run: &Run, epoch: Epoch, finish: &Finish) -> bool {
    run.finished
        == Some(Finished {
            epoch,
            digest: finish.digest,
        })
}

pub(super) fn apply(
    run: &Run,
    epoch: Epoch,
    finish: Finish,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    let mut ended = run.clone();
    ended.finished = Some(Finished {
        epoch,
        digest: finish.digest,
    });
    let credential = reported(&finish);
    let after = finish.session;
    let transition = match &run.state {
        RunState::Running { .. } => match finish.outcome {
            FinishOutcome::Success { output } => succeeded(&ended, output, finish.login, now),
            FinishOutcome::OutputInvalid { errors } | FinishOutcome::Failure { errors } => {
                Transition::to(&ended, RunState::Failed { errors }, now)
            }
        },
        RunState::InteractionRequired { .. } => match finish.outcome {
            FinishOutcome::Failure { errors } => {
                Transition::to(&ended, RunState::Failed { errors }, now)
            }
            // Nobody can have finished what still waits for an answer.
            FinishOutcome::Success { .. } | FinishOutcome::OutputInvalid { .. } => {
                return Err(Refusal::RunNotRunning {
                    status: run.status(),
                });
            }
        },
        // After an accepted cancel a run never completes: a success that comes now is dropped.
        RunState::Canceling { .. } => Transition::to(&ended, RunState::Canceled, now),
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => {
            return Err(Refusal::RunNotRunning {
                status: run.status(),
            });
        }
    };
    Ok(Transition {
        credential,
        ..transition.for_session(ForSession::Over { after })
    })
}

fn succeeded(run: &Run, output: Value, login: Option<Sealed>, now: Timestamp) -> Transition {
    let state = match run.settings.review {
        Review::None => RunState::Completed,
        Review::Required => RunState::ReviewRequired {
            review_ends_at: run
                .settings
                .review_timeout
                .map(|timeout| now.following(run.updated_at) + timeout),
        },
    };
    let mut transition = Transition::to(run, state, now);
    transition.output = Some(output);
    transition.login = login.filter(|_| run.settings.keep_login);
    transition
}

/// What the source said of the credential. A refusal among the errors counts, whatever else the
/// worker reports.
fn reported(finish: &Finish) -> Option<CredentialReport> {
    let errors: &[RunError] = match &finish.outcome {
        FinishOutcome::Success { .. } => &[],
        FinishOutcome::OutputInvalid { errors } | FinishOutcome::Failure { errors } => errors,
    };
    if errors
        .iter()
        .any(|error| error.code == ErrorCode::AuthInvalid)
    {
        Some(CredentialReport::Invalid)
    } else {
        finish.credential
    }
}
