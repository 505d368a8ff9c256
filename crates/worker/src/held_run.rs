//! One leased run: its lease is renewed while the agent works, and its end is reported.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::run::{AfterRun, ErrorCode, RunError};

use crate::agent::{Outcome, RunFailure};
use crate::backoff::Backoff;
use crate::context::{RunContext, Stopped};
use crate::lease::LeasedRun;
use crate::protocol::{FinishReport, MAX_LOGIN_BYTES, ProtocolError};
use crate::start::Start;

/// How long an agent has to stop by itself before its work is dropped.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How long a new lease lives until it is renewed, at most. Source: docs/workers.md, "Leases".
const NEW_LEASE: Duration = Duration::from_secs(10);

/// A run under way.
pub(crate) struct HeldRun {
    start: Arc<Start>,
    context: RunContext,
    canceled: CancellationToken,
    lost: CancellationToken,
    renew_now: Arc<Notify>,
}

/// What the worker keeps of a run that is under way.
pub(crate) struct Reins {
    pub(crate) run_id: RunId,
    pub(crate) session_id: SessionId,
    canceled: CancellationToken,
    lost: CancellationToken,
    renew_now: Arc<Notify>,
    told: bool,
}

impl Reins {
    /// The run, unless its agent was told to stop already.
    pub(crate) fn untold(&self) -> Option<RunId> {
        let told = self.told || self.canceled.is_cancelled() || self.lost.is_cancelled();
        (!told).then_some(self.run_id)
    }

    /// The server wants it to stop: the renewal says how.
    pub(crate) fn renew_now(&mut self) {
        self.told = true;
        self.renew_now.notify_one();
    }

    /// Another has it.
    pub(crate) fn lose(&self) {
        self.lost.cancel();
    }
}

/// What is to be said to the server once an agent has returned.
enum Ending {
    Finish(FinishReport),
    Release,
    /// The run is not this worker's any more.
    Nothing,
}

impl HeldRun {
    pub(crate) fn new(start: Arc<Start>, run: LeasedRun) -> Self {
        let (canceled, lost) = (CancellationToken::new(), CancellationToken::new());
        let protocol = Arc::clone(&start.protocol);
        Self {
            context: RunContext::new(run, protocol, canceled.clone(), lost.clone()),
            start,
            canceled,
            lost,
            renew_now: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn reins(&self) -> Reins {
        Reins {
            run_id: self.context.run.run_id,
            session_id: self.context.run.session_id,
            canceled: self.canceled.clone(),
            lost: self.lost.clone(),
            renew_now: Arc::clone(&self.renew_now),
            told: false,
        }
    }

    /// Until the run is no longer this worker's; answers what became of its session.
    pub(crate) async fn hold(self) -> AfterRun {
        let mut work = pin!(self.work());
        let renewals = pin!(self.renew());
        let mut progress = pin!(self.context.send_progress());
        tokio::select! {
            biased;
            after = &mut work => after,
            never = &mut progress => match never {},
            () = renewals => timeout(STOP_GRACE, async {
                // What is being sent goes on, too: the end waits for it.
                tokio::select! {
                    after = work => after,
                    never = progress => match never {},
                }
            }).await.unwrap_or_else(|_| {
                let run_id = self.context.run.run_id;
                error!(run.id = %run_id, "the agent went on after run {run_id} was lost: its work is dropped");
                AfterRun::End
            }),
        }
    }

    /// Renews the lease at a third of its life. Returns once it is lost.
    async fn renew(&self) {
        let (lease, length) = (self.context.lease(), self.start.lease_length);
        let mut lives_until = Instant::now() + length.min(NEW_LEASE);
        let mut backoff = Backoff::default();
        // A new lease lives shortly; a run that is over sooner has no need of a renewal.
        let mut wait = length.min(NEW_LEASE) / 3;
        loop {
            tokio::select! {
                () = self.lost.cancelled() => return,
                () = self.renew_now.notified() => {}
                () = sleep(wait) => {}
            }
            // Counted from before the call: the server's count starts later, never earlier.
            let asked_at = Instant::now();
            let renewing = self.start.protocol.renew(lease);
            let answer = timeout(lives_until.saturating_duration_since(asked_at), renewing).await;
            match answer {
                Ok(Ok(renewal)) => {
                    lives_until = asked_at + length;
                    backoff = Backoff::default();
                    wait = length / 3;
                    if renewal.cancel {
                        self.canceled.cancel();
                    }
                }
                Ok(Err(ProtocolError::Unavailable { message })) if Instant::now() < lives_until => {
                    debug!(run.id = %lease.run_id, "the lease was not renewed: {message}");
                    wait = backoff.next().min(lives_until - Instant::now());
                }
                Err(_) | Ok(Err(_)) => {
                    info!(run.id = %lease.run_id, lease.epoch = %lease.epoch, "the lease of run {} is over", lease.run_id);
                    self.lost.cancel();
                    return;
                }
            }
        }
    }

    /// Gives the run back as soon as the worker leaves and the run only waits for a person: what
    /// can go on elsewhere needs none of the time to drain. Returns once it is given back.
    async fn hand_over(&self) {
        self.start.leaving.cancelled().await;
        loop {
            self.context.rests().await;
            match self
                .start
                .protocol
                .release_asking(self.context.lease())
                .await
            {
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

    async fn work(&self) -> AfterRun {
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
        let mut backoff = Backoff::default();
        loop {
            // A finish that was heard, though its answer was lost on the way, ends the lease: the
            // same words get their answer then too. So the last try comes after the loss.
            let is_last = self.lost.is_cancelled();
            match self.start.protocol.finish(lease, report.clone()).await {
                Ok(status) => {
                    info!(run.id = %lease.run_id, lease.epoch = %lease.epoch, "run {} is {status}", lease.run_id);
                    return Ok(());
                }
                Err(ProtocolError::Unavailable { message }) if !is_last => {
                    debug!(run.id = %lease.run_id, "the end was not heard yet: {message}");
                    // It may have been heard, though its answer was not: no line is shown twice.
                    report.progress.clear();
                    self.unless_lost(sleep(backoff.next())).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn release(&self) -> Result<(), ProtocolError> {
        let mut backoff = Backoff::default();
        loop {
            let is_last = self.lost.is_cancelled();
            match self.start.protocol.release(self.context.lease()).await {
                Ok(_) => return Ok(()),
                Err(ProtocolError::Unavailable { .. }) if !is_last => {
                    self.unless_lost(sleep(backoff.next())).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn unless_lost(&self, waiting: impl Future<Output = ()>) {
        tokio::select! {
            () = self.lost.cancelled() => {}
            () = waiting => {}
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
