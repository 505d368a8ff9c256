//! One decision over a session, its live runs and its credential: what one command changes.
//!
//! Stores lock the session, which stands for its runs, then the credential; call [`decide`]; save the
//! [`Changes`] whole. No other rule of the lifecycle stands in a store.
//! Source: docs/lifecycle.md.

mod clocks;
mod draft;
mod scene;

use std::time::Duration;

use serde_json::Value;

pub use self::clocks::{check_at, due};
use self::draft::{Draft, has_slot};
pub use self::scene::{KNOWN_OF_LINE, Missing, Scene, SceneCredential, SceneWorker};
use crate::event::EventType;
use crate::id::{CredentialId, RunId, SessionId};
use crate::pool::Pool;
use crate::run::machine::ForSession;
use crate::run::{
    self, AfterRun, Holder, Lease, Refusal, Run, RunCommand, RunState, Waiting, WorkerCommand,
};
use crate::sealed::Sealed;
use crate::session::{self, Session, SessionCommand, SessionStatus};
use crate::time::Timestamp;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A run is started: in the scene's session, or, where that is None, in the new one.
    Start {
        /// The run as the store will keep it, in its first state; [`decide`] sets state, version,
        /// moments, and whether it opened the session.
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
    /// What becomes of the login that is saved with the credential, where something does.
    pub login: Option<SavedLogin>,
    /// An output to keep: at most one, of the command's own run.
    pub output: Option<Value>,
    /// One for each status entered, in order.
    pub events: Vec<LifecycleEvent>,
    /// What to do outside after the commit. Losing one costs time, never correctness.
    pub signals: Vec<Signal>,
}

/// What becomes of the login that is saved with a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLogin {
    /// Which credential.
    pub credential_id: CredentialId,
    /// What is saved from now on; None erases what was.
    pub login: Option<Sealed>,
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
        runtime: Duration,
    },
    /// A session that entered a status.
    Session {
        /// Which.
        session_id: SessionId,
        /// Its version then.
        version: u32,
        /// Its runtime then.
        runtime: Duration,
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
    match command {
        Command::Start { run } => start(scene, *run, now),
        Command::Run { run_id, command } => command_run(scene, run_id, command, now),
        Command::Session(command) => command_session(scene, command, now),
    }
}

/// A run begins to wait: in a new session, or in the scene's.
fn start(scene: &Scene, mut run: Run, now: Timestamp) -> Result<Changes, Refusal> {
    let mut draft = Draft::of(scene);
    run.opened_session = scene.session.is_none();
    let waiting = match &scene.session {
        None => {
            draft.take_session(session::machine::open(&run, now));
            Waiting::ForWorker
        }
        Some(session) => waiting_in(session, &run, &scene.runs)?,
    };
    let idle = run.settings.session_idle;
    draft.take_run(run::machine::start(run, waiting, now));
    draft.settle(idle, now)?;
    Ok(draft.into_changes())
}

/// One run at a time has a session, the others wait for it.
fn waiting_in(session: &Session, run: &Run, others: &[Run]) -> Result<Waiting, Refusal> {
    if session.id != run.session_id || session.organization_id != run.organization_id {
        return Err(Refusal::NotInScene);
    }
    match session.status() {
        SessionStatus::Queued | SessionStatus::Running | SessionStatus::Idle => {
            if others.iter().any(has_slot) {
                Ok(Waiting::ForSession)
            } else {
                Ok(Waiting::ForWorker)
            }
        }
        SessionStatus::Completing | SessionStatus::Completed | SessionStatus::Failed => {
            Err(Refusal::SessionEnded {
                status: session.status(),
            })
        }
    }
}

fn command_run(
    scene: &Scene,
    run_id: RunId,
    command: RunCommand,
    now: Timestamp,
) -> Result<Changes, Refusal> {
    let session = scene.session.as_ref().ok_or(Refusal::NotInScene)?;
    let run = scene
        .runs
        .iter()
        .find(|run| run.id == run_id && run.session_id == session.id)
        .ok_or(Refusal::NotInScene)?;
    refuse_from_outside(session, &command)?;
    let begins = is_begin(&command);
    let mut transition = run::machine::apply(run, command, now)?;
    note_secrets(&mut transition.run, begins, scene);
    let idle = transition.run.settings.session_idle;
    let for_session = transition.session;
    let (credential, login) = (transition.credential, transition.login.clone());

    let mut draft = Draft::of(scene);
    if let ForSession::Leased { holder } = for_session {
        note_resumed(&mut transition.run, session, scene, holder);
        // Whoever follows both sees the session run before its run.
        draft.command_session(session::machine::Command::Lease { holder }, now)?;
        draft.take_run(transition);
    } else {
        draft.take_run(transition);
        if let Some(command) = session_command(for_session, scene, session, &draft, idle)? {
            draft.command_session(command, now)?;
            draft.note_login(run.state.lease().and_then(Lease::logged_in_with));
        }
    }
    draft.settle(idle, now)?;
    // What was learned with secrets that were replaced since is not so of the new ones.
    if has_present_secrets(run, scene) {
        if let Some(report) = credential {
            draft.report_credential(run.credential_id, report, now);
        }
        draft.save_login(run.credential_id, credential, login);
    }
    Ok(draft.into_changes())
}

/// Whether the run's worker asks for the credential with it.
fn is_begin(command: &RunCommand) -> bool {
    match command {
        RunCommand::Worker { command, .. } => *command == WorkerCommand::Begin,
        RunCommand::Lease { .. }
        | RunCommand::Cancel { .. }
        | RunCommand::Answer { .. }
        | RunCommand::Decline
        | RunCommand::Approve { .. }
        | RunCommand::Reject { .. }
        | RunCommand::TimedOut(_)
        | RunCommand::WorkerGone { .. }
        | RunCommand::SessionEnded { .. }
        | RunCommand::SessionFailed => false,
    }
}

/// A lease that has begun knows with which secrets: the present ones, where it asks for them again.
fn note_secrets(run: &mut Run, begins: bool, scene: &Scene) {
    let credential_id = run.credential_id;
    let credential = scene.credential.filter(|it| Some(it.id) == credential_id);
    match &mut run.state {
        RunState::Running { lease, .. } | RunState::InteractionRequired { lease, .. }
            if lease.begun && (begins || lease.secrets_version.is_none()) =>
        {
            lease.secrets_version = credential.map(|credential| credential.secrets_version);
        }
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => {}
    }
}

/// A lease knows whether its holder goes on with what a run before left in the session: the session is
/// idle until then. Where that was logged in with secrets that were replaced since, it starts from
/// nothing.
fn note_resumed(run: &mut Run, session: &Session, scene: &Scene, holder: Holder) {
    if let RunState::Running { lease, .. } = &mut run.state
        && session.kept_by() == Some(holder)
    {
        let logged_in_with = session.secrets_version();
        lease.resumed = logged_in_with.is_none() || logged_in_with == present_secrets(scene);
        if lease.resumed && lease.inherited_secrets_version.is_none() {
            lease.inherited_secrets_version = logged_in_with;
        }
    }
}

/// Whether the credential has the secrets still that the run's lease has begun with, and that it was
/// logged in with where it goes on.
fn has_present_secrets(run: &Run, scene: &Scene) -> bool {
    let lease = run.state.lease();
    let known = lease.map(|lease| [lease.secrets_version, lease.inherited_secrets_version]);
    let mut known = known.into_iter().flatten().flatten();
    let present = present_secrets(scene);
    known.all(|version| Some(version) == present)
}

fn present_secrets(scene: &Scene) -> Option<u32> {
    scene
        .credential
        .map(|credential| credential.secrets_version)
}

/// What a session says to its runs, nobody else does: the session would know nothing of it.
fn refuse_from_outside(session: &Session, command: &RunCommand) -> Result<(), Refusal> {
    match command {
        RunCommand::SessionEnded { .. } | RunCommand::SessionFailed => {
            Err(Refusal::SessionNotReady {
                status: session.status(),
            })
        }
        RunCommand::Lease { .. }
        | RunCommand::Cancel { .. }
        | RunCommand::Answer { .. }
        | RunCommand::Decline
        | RunCommand::Approve { .. }
        | RunCommand::Reject { .. }
        | RunCommand::Worker { .. }
        | RunCommand::TimedOut(_)
        | RunCommand::WorkerGone { .. } => Ok(()),
    }
}

/// Source: docs/lifecycle.md, "What a run means for its session".
fn session_command(
    for_session: ForSession,
    scene: &Scene,
    session: &Session,
    draft: &Draft,
    idle: Duration,
) -> Result<Option<session::machine::Command>, Refusal> {
    use session::machine::Command;

    let command = match for_session {
        ForSession::Nothing => None,
        ForSession::Leased { holder } => Some(Command::Lease { holder }),
        ForSession::NotAwaited => {
            let is_last = session.status() == SessionStatus::Queued && draft.queued() == 0;
            is_last.then_some(Command::RunOver {
                after: AfterRun::End,
                idle,
            })
        }
        ForSession::Over { after } => {
            let after = after_run(after, session, scene.worker)?;
            Some(Command::RunOver { after, idle })
        }
        ForSession::Requeued => Some(Command::RunRequeued),
        ForSession::Forced => Some(Command::RunForced),
    };
    Ok(command)
}

/// A worker that leaves keeps no session, whatever it says: nobody could lease a run in it.
fn after_run(
    after: AfterRun,
    session: &Session,
    worker: Option<SceneWorker>,
) -> Result<AfterRun, Refusal> {
    let is_kept = after == AfterRun::Keep && session.status() == SessionStatus::Running;
    match worker {
        _ if !is_kept => Ok(after),
        Some(SceneWorker::Stays) => Ok(AfterRun::Keep),
        Some(SceneWorker::Leaves) => Ok(AfterRun::End),
        None => Err(Refusal::NotLoaded {
            missing: Missing::Worker,
        }),
    }
}

fn command_session(
    scene: &Scene,
    command: SessionCommand,
    now: Timestamp,
) -> Result<Changes, Refusal> {
    let mut draft = Draft::of(scene);
    draft.command_session(session::machine::Command::Outside(command), now)?;
    Ok(draft.into_changes())
}
