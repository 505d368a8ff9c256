//! The sessions of one start of a worker: those that runs are in, those that its agent keeps between two
//! runs, and those that it is ending.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error, info, warn};
use windlass_domain::id::SessionId;

use crate::protocol::ProtocolError;
use crate::start::Start;
use crate::turns::{Left, Turns};
use crate::worker::Worker;

/// An agent that is ending so many sessions at once is given no more runs until one of them has ended: to
/// end one may take long, and what is left of each takes room.
const MOST_ENDING: usize = 64;

/// Which part of its sessions a worker gives up at once where there are too many.
const ROOM_PART: usize = 16;

/// How many idle sessions are left where they are, since runs are queued for them, before the
/// worker looks for room again after its next run.
const MOST_WANTED: usize = 8;

/// A session that runs of this worker are in, or that its agent is ending.
struct InUse {
    turns: Turns,
    /// How many: more than one where the server has heard of an end and the worker not yet.
    runs: u32,
    /// The agent has a turn in it, to end it: a run that comes meanwhile waits.
    is_ending: bool,
}

/// The sessions of one start of a worker.
pub(crate) struct Sessions {
    start: Arc<Start>,
    in_use: HashMap<SessionId, InUse>,
    /// Those that the agent keeps and that no run is in, the longest idle first.
    idle: VecDeque<SessionId>,
    /// One task for each that the agent is ending: to end one keeps no run of another waiting.
    ending: JoinSet<SessionId>,
    /// How many may be idle.
    most_idle: usize,
    /// The worker's name.
    worker: String,
    /// The one task, if any, that asks the server to end some: nothing waits for its answers.
    evicting: JoinSet<Vec<Evicted>>,
    /// Those that have stayed since the worker last began to look for room.
    wanted: Vec<SessionId>,
}

/// What the server has said of a session that is to be given up.
type Evicted = (SessionId, Result<(), ProtocolError>);

impl Sessions {
    /// Of this start of the worker.
    pub(crate) fn new(start: Arc<Start>, worker: &Worker) -> Self {
        Self {
            start,
            in_use: HashMap::new(),
            idle: VecDeque::new(),
            ending: JoinSet::new(),
            most_idle: worker.kept_sessions as usize,
            worker: worker.name.clone(),
            evicting: JoinSet::new(),
            wanted: Vec::new(),
        }
    }

    /// Those that the server is told: of running runs too, since one of them may be idle when it looks.
    pub(crate) fn kept(&self) -> Vec<SessionId> {
        let in_use = self.in_use.iter().filter(|(_, it)| it.runs > 0);
        let in_use = in_use.map(|(session_id, _)| session_id);
        self.idle.iter().chain(in_use).copied().collect()
    }

    /// Whether a run is in it, or the agent is ending it.
    pub(crate) fn is_in_use(&self, session_id: SessionId) -> bool {
        self.in_use.contains_key(&session_id)
    }

    /// Where a run waits until this session is free.
    pub(crate) fn enter(&mut self, session_id: SessionId) -> Turns {
        if let Some(in_use) = self.in_use.get_mut(&session_id) {
            in_use.runs += 1;
            return in_use.turns.clone();
        }
        let was_kept = self.leave(session_id);
        let turns = Turns::new(if was_kept { Left::Kept } else { Left::Nothing });
        let in_use = InUse {
            turns: turns.clone(),
            runs: 1,
            is_ending: false,
        };
        self.in_use.insert(session_id, in_use);
        turns
    }

    /// A run is no longer in it.
    pub(crate) fn run_over(&mut self, session_id: SessionId) {
        if let Some(in_use) = self.in_use.get_mut(&session_id) {
            in_use.runs -= 1;
        }
        self.settle(session_id);
    }

    /// What becomes of a session that nobody is in any more.
    fn settle(&mut self, session_id: SessionId) {
        let Entry::Occupied(in_use) = self.in_use.entry(session_id) else {
            return;
        };
        // Else the next run takes what this one has left.
        if in_use.get().runs > 0 || in_use.get().is_ending {
            return;
        }
        let turns = in_use.remove().turns;
        match turns.left() {
            Some(Left::Kept) => self.idle.push_back(session_id),
            Some(Left::Rest) => self.end(session_id, turns),
            Some(Left::Nothing) | None => {}
        }
    }

    /// Has the agent end what it has of a session that no run is in, beside all else.
    fn end(&mut self, session_id: SessionId, turns: Turns) {
        // Before any run that comes: taken here, and not in the task, it is the next turn.
        let Some(mut left) = turns.next_at_once() else {
            return;
        };
        let start = Arc::clone(&self.start);
        self.ending.spawn(async move {
            start.end_session(session_id).await;
            *left = Left::Nothing;
            session_id
        });
        let in_use = InUse {
            turns,
            runs: 0,
            is_ending: true,
        };
        self.in_use.insert(session_id, in_use);
    }

    /// Whether the agent is ending so many that it should not be given more to end.
    pub(crate) fn are_too_many_ending(&self) -> bool {
        self.ending.len() >= MOST_ENDING
    }

    /// Waits until the agent has ended one, or the server has said what becomes of those that are to be
    /// given up; where neither is under way, for ever.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            Some(ended) = self.ending.join_next() => self.has_ended(ended),
            Some(answered) = self.evicting.join_next() => self.has_room(answered),
            else => future::pending().await,
        }
    }

    fn has_ended(&mut self, ended: Result<SessionId, JoinError>) {
        match ended {
            Ok(session_id) => {
                if let Some(in_use) = self.in_use.get_mut(&session_id) {
                    in_use.is_ending = false;
                }
                self.settle(session_id);
            }
            // Agents' panics are caught before: this is one of the worker's own.
            Err(broken) => error!("the end of a session broke down: {broken}"),
        }
    }

    /// Waits until the agent has ended all that no run is in.
    pub(crate) async fn all_ended(&mut self) {
        loop {
            // A run may have kept what was ended for it, and that shows only now.
            self.end_idle();
            match self.ending.join_next().await {
                Some(ended) => self.has_ended(ended),
                None => return,
            }
        }
    }

    /// Ends it, where no run is in it: it has ended at the server.
    pub(crate) fn end_if_idle(&mut self, session_id: SessionId) {
        if self.leave(session_id) {
            self.end(session_id, Turns::new(Left::Kept));
        }
    }

    /// Ends all that no run is in.
    pub(crate) fn end_idle(&mut self) {
        for session_id in std::mem::take(&mut self.idle) {
            self.end(session_id, Turns::new(Left::Kept));
        }
    }

    /// Whether the session was an idle one; it is none from now on.
    fn leave(&mut self, session_id: SessionId) -> bool {
        let place = self.idle.iter().position(|idle| *idle == session_id);
        place.and_then(|place| self.idle.remove(place)).is_some()
    }

    /// Gives up the sessions that were idle for the longest time, where there are too many: some at
    /// once, so that it is not done anew after each run. Beside all else: [`Sessions::changed`] hears
    /// what the server says to it.
    pub(crate) fn make_room(&mut self) {
        let is_enough = self.idle.len() <= self.most_idle;
        if is_enough || !self.evicting.is_empty() || self.start.leaving.is_cancelled() {
            return;
        }
        self.wanted.clear();
        self.evict_some();
    }

    fn evict_some(&mut self) {
        let most = self.most_idle - self.most_idle / ROOM_PART;
        let excess = self.idle.len().saturating_sub(most);
        let longest = self.idle.iter().filter(|it| !self.wanted.contains(it));
        let longest: Vec<SessionId> = longest.take(excess).copied().collect();
        if longest.is_empty() || self.wanted.len() >= MOST_WANTED {
            return;
        }
        let (start, worker) = (Arc::clone(&self.start), self.worker.clone());
        self.evicting.spawn(async move {
            let (protocol, incarnation) = (&start.protocol, start.incarnation);
            let evicting = longest.into_iter().map(|session_id| {
                let answer = protocol.evict(&worker, incarnation, session_id);
                answer.map(move |answer| (session_id, answer))
            });
            join_all(evicting).await
        });
    }

    /// The server has answered. A session that a run is queued for stays: the next one goes in its place.
    fn has_room(&mut self, answered: Result<Vec<Evicted>, JoinError>) {
        let answers = answered.unwrap_or_else(|broken| {
            error!("giving up sessions broke down: {broken}");
            Vec::new()
        });
        // Where it broke down the next run that ends tries again.
        if answers.is_empty() {
            return;
        }
        let mut is_heard = true;
        for (session_id, answer) in answers {
            match answer {
                Ok(()) => {
                    info!(session.id = %session_id, "{session_id} is given up: there is no room for it");
                    self.end_if_idle(session_id);
                }
                Err(ProtocolError::Refused { message }) => {
                    debug!(session.id = %session_id, "{session_id} stays: {message}");
                    self.wanted.push(session_id);
                }
                // Whatever it is, the next poll says it too.
                Err(error @ (ProtocolError::Unavailable { .. } | ProtocolError::LeaseLost)) => {
                    warn!(session.id = %session_id, "{session_id} was not given up: {error}");
                    is_heard = false;
                }
            }
        }
        if is_heard {
            self.evict_some();
        }
    }
}
