//! A scene while a decision changes it, with what the decision has brought so far.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::scene::first_in_line;
use super::{
    Changes, LifecycleEvent, Missing, SavedLogin, Scene, SceneCredential, Signal, Subject,
};
use crate::credential::CredentialStatus;
use crate::event::EventType;
use crate::id::{CredentialId, RunId};
use crate::run::{self, CredentialReport, Refusal, Run, RunCommand, RunState, Status, Waiting};
use crate::sealed::Sealed;
use crate::session::machine::QueuedRuns;
use crate::session::{self, Session, SessionState};
use crate::slot;
use crate::time::Timestamp;

/// A scene while a decision changes it.
pub(super) struct Draft {
    session: Option<Session>,
    session_changed: bool,
    runs: BTreeMap<RunId, Run>,
    /// Whether more runs wait for the session.
    more_wait: bool,
    /// Which runs changed, in the order in which they did.
    changed: Vec<RunId>,
    is_changed: BTreeSet<RunId>,
    credential: Option<SceneCredential>,
    credential_changed: bool,
    login: Option<SavedLogin>,
    output: Option<Value>,
    events: Vec<LifecycleEvent>,
    signals: Vec<Signal>,
    is_signaled: HashSet<Signal>,
}

/// Whether a run has its session's slot: a worker holds it, or may take it once it has its other
/// slots.
pub(super) fn has_slot(run: &Run) -> bool {
    slot::takes_part(&run.state)
}

/// A session that ends speaks to all who wait for it.
fn every_waiting() -> Refusal {
    Refusal::NotLoaded {
        missing: Missing::Waiting,
    }
}

impl Draft {
    pub(super) fn of(scene: &Scene) -> Self {
        Self {
            session: scene.session.clone(),
            session_changed: false,
            runs: scene.runs.iter().map(|run| (run.id, run.clone())).collect(),
            more_wait: scene.more_wait,
            changed: Vec::new(),
            is_changed: BTreeSet::new(),
            credential: scene.credential,
            credential_changed: false,
            login: None,
            output: None,
            events: Vec::new(),
            signals: Vec::new(),
            is_signaled: HashSet::new(),
        }
    }

    /// How many runs wait for the session, at least; none only where none does.
    pub(super) fn queued(&self) -> usize {
        let queued = self.runs.values();
        let queued = queued.filter(|run| run.status() == Status::Queued).count();
        queued + usize::from(self.more_wait)
    }

    /// A command to the session, with what it means for its runs.
    pub(super) fn command_session(
        &mut self,
        command: session::machine::Command,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let session = self.session.as_ref().ok_or(Refusal::NotInScene)?;
        let transition = session::machine::apply(session, command, self.queued(), now)?;
        let queued_runs = transition.queued_runs;
        self.take_session(transition);
        match queued_runs {
            QueuedRuns::Wait => Ok(()),
            QueuedRuns::Ended { .. } | QueuedRuns::Failed if self.more_wait => Err(every_waiting()),
            QueuedRuns::Ended { grace } => self.command_runs(
                |status| status == Status::Queued || status.is_leased(),
                &RunCommand::SessionEnded { grace },
                now,
            ),
            QueuedRuns::Failed => self.command_runs(
                |status| status == Status::Queued,
                &RunCommand::SessionFailed,
                now,
            ),
        }
    }

    /// The same command to each run that `is_meant`, in the order of their ids.
    fn command_runs(
        &mut self,
        is_meant: impl Fn(Status) -> bool,
        command: &RunCommand,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let runs = self.runs.values();
        let meant: Vec<Run> = runs.filter(|run| is_meant(run.status())).cloned().collect();
        for run in meant {
            self.take_run(run::machine::apply(&run, command.clone(), now)?);
        }
        Ok(())
    }

    pub(super) fn take_session(&mut self, transition: session::machine::Transition) {
        let session_id = transition.session.id;
        for entered in &transition.entered {
            self.events.push(LifecycleEvent {
                event_type: EventType::of_session(entered.status),
                at: entered.at,
                subject: Subject::Session {
                    session_id,
                    version: entered.version,
                    runtime: entered.runtime,
                },
            });
        }
        if !transition.entered.is_empty() {
            self.signal(Signal::SessionChanged { session_id });
        }
        self.session = Some(transition.session);
        self.session_changed = true;
    }

    pub(super) fn take_run(&mut self, transition: run::machine::Transition) {
        let run_id = transition.run.id;
        for entered in &transition.entered {
            self.events.push(LifecycleEvent {
                event_type: EventType::of_run(entered.status),
                at: entered.at,
                subject: Subject::Run {
                    run_id,
                    version: entered.version,
                    runtime: entered.runtime,
                },
            });
        }
        if !transition.entered.is_empty() {
            self.signal(Signal::RunChanged { run_id });
        }
        if let Some(holder) = transition.stop {
            self.signal(Signal::Stop { holder, run_id });
        }
        if transition.output.is_some() {
            self.output = transition.output;
        }
        self.keep(transition.run);
    }

    /// A run's next state. One that may be leased now is announced.
    fn keep(&mut self, run: Run) {
        if run.status() == Status::Queued && has_slot(&run) {
            self.signal(Signal::Ready {
                pool: run.pool.clone(),
            });
        }
        if self.is_changed.insert(run.id) {
            self.changed.push(run.id);
        }
        self.runs.insert(run.id, run);
    }

    fn signal(&mut self, signal: Signal) {
        if self.is_signaled.insert(signal.clone()) {
            self.signals.push(signal);
        }
    }

    /// A free session is the next run's, and one that nobody waits for has its idle clock running.
    /// `idle` is how long it then stays.
    pub(super) fn settle(&mut self, idle: Duration, now: Timestamp) -> Result<(), Refusal> {
        let state = self.session.as_ref().map(|session| session.state);
        match state {
            Some(SessionState::Queued) => self.promote()?,
            Some(SessionState::Idle {
                holder,
                ends_at,
                secrets_version,
            }) => {
                self.promote()?;
                let ends_at = if self.queued() == 0 {
                    ends_at.or(Some(now + idle))
                } else {
                    None
                };
                self.rest(SessionState::Idle {
                    holder,
                    ends_at,
                    secrets_version,
                });
            }
            Some(
                SessionState::Running { .. }
                | SessionState::Completing { .. }
                | SessionState::Completed
                | SessionState::Failed,
            )
            | None => {}
        }
        Ok(())
    }

    /// Gives the session's slot to the next run, where none has it.
    fn promote(&mut self) -> Result<(), Refusal> {
        if self.runs.values().any(has_slot) {
            return Ok(());
        }
        match first_in_line(self.runs.values()).cloned() {
            Some(mut run) => {
                if let RunState::Queued { waiting, .. } = &mut run.state {
                    *waiting = Waiting::ForWorker;
                }
                self.keep(run);
                Ok(())
            }
            None if self.more_wait => Err(every_waiting()),
            None => Ok(()),
        }
    }

    /// A session that is kept is logged in as its last run was.
    pub(super) fn note_login(&mut self, of_run: Option<u32>) {
        if let Some(session) = &mut self.session
            && let SessionState::Idle {
                secrets_version, ..
            } = &mut session.state
        {
            *secrets_version = of_run;
            self.session_changed = true;
        }
    }

    /// Starts or stops the idle clock.
    fn rest(&mut self, state: SessionState) {
        if let Some(session) = &mut self.session
            && session.state != state
        {
            session.state = state;
            self.session_changed = true;
        }
    }

    /// What a source said of the run's credential. One that was deleted meanwhile stays deleted.
    pub(super) fn report_credential(
        &mut self,
        credential_id: Option<CredentialId>,
        report: CredentialReport,
        now: Timestamp,
    ) {
        let (status, event_type) = match report {
            CredentialReport::Verified => {
                (CredentialStatus::Verified, EventType::CredentialVerified)
            }
            CredentialReport::Invalid => (CredentialStatus::Invalid, EventType::CredentialInvalid),
        };
        let Some(credential) = self.credential.as_mut().filter(|credential| {
            Some(credential.id) == credential_id
                && credential.status != status
                && credential.status != CredentialStatus::Deleted
        }) else {
            return;
        };
        credential.status = status;
        credential.updated_at = now.following(credential.updated_at);
        self.credential_changed = true;
        self.events.push(LifecycleEvent {
            event_type,
            at: credential.updated_at,
            subject: Subject::Credential {
                credential_id: credential.id,
            },
        });
    }

    /// The login of a credential that is verified, after what was just reported of it, is saved;
    /// a refusal erases what was. A deleted one has none.
    pub(super) fn save_login(
        &mut self,
        credential_id: Option<CredentialId>,
        report: Option<CredentialReport>,
        login: Option<Sealed>,
    ) {
        let known = self.credential.filter(|credential| {
            Some(credential.id) == credential_id && credential.status != CredentialStatus::Deleted
        });
        let Some(credential) = known else {
            return;
        };
        let login = login.filter(|_| credential.status == CredentialStatus::Verified);
        if login.is_some() || report == Some(CredentialReport::Invalid) {
            self.login = Some(SavedLogin {
                credential_id: credential.id,
                login,
            });
        }
    }

    pub(super) fn into_changes(self) -> Changes {
        let runs = self
            .changed
            .iter()
            .filter_map(|id| self.runs.get(id).cloned())
            .collect();
        Changes {
            session: self.session.filter(|_| self.session_changed),
            runs,
            credential: self.credential.filter(|_| self.credential_changed),
            login: self.login,
            output: self.output,
            events: self.events,
            signals: self.signals,
        }
    }
}
