//! One decision over a session, its live runs and its credential: what one command changes.
//!
//! Stores lock session, then runs by id, then credential, in that order; call [`decide`]; save the
//! [`Changes`] whole. No other rule of the lifecycle stands in a store.
//! Source: docs/lifecycle.md.

use serde_json::Value;

use crate::credential::CredentialStatus;
use crate::event::EventType;
use crate::id::{CredentialId, RunId, SessionId};
use crate::pool::Pool;
use crate::run::{Holder, Refusal, Run, RunCommand};
use crate::session::{Session, SessionCommand};
use crate::time::Timestamp;

/// What one command may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The session; None for a start that opens one.
    pub session: Option<Session>,
    /// Its runs that are not final, by id.
    pub runs: Vec<Run>,
    /// Its credential, where it has one that still exists.
    pub credential: Option<SceneCredential>,
}

/// What a decision reads and changes of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneCredential {
    /// Which.
    pub id: CredentialId,
    /// Where it stands.
    pub status: CredentialStatus,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A run is started: in the scene's session, or, where that is None, in the new one.
    Start {
        /// The run as the store will keep it, in its first state; [`decide`] sets state, version
        /// and moments.
        run: Box<Run>,
    },
    /// A command to one of the scene's runs.
    Run {
        /// Which.
        run_id: RunId,
        /// What.
        command: RunCommand,
    },
    /// A command to the scene's session.
    Session(SessionCommand),
}

/// What a command did, as data: the store saves it whole, the application acts on the signals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The session's next state, where it changed.
    pub session: Option<Session>,
    /// The next states of the runs that changed; a touch changes its run too. The run that the
    /// command was about stands first.
    pub runs: Vec<Run>,
    /// The credential's next status, where it changed.
    pub credential: Option<SceneCredential>,
    /// An output to keep: at most one, of the command's own run.
    pub output: Option<Value>,
    /// One for each status entered, in order.
    pub events: Vec<LifecycleEvent>,
    /// What to do outside after the commit. Losing one costs time, never correctness.
    pub signals: Vec<Signal>,
}

/// A status that was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Which.
    pub event_type: EventType,
    /// When: strictly after the resource's event before it.
    pub at: Timestamp,
    /// By what.
    pub subject: Subject,
}

/// What an event is about, with what its data holds beside what never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A run that entered a status.
    Run {
        /// Which.
        run_id: RunId,
        /// Its version then.
        version: u32,
        /// Its runtime then.
        runtime: std::time::Duration,
    },
    /// A session that entered a status.
    Session {
        /// Which.
        session_id: SessionId,
        /// Its version then.
        version: u32,
        /// Its runtime then.
        runtime: std::time::Duration,
    },
    /// A credential that entered a status.
    Credential {
        /// Which.
        credential_id: CredentialId,
    },
}

/// What to tell outside after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A run may be leased from this pool.
    Ready {
        /// Where.
        pool: Pool,
    },
    /// A run entered a status: whoever waits for it should look.
    RunChanged {
        /// Which.
        run_id: RunId,
    },
    /// A session entered a status.
    SessionChanged {
        /// Which.
        session_id: SessionId,
    },
    /// The worker that holds a run should stop: cancel was accepted, or its lease is over.
    Stop {
        /// Who.
        holder: Holder,
        /// Which run.
        run_id: RunId,
    },
}

/// What `command` does to `scene` at the moment `now` of the store's clock.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn decide(scene: &Scene, command: Command, now: Timestamp) -> Result<Changes, Refusal> {
    let _ = (scene, command, now);
    Err(Refusal::NotInScene)
}

/// The command that the earliest clock that has run out by `now` asks for, if one has.
pub fn due(scene: &Scene, now: Timestamp) -> Option<Command> {
    let _ = (scene, now);
    None
}

/// When a store must look at this run again, at the latest: the earliest of its clocks.
pub fn check_at(run: &Run) -> Option<Timestamp> {
    let _ = run;
    None
}
