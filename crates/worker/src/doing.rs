//! What an agent does with one run, and how its end is said.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use windlass_domain::run::{AfterRun, ErrorCode, RunError};

use crate::agent::{Outcome, RunFailure};
use crate::backoff::Backoff;
use crate::context::{RunContext, Stopped};
use crate::protocol::{FinishReport, MAX_LOGIN_BYTES, ProtocolError};
use crate::start::Start;

/// How long an agent has to stop by itself before its work is dropped.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// How often the end of a run is said after its lease was lost: the first waits between them come to
/// less than [`STOP_GRACE`].
const LAST_TRIES: u32 = 5;

/// A run that its agent does.
pub(crate) struct Doing<'held> {
    pub(crate) start: &'held Start,
    pub(crate) context: RunContext,
    pub(crate) canceled: CancellationToken,
    pub(crate) lost: CancellationToken,
}

/// What is to be said to the server once an agent has returned.
enum Ending {
    Finish(FinishReport),
    Release,
    /// The run is not this worker's any more.
    Nothing,
}

impl Doing<'_> {
    /// Gives the run back as soon as the worker leaves and the run only waits for a person: what
    /// can go on elsewhere needs none of the time to drain. Returns once it is given back.
    async fn hand_over(&self) {
        self.start.leaving.cancelled().await;
        loop {
            let attempt = self.context.rests().await;
            let (protocol, lease) = (&self.start.protocol, self.context.lease());
            match protocol.release_asking(lease, attempt).await {
                Ok(_) => return,
                // The answer has come: the agent goes on. Else the end of the drain says it again.
                Err(error) => {
                    let run_id = self.context.run.run_id;
                    debug!(run.id = %run_id, "run {run_id} is not handed over: {error}");
                    self.context.rested().await;
                }
            }
        }
    }

    /// Answers what becomes of the session.
    pub(crate) async fn work(&self) -> AfterRun {
        let run_id = self.context.run.run_id;
        match self.act().await {
            Ending::Finish(report) => self.finish(report).await,
            Ending::Release => {
                // What is not heard now is no part of what somebody else goes on with.
                let _ = self.context.send_said().await;
                match self.release().await {
                    Ok(()) => info!(run.id = %run_id, "run {run_id} is given back"),
                    Err(error) => {
                        warn!(run.id = %run_id, "run {run_id} was not given back: {error}");
                    }
                }
                AfterRun::End
            }
            Ending::Nothing => {
                info!(run.id = %run_id, "run {run_id} is no longer this worker's");
                AfterRun::End
            }
        }
    }

    /// Lets the agent do the run.
    async fn act(&self) -> Ending {
        // It may have waited for its session until now.
        if self.start.give_back.is_cancelled() {
            return Ending::Release;
        }
        // What a panic leaves behind is the agent's session of this run, and that ends.
        let agent = AssertUnwindSafe(self.start.agent.run(&self.context)).catch_unwind();
        let mut agent = pin!(agent);
        let returned = tokio::select! {
            biased;
            returned = &mut agent => returned,
            () = self.hand_over() => {
                let run_id = self.context.run.run_id;
                info!(run.id = %run_id, "run {run_id} is given back while it waits for a person");
                self.lost.cancel();
                // It only waited; what it says now is heard by nobody.
                drop(timeout(STOP_GRACE, agent).await);
                return Ending::Nothing;
            }
            () = self.goes_on_though_canceled() => {
                let run_id = self.context.run.run_id;
                error!(run.id = %run_id, "the agent went on after run {run_id} was canceled: its work is dropped");
                // It was dropped in the middle.
                return Ending::Finish(failure("The agent did not stop.", AfterRun::End));
            }
            () = self.start.give_back.cancelled() => {
                self.canceled.cancel();
                let stopped = timeout(STOP_GRACE, agent).await;
                stopped.unwrap_or(Ok(Err(RunFailure::Stopped(Stopped::Canceled))))
            }
        };
        match returned {
            Ok(Ok(outcome)) => Ending::Finish(self.success(outcome)),
            Ok(Err(RunFailure::Failed {
                errors,
                credential,
                session,
            })) => Ending::Finish(FinishReport {
                result: Err(never_empty(errors)),
                credential,
                session,
                login: None,
                progress: Vec::new(),
            }),
            Ok(Err(RunFailure::Stopped(_))) if self.lost.is_cancelled() => Ending::Nothing,
            Ok(Err(RunFailure::Stopped(_))) if self.start.give_back.is_cancelled() => {
                Ending::Release
            }
            Ok(Err(RunFailure::Stopped(_))) => {
                // Whatever it says: a run that is being canceled ends as canceled.
                Ending::Finish(failure("The agent stopped.", AfterRun::Keep))
            }
            Err(_) => {
                let run_id = self.context.run.run_id;
                error!(run.id = %run_id, "the agent panicked in run {run_id}");
                Ending::Finish(failure("The agent broke down.", AfterRun::End))
            }
        }
    }

    /// Returns once an agent has had its time to stop after a cancel.
    async fn goes_on_though_canceled(&self) {
        self.canceled.cancelled().await;
        sleep(STOP_GRACE).await;
    }

    fn success(&self, outcome: Outcome) -> FinishReport {
        let run_id = self.context.run.run_id;
        let login = outcome.login.filter(|login| {
            let bytes = login.bytes().len();
            let is_short = bytes <= MAX_LOGIN_BYTES;
            if !is_short {
                warn!(run.id = %run_id, body_bytes = bytes, "the login of run {run_id} is too long to be saved");
            }
            is_short
        });
        FinishReport {
            result: Ok(outcome.output),
            credential: outcome.credential,
            session: outcome.session,
            login,
            progress: Vec::new(),
        }
    }

    /// Reports the end until the server has heard it, or the lease is lost.
    async fn finish(&self, mut report: FinishReport) -> AfterRun {
        let run_id = self.context.run.run_id;
        report.session = self.start.after_run(report.session);
        let session = report.session;
        report.progress = self.context.take_progress().await;
        match self.finish_until_heard(report).await {
            Ok(()) => session,
            Err(ProtocolError::Refused { message }) => {
                warn!(run.id = %run_id, "the server refused how run {run_id} ended: {message}");
                let refused = format!("The server refused the agent's result: {message}.");
                let report = failure(&refused, AfterRun::End);
                if let Err(error) = self.finish_until_heard(report).await {
                    error!(run.id = %run_id, "the end of run {run_id} was not heard: {error}");
                }
                AfterRun::End
            }
            Err(error @ (ProtocolError::LeaseLost | ProtocolError::Unavailable { .. })) => {
                warn!(run.id = %run_id, "the end of run {run_id} was not heard: {error}");
                AfterRun::End
            }
        }
    }

    async fn finish_until_heard(&self, mut report: FinishReport) -> Result<(), ProtocolError> {
        let lease = self.context.lease();
        let mut tries = Tries::default();
        loop {
            // A finish that was heard, though its answer was lost on the way, ends the lease: the
            // same words get their answer then too. So the last tries come after the loss.
            let is_last = tries.is_last(&self.lost);
            match self.start.protocol.finish(lease, report.clone()).await {
                Ok(status) => {
                    info!(run.id = %lease.run_id, lease.epoch = %lease.epoch, "run {} is {status}", lease.run_id);
                    return Ok(());
                }
                Err(ProtocolError::Unavailable { message }) if !is_last => {
                    debug!(run.id = %lease.run_id, "the end was not heard yet: {message}");
                    // It may have been heard, though its answer was not: no line is shown twice.
                    report.progress.clear();
                    tries.wait(&self.lost).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn release(&self) -> Result<(), ProtocolError> {
        let mut tries = Tries::default();
        loop {
            let is_last = tries.is_last(&self.lost);
            match self.start.protocol.release(self.context.lease()).await {
                Ok(_) => return Ok(()),
                Err(ProtocolError::Unavailable { .. }) if !is_last => tries.wait(&self.lost).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Tries to say the end of a run: as many as it takes while the lease lives, and some after that.
#[derive(Default)]
struct Tries {
    backoff: Backoff,
    after_loss: u32,
}

impl Tries {
    /// Whether the try that follows is the last one.
    fn is_last(&mut self, lost: &CancellationToken) -> bool {
        self.after_loss += u32::from(lost.is_cancelled());
        self.after_loss >= LAST_TRIES
    }

    /// Waits before the next try, but not for a loss that comes meanwhile.
    async fn wait(&mut self, lost: &CancellationToken) {
        if self.after_loss > 0 {
            return sleep(self.backoff.next()).await;
        }
        tokio::select! {
            () = lost.cancelled() => self.backoff = Backoff::default(),
            () = sleep(self.backoff.next()) => {}
        }
    }
}

fn failure(message: &str, session: AfterRun) -> FinishReport {
    FinishReport {
        result: Err(vec![RunError::new(ErrorCode::TaskFailed, message)]),
        credential: None,
        session,
        login: None,
        progress: Vec::new(),
    }
}

fn never_empty(mut errors: Vec<RunError>) -> Vec<RunError> {
    if errors.is_empty() {
        let message = "The agent failed without saying why.";
        errors.push(RunError::new(ErrorCode::TaskFailed, message));
    }
    errors
}
