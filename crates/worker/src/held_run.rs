//! One leased run: its lease is renewed from the moment it came until its end is reported.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::run::AfterRun;

use crate::backoff::Backoff;
use crate::context::RunContext;
use crate::doing::{Doing, STOP_GRACE};
use crate::lease::LeasedRun;
use crate::protocol::{LeaseKey, ProtocolError, Renewal};
use crate::start::Start;
use crate::turns::{Left, Turns};

/// How long a new lease lives until it is renewed, at most. Source: docs/workers.md, "Leases".
const NEW_LEASE: Duration = Duration::from_secs(10);

/// A run under way.
pub(crate) struct HeldRun {
    start: Arc<Start>,
    lease: LeaseKey,
    /// When the answer came that it was leased with.
    leased_at: Instant,
    session_id: SessionId,
    turns: Turns,
    canceled: CancellationToken,
    lost: CancellationToken,
    renew_now: Arc<Notify>,
}

/// What the worker keeps of a run that is under way.
pub(crate) struct Reins {
    pub(crate) lease: LeaseKey,
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
        (!told).then_some(self.lease.run_id)
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

impl HeldRun {
    /// A lease of this run, whose session has these turns.
    pub(crate) fn new(
        start: Arc<Start>,
        run: &LeasedRun,
        leased_at: Instant,
        turns: Turns,
    ) -> Self {
        Self {
            start,
            lease: run.lease(),
            leased_at,
            session_id: run.session_id,
            turns,
            canceled: CancellationToken::new(),
            lost: CancellationToken::new(),
            renew_now: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn reins(&self) -> Reins {
        Reins {
            lease: self.lease,
            session_id: self.session_id,
            canceled: self.canceled.clone(),
            lost: self.lost.clone(),
            renew_now: Arc::clone(&self.renew_now),
            told: false,
        }
    }

    /// Until the run is no longer this worker's.
    pub(crate) async fn hold(self, run: LeasedRun) {
        self.renew_during(self.take_turn(run)).await;
        self.start.protocol.forget(self.lease);
    }

    async fn renew_during(&self, turn: impl Future<Output = ()>) {
        let mut turn = pin!(turn);
        tokio::select! {
            biased;
            () = &mut turn => {}
            () = self.renew() => if timeout(STOP_GRACE, turn).await.is_err() {
                let run_id = self.lease.run_id;
                error!(run.id = %run_id, "the agent went on after run {run_id} was lost: its work is dropped");
            }
        }
    }

    /// Does the run once its session is free.
    async fn take_turn(&self, mut run: LeasedRun) {
        let mut turn = tokio::select! {
            biased;
            () = self.lost.cancelled() => {
                let run_id = run.run_id;
                info!(run.id = %run_id, "run {run_id} was lost before its session was free");
                return;
            }
            // It has not begun, and needs no session to be given back.
            () = self.start.give_back.cancelled() => None,
            left = self.turns.next() => Some(left),
        };
        if let Some(left) = &mut turn {
            // Until it ends well: however it breaks off, somebody ends what is left.
            let found = std::mem::replace(&mut **left, Left::Rest);
            run.resumed = run.resumed && found == Left::Kept;
            if found != Left::Nothing && !run.resumed {
                self.end_what_is_left().await;
            }
        }
        let protocol = Arc::clone(&self.start.protocol);
        let (canceled, lost) = (self.canceled.clone(), self.lost.clone());
        let doing = Doing {
            start: &self.start,
            context: RunContext::new(run, protocol, canceled.clone(), lost.clone()),
            canceled,
            lost,
        };
        // What is being sent goes on while the end is said: that waits for it.
        let after = tokio::select! {
            biased;
            after = doing.work() => after,
            never = doing.context.send_progress() => match never {},
        };
        if let Some(left) = &mut turn
            && after == AfterRun::Keep
        {
            **left = Left::Kept;
        }
    }

    /// Has the agent end what an earlier run has left, before this one begins. A drain that is over
    /// waits for it as long as for an agent that is to stop.
    async fn end_what_is_left(&self) {
        let drain_over = async {
            self.start.give_back.cancelled().await;
            sleep(STOP_GRACE).await;
        };
        let session_id = self.session_id;
        tokio::select! {
            biased;
            () = self.start.end_session(session_id) => {}
            () = drain_over => {
                warn!(session.id = %session_id, "the end of {session_id} took too long, and is broken off");
            }
        }
    }

    /// Renews the lease at a third of its life. Returns once it is lost.
    async fn renew(&self) {
        let (lease, length) = (self.lease, self.start.lease_length);
        let first = length.min(NEW_LEASE);
        let (mut lives_until, mut patience) = (self.leased_at + first, first / 3);
        let mut backoff = Backoff::default();
        // A new lease lives shortly; a run that is over sooner has no need of a renewal.
        let mut wait = (self.leased_at + patience).saturating_duration_since(Instant::now());
        loop {
            tokio::select! {
                () = self.lost.cancelled() => return,
                () = self.renew_now.notified() => {}
                () = sleep(wait) => {}
            }
            let left = lives_until.saturating_duration_since(Instant::now());
            match timeout(left, self.renewed(patience)).await {
                Ok(Ok((asked_at, renewal))) => {
                    (lives_until, patience) = (asked_at + length, length / 3);
                    backoff = Backoff::default();
                    wait = (asked_at + patience).saturating_duration_since(Instant::now());
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
    /// The first answer to a renewal, and when that was asked for: the server's count starts later, never
    /// earlier. A call that hangs, as on a connection whose other end is gone, is not all that the lease
    /// hangs on: another is made beside it.
    async fn renewed(&self, patience: Duration) -> Result<(Instant, Renewal), ProtocolError> {
        let mut asked = FuturesUnordered::new();
        loop {
            let asked_at = Instant::now();
            asked.push(async move {
                let renewal = self.start.protocol.renew(self.lease).await?;
                Ok((asked_at, renewal))
            });
            tokio::select! {
                biased;
                Some(answer) = asked.next() => return answer,
                () = sleep(patience) => {}
            }
        }
    }
}
