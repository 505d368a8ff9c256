//! What an agent asks the person that its run works for.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::sync::watch;
use tracing::warn;
use windlass_domain::run::Field;

use super::RunContext;
use crate::agent::RunFailure;
use crate::protocol::{MAX_CHECKPOINT_BYTES, Question};

/// How long one poll for an answer waits at the server.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// A question, and whether the server has heard it.
#[derive(Clone)]
pub(super) struct Asked {
    question: Question,
    is_heard: bool,
}

/// While it lives the run rests; then its agent acts, also where the question was dropped.
struct Resting<'context>(&'context watch::Sender<Option<u32>>);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

impl RunContext {
    /// Asks the person that the run works for, and waits for the answers: one for each field that
    /// was answered. The server's clock decides how long; when it runs out the lease is lost.
    ///
    /// With a `checkpoint` the run outlives this worker while it waits: the next lease brings it
    /// ([`LeasedRun::checkpoint`](crate::LeasedRun::checkpoint)), and its agent goes on from there by asking again. One of more
    /// than [`MAX_CHECKPOINT_BYTES`] is left out, since the answer matters more.
    ///
    /// Of a question that is taken back no answer comes: see [`withdraw`](Self::withdraw).
    ///
    /// # Errors
    /// Where the run is to be stopped, or the server refuses the question.
    pub async fn ask(
        &self,
        kind: &str,
        message: &str,
        fields: Vec<Field>,
        checkpoint: Option<SecretSlice<u8>>,
    ) -> Result<Vec<(String, SecretString)>, RunFailure> {
        let question = Question {
            attempt: self.attempts.fetch_add(1, Ordering::Relaxed) + 1,
            kind: kind.to_owned(),
            message: message.to_owned(),
            fields,
            checkpoint: checkpoint.filter(|checkpoint| self.is_short(checkpoint)),
        };
        *self.asked() = Some(Asked {
            question: question.clone(),
            is_heard: false,
        });
        // Where this is dropped before, it may yet be taken back.
        let answers = self.answers_to(question).await;
        *self.asked() = None;
        answers
    }

    async fn answers_to(
        &self,
        question: Question,
    ) -> Result<Vec<(String, SecretString)>, RunFailure> {
        // The question comes behind what led to it.
        self.send_said().await?;
        self.raise(&question).await?;
        let rests = question.checkpoint.is_some();
        self.resting.send_replace(rests.then_some(question.attempt));
        let _resting = Resting(&self.resting);
        self.answers().await
    }

    /// Says what is asked until the server has heard it. Said again it asks nobody twice.
    async fn raise(&self, question: &Question) -> Result<(), RunFailure> {
        let asking = self.call(|| self.protocol.interact(self.lease(), question.clone()));
        let heard = asking.await?;
        if let Some(asked) = &mut *self.asked() {
            asked.is_heard = true;
        }
        Ok(self.heard(heard.cancel)?)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Asked>> {
        // Each change is one assignment.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answers(&self) -> Result<Vec<(String, SecretString)>, RunFailure> {
        loop {
            let answer = self
                .call(|| self.protocol.answer(self.lease(), ANSWER_WAIT))
                .await?;
            self.heard(answer.cancel)?;
            if let Some(answers) = answer.answers {
                return Ok(answers);
            }
        }
    }

    /// Takes the last question back: the source went on by itself. Where nothing is asked this is nothing. Drop the [`ask`](Self::ask) before,
    /// which else waits on, as where it is one arm of a `tokio::select!` and the source is the other:
    ///
    /// ```
    /// # use windlass_worker::{RunContext, RunFailure};
    /// # async fn approved() {}
    /// # async fn approve(context: &RunContext) -> Result<(), RunFailure> {
    /// tokio::select! {
    ///     answers = context.ask("approval", "Approve the login.", vec![], None) => drop(answers?),
    ///     () = approved() => context.withdraw().await?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the run is to be stopped, or the server refuses.
    pub async fn withdraw(&self) -> Result<(), RunFailure> {
        let asked = self.asked().clone();
        let Some(Asked { question, is_heard }) = asked else {
            return Ok(self.check()?);
        };
        // Only what was heard can be taken back: where the source was so quick that the question is still
        // on its way, it would be asked after this.
        if !is_heard {
            self.raise(&question).await?;
        }
        let attempt = question.attempt;
        let withdrawing = self.call(|| self.protocol.withdraw(self.lease(), attempt));
        let heard = withdrawing.await?;
        *self.asked() = None;
        Ok(self.heard(heard.cancel)?)
    }

    fn is_short(&self, checkpoint: &SecretSlice<u8>) -> bool {
        let bytes = checkpoint.expose_secret().len();
        let is_short = bytes <= MAX_CHECKPOINT_BYTES;
        if !is_short {
            let run_id = self.run.run_id;
            warn!(run.id = %run_id, body_bytes = bytes, "the checkpoint of run {run_id} is too long: it cannot outlive its worker while it waits");
        }
        is_short
    }
}
