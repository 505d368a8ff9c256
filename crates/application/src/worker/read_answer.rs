//! Waits for what a person answers.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};
use windlass_domain::run::{Answered, Refusal, Run, RunState, Status};
use windlass_domain::sealed::Sealed;

use super::LOOK;
use super::held_runs::{HeldRuns, LeaseCall};
use crate::contents;
use crate::error::CallError;
use crate::ports::signals::Topic;
use crate::ports::{Signals, Vault};

/// Waits for what a person answers.
pub struct ReadAnswer {
    pub(super) held: HeldRuns,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) signals: Arc<dyn Signals>,
}

/// What a person answered.
#[derive(Clone)]
pub struct Answer {
    /// By field; None where none came in time.
    pub answers: Option<Vec<(String, SecretString)>>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// What a run says to a worker that waits for an answer.
enum Heard<'run> {
    Answers(&'run Sealed),
    Cancel,
    NothingYet,
}

impl ReadAnswer {
    /// Waits up to `wait` for the answers to the last question of this lease. They are given again
    /// until the next question or the finish, since one can be lost on the way.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`, also where the run ended meanwhile, unless it was
    /// canceled.
    pub async fn execute(&self, call: &LeaseCall, wait: Duration) -> Result<Answer, CallError> {
        let ends_at = Instant::now() + wait;
        // Before the first look: what happens after that is heard.
        let mut listener = self.signals.listen(&[Topic::Run(call.run_id)]);
        loop {
            let run = self.held.find(call).await?;
            match heard(&run, call)? {
                Heard::Answers(sealed) => {
                    let vault = self.vault.of(call.organization.organization_id()).await?;
                    let answers = contents::open_answers(&*vault, call.run_id, sealed)?;
                    return Ok(Answer {
                        answers: Some(answers),
                        cancel: false,
                    });
                }
                Heard::Cancel => {
                    return Ok(Answer {
                        answers: None,
                        cancel: true,
                    });
                }
                Heard::NothingYet if Instant::now() >= ends_at => {
                    return Ok(Answer {
                        answers: None,
                        cancel: false,
                    });
                }
                Heard::NothingYet => {}
            }
            // Heard or not, it looks again: what came at the end of the wait is answered too.
            let ends_at = ends_at.min(Instant::now() + LOOK);
            let _ = timeout_at(ends_at, listener.heard()).await;
        }
    }
}

fn heard<'run>(run: &'run Run, call: &LeaseCall) -> Result<Heard<'run>, Refusal> {
    // By force, since its agent did not stop in time: it hears that it is canceled all the same.
    if run.status() == Status::Canceled && run.epoch == call.epoch {
        return Ok(Heard::Cancel);
    }
    run.held_under(call.epoch)?;
    Ok(match &run.state {
        RunState::Running {
            answered:
                Some(Answered {
                    answers: Some(sealed),
                    ..
                }),
            ..
        } => Heard::Answers(sealed),
        RunState::Canceling { .. } => Heard::Cancel,
        // Nothing was asked, or it was withdrawn: nothing comes, as nothing comes in time.
        RunState::Running { .. } | RunState::InteractionRequired { .. } => Heard::NothingYet,
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => {
            return Err(Refusal::LeaseOver {
                given: call.epoch,
                status: run.status(),
            });
        }
    })
}

#[cfg(test)]
mod tests;
