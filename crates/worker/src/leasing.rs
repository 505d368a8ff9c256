//! The worker's side of leasing: one long poll at a time, one task for each run that came of it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, error, info, info_span, warn};
use windlass_domain::id::RunId;

use crate::backoff::Backoff;
use crate::doing::STOP_GRACE;
use crate::held_run::{HeldRun, Reins};
use crate::lease::LeasedRun;
use crate::protocol::{LeaseRequest, Leases, ProtocolError};
use crate::sessions::Sessions;
use crate::start::Start;
use crate::worker::{Worker, WorkerError};

/// How long one poll waits at the server: with what an answer may take beside it less than the silence
/// after which a worker may count as gone. Source: docs/workers.md, "Incarnations".
pub(crate) const POLL: Duration = Duration::from_secs(15);

/// How long a worker that is leaving waits for its last poll, which may have leased a run.
const LAST_POLL: Duration = Duration::from_secs(1);

/// How long a worker that is leaving tries to say so before it goes on.
const DRAIN_SAID: Duration = Duration::from_secs(5);

/// Between two polls that bring nothing, however fast the server answers.
const LEAST_PAUSE: Duration = Duration::from_millis(20);

/// How long a worker that is nearly full waits for more of its runs to end before it polls.
const GATHER: Duration = Duration::from_millis(10);

/// Which part of its hands free is enough to poll at once.
const GATHERED_PART: u32 = 8;

/// How many runs and kept sessions the server is told with each poll. A worker that holds more runs has
/// enough to do until it has gathered.
const FEW: usize = 64;

/// How often it is told them where there are more: it looks at each of them. To hear late of a session
/// that has ended costs memory alone, and of a run that is to stop that much of its time.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A task of its own: it may be in the middle of a lease while this worker waits for something else
/// that the server can only do after it.
type Poll = AbortOnDropHandle<Result<Answered, ProtocolError>>;

/// What a poll brought, and when: new leases live from then on, whenever it is heard.
struct Answered {
    leases: Leases,
    at: Instant,
}

impl Answered {
    fn now(leases: Leases) -> Self {
        Self {
            leases,
            at: Instant::now(),
        }
    }
}

/// What one start of a worker holds.
pub(crate) struct Leasing<'worker> {
    worker: &'worker Worker,
    start: Arc<Start>,
    /// One task for each run: never more than the worker's capacity.
    tasks: JoinSet<()>,
    held: HashMap<Id, Reins>,
    sessions: Sessions,
    /// The poll that was open when the worker was told to stop, where it may lease a run.
    last_poll: Option<Poll>,
    /// When the server was told all runs and sessions.
    told_at: Option<Instant>,
    /// How many polls have brought runs, by the last answer: the next one brings again what was lost with
    /// an answer.
    heard: u32,
}

impl<'worker> Leasing<'worker> {
    pub(crate) fn new(worker: &'worker Worker, start: Arc<Start>) -> Self {
        Self {
            worker,
            sessions: Sessions::new(Arc::clone(&start), worker),
            start,
            tasks: JoinSet::new(),
            held: HashMap::new(),
            last_poll: None,
            told_at: None,
            heard: 0,
        }
    }

    /// Leases and works until the worker is stopped.
    pub(crate) async fn until(&mut self, stop: &CancellationToken) -> Result<(), WorkerError> {
        let mut backoff = Backoff::default();
        let mut pause = Duration::ZERO;
        loop {
            self.gather(stop).await;
            let request = self.request();
            let asks_for_none = request.capacity == 0;
            let asked_at = Instant::now();
            let mut poll = self.poll(request, pause);
            let answer = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {
                        self.last_poll = (!asks_for_none).then_some(poll);
                        return Ok(());
                    }
                    Some(joined) = self.tasks.join_next_with_id() => self.over(joined),
                    () = self.sessions.changed() => {}
                    answer = &mut poll => break answer.unwrap_or_else(|error| broke_off(&error)),
                }
                // A poll that may lease is never dropped: its runs would wait for their leases to be
                // lost.
                if asks_for_none && self.wanted() > 0 {
                    break Ok(Answered::now(self.nothing()));
                }
            };
            match answer {
                Ok(answered) => {
                    backoff = Backoff::default();
                    let is_fruitless = answered.leases.runs.is_empty() && !asks_for_none;
                    self.hear(answered);
                    let spent = asked_at.elapsed();
                    pause = if is_fruitless && spent < LEAST_PAUSE {
                        LEAST_PAUSE
                    } else {
                        Duration::ZERO
                    };
                }
                Err(ProtocolError::Unavailable { message }) => {
                    warn!(
                        worker.name = self.worker.name,
                        "no runs can be leased now: {message}"
                    );
                    // Whoever brings what was lost with the answer must know what is held.
                    self.told_at = None;
                    pause = backoff.next();
                }
                Err(ProtocolError::Refused { message }) => {
                    return Err(self.worker.refused(message));
                }
                Err(ProtocolError::LeaseLost) => return Err(self.worker.superseded()),
            }
        }
    }

    /// A worker that is nearly full, or that holds many runs, waits a moment for more of them to end, so
    /// that one poll brings several.
    async fn gather(&mut self, stop: &CancellationToken) {
        let enough = self.worker.capacity.div_ceil(GATHERED_PART) as usize;
        let mut moment = pin!(sleep(GATHER));
        while self.free() < enough || self.tasks.len() > FEW {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = &mut moment => return,
                Some(joined) = self.tasks.join_next_with_id() => self.over(joined),
            }
        }
    }

    /// How many runs it asks for: none while its agent is ending many sessions.
    fn wanted(&self) -> u32 {
        if self.sessions.are_too_many_ending() {
            return 0;
        }
        let busy = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        self.worker.capacity.saturating_sub(busy)
    }

    fn free(&self) -> usize {
        (self.worker.capacity as usize).saturating_sub(self.tasks.len())
    }

    fn request(&mut self) -> LeaseRequest {
        let now = Instant::now();
        let was_told = self.told_at.is_some_and(|at| now < at + TELL_EVERY);
        // Thousands are not told with each of hundreds of polls a second.
        let are_left_out = |count: usize| was_told && count > FEW;
        let (mut sessions, mut wait) = (self.sessions.kept(), POLL);
        let held = self.held.values().filter_map(Reins::untold);
        let mut held: Vec<RunId> = held.collect();
        if are_left_out(sessions.len()) {
            sessions.clear();
        }
        if are_left_out(held.len()) {
            held.clear();
            // Of one that is not told it is not heard that it is to stop.
            wait = TELL_EVERY;
        }
        if !was_told {
            self.told_at = Some(now);
        }
        LeaseRequest {
            worker: self.worker.name.clone(),
            incarnation: self.start.incarnation,
            pools: self.worker.pools.clone(),
            capacity: self.wanted(),
            sessions,
            held,
            heard: self.heard,
            wait,
        }
    }

    /// What a poll is taken to have brought that is no longer waited for.
    fn nothing(&self) -> Leases {
        Leases {
            brought: self.heard,
            ..Leases::default()
        }
    }

    fn poll(&self, request: LeaseRequest, pause: Duration) -> Poll {
        let protocol = Arc::clone(&self.start.protocol);
        AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(pause).await;
            protocol.lease(request).await.map(Answered::now)
        }))
    }

    fn hear(&mut self, Answered { leases, at }: Answered) {
        self.heard = leases.brought;
        for reins in self.held.values_mut() {
            if leases.stopping.contains(&reins.lease.run_id) {
                reins.renew_now();
            }
        }
        let free = self.free();
        let new = leases.runs.into_iter().filter(|run| !self.has(run));
        let mut new: Vec<LeasedRun> = new.collect();
        for run in new.drain(free.min(new.len())..) {
            // Nobody renews it: it goes to another, or comes again under another epoch.
            self.start.protocol.forget(run.lease());
        }
        for run in new {
            self.take(run, at);
        }
        for session_id in leases.ended_sessions {
            // That of a run which is held ends with its task.
            self.sessions.end_if_idle(session_id);
        }
    }

    /// Whether this very lease was heard of before.
    fn has(&self, run: &LeasedRun) -> bool {
        let is_in_use = self.sessions.is_in_use(run.session_id);
        is_in_use && self.held.values().any(|it| it.lease == run.lease())
    }

    fn take(&mut self, run: LeasedRun, leased_at: Instant) {
        info!(
            run.id = %run.run_id, session.id = %run.session_id, lease.epoch = %run.epoch,
            "run {} is leased", run.run_id
        );
        // What the agent logs says of which run, and of which trace, where a subscriber takes it up.
        let span = info_span!(
            "run", run.id = %run.run_id, lease.epoch = %run.epoch, trace.parent = run.trace_parent
        );
        if self.sessions.is_in_use(run.session_id) {
            // Leased anew, it is lost under the epoch before.
            let same = self
                .held
                .values()
                .filter(|it| it.lease.run_id == run.run_id);
            same.for_each(Reins::lose);
        }
        let turns = self.sessions.enter(run.session_id);
        let held = HeldRun::new(Arc::clone(&self.start), &run, leased_at, turns);
        let reins = held.reins();
        let task = self.tasks.spawn(held.hold(run).instrument(span));
        self.held.insert(task.id(), reins);
    }

    /// A run's task is over.
    fn over(&mut self, joined: Result<(Id, ()), JoinError>) {
        let (id, ()) = joined.unwrap_or_else(|broken| {
            // Agents' panics are caught before: this is one of the worker's own.
            error!("the task of a run broke down: {broken}");
            (broken.id(), ())
        });
        let Some(Reins { session_id, .. }) = self.held.remove(&id) else {
            return;
        };
        self.sessions.run_over(session_id);
        self.sessions.make_room();
    }

    /// Lets runs end for a while, then gives back what is left.
    pub(crate) async fn drain(mut self, time: Duration) {
        let asked_at = Instant::now();
        let held = self.tasks.len();
        info!(
            worker.name = self.worker.name,
            "worker {} drains {held} runs", self.worker.name
        );
        let is_heard = say_drain(self.worker, &self.start).await;
        let last_poll = give_back_last(Arc::clone(&self.start), self.last_poll.take());
        let left = time.saturating_sub(asked_at.elapsed());
        let leaving = self.start.leaving.clone();
        if is_heard {
            // At once: the last poll takes nothing from the time that runs have to end.
            leaving.cancel();
            tokio::join!(last_poll, self.end_within(left));
        } else {
            // To a server that did not hear of it this worker is as good as any: a poll that is still
            // open would bring back what is handed over.
            last_poll.await;
            leaving.cancel();
            self.end_within(left).await;
        }
    }

    async fn end_within(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.sessions.end_idle();
        if timeout(time, self.all_over()).await.is_err() {
            self.start.give_back.cancel();
            self.all_over().await;
        }
        self.end_sessions(until).await;
    }

    /// Stops all at once: the runs are another's.
    pub(crate) async fn abandon(mut self) {
        for reins in self.held.values() {
            reins.lose();
        }
        self.all_over().await;
        self.end_sessions(Instant::now()).await;
    }

    /// Waits until then for what is left of sessions, and as long as an agent has to stop in any case.
    async fn end_sessions(&mut self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let ended = timeout(left.max(STOP_GRACE), self.sessions.all_ended()).await;
        if ended.is_err() {
            error!("the agent did not end its sessions in time: what is left of them is dropped");
        }
    }

    async fn all_over(&mut self) {
        while let Some(joined) = self.tasks.join_next_with_id().await {
            self.over(joined);
        }
    }
}

fn broke_off(error: &JoinError) -> Result<Answered, ProtocolError> {
    Err(ProtocolError::Unavailable {
        message: format!("the poll broke off: {error}"),
    })
}

/// Tells the server that nothing more is to be leased. Answers whether it has heard.
async fn say_drain(worker: &Worker, start: &Start) -> bool {
    let saying = async {
        let mut backoff = Backoff::default();
        loop {
            let said = start.protocol.drain(&worker.name, start.incarnation).await;
            let Err(ProtocolError::Unavailable { message }) = said else {
                return said;
            };
            debug!(
                worker.name = worker.name,
                "the drain was not heard yet: {message}"
            );
            sleep(backoff.next()).await;
        }
    };
    let why = match timeout(DRAIN_SAID, saying).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    // Its idle sessions end all the same, once the server misses it.
    warn!(
        worker.name = worker.name,
        "the server did not hear of the drain: {why}"
    );
    false
}

/// What the last poll leased has not begun: given back it waits in its queue again, and only a run in
/// the session of an earlier one fails, as that session does where this worker leaves.
async fn give_back_last(start: Arc<Start>, last_poll: Option<Poll>) {
    let Some(poll) = last_poll else {
        return;
    };
    let Ok(Ok(Ok(answered))) = timeout(LAST_POLL, poll).await else {
        return;
    };
    for run in answered.leases.runs {
        let lease = run.lease();
        if let Err(error) = start.protocol.release(lease).await {
            warn!(run.id = %run.run_id, "run {} was not given back: {error}", run.run_id);
        }
        start.protocol.forget(lease);
    }
}
