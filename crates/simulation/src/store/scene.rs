//! The scene of a decision, and how its changes are saved.

use serde_json::Value;
use windlass_application::ports::runs::TimelineKind;
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType, RunSummary, SessionSummary};
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::lifecycle::{
    Changes, Command, LifecycleEvent, Missing, Scene, SceneCredential, SceneWorker, Signal, Subject,
};
use windlass_domain::run::{Refusal, Run, RunState, Status};
use windlass_domain::session::SessionStatus;

use super::State;
use super::credentials::without_contents;
use super::timeline::Line;

/// A decision that was saved, for whoever checks what is decided.
#[derive(Debug, Clone)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// What was asked.
    pub command: Command,
    /// What stood before.
    pub before: Scene,
    /// What changed.
    pub changes: Changes,
    /// How the worker stands that has the session now, where that changed.
    pub worker: Option<SceneWorker>,
}

impl State {
    /// The scene of this session, as far as most decisions `about` this run need it.
    pub(super) fn scene(&self, session_id: SessionId, about: Option<RunId>) -> Option<Scene> {
        let session = self.sessions.get(&session_id)?;
        let about_run = about.and_then(|id| self.runs.get(&id));
        let about_run = about_run.map(super::KeptRun::run);
        let final_run = about_run.filter(|run| run.status().is_final());
        let credential = session.credential_id.and_then(|id| {
            let (_, credential) = self.credentials.get(&id)?;
            Some(SceneCredential::from(credential))
        });
        let scene = Scene {
            session: Some(session.clone()),
            runs: final_run.into_iter().cloned().collect(),
            more_wait: false,
            credential,
            worker: None,
        };
        Some(self.widened(scene).narrowed(about))
    }

    /// The scene with all runs of its session that are not final.
    fn widened(&self, mut scene: Scene) -> Scene {
        let session_id = scene.session.as_ref().map(|session| session.id);
        let of_session = self
            .unfinished()
            .filter(|run| Some(run.session_id) == session_id);
        let mut runs = std::mem::take(&mut scene.runs);
        runs.extend(of_session.cloned());
        runs.sort_by_key(|run| run.id);
        runs.dedup_by_key(|run| run.id);
        Scene {
            runs,
            more_wait: false,
            ..scene
        }
    }

    /// Decides, and saves what follows.
    pub(super) fn command(
        &mut self,
        mut scene: Scene,
        command: Command,
        now: Timestamp,
    ) -> Result<Changes, Refusal> {
        let mut changes = self.decide(&mut scene, &command, now)?;
        let before = self.widened(scene.clone());
        let signals = self.save(&scene, &changes, now);
        self.note(before, command, &changes, now);
        changes.signals.extend(signals);
        Ok(changes)
    }

    /// Decides, over more of the scene where the decision asks for that.
    pub(super) fn decide(
        &self,
        scene: &mut Scene,
        command: &Command,
        now: Timestamp,
    ) -> Result<Changes, Refusal> {
        let mut decided = (self.rules.decide)(scene, command.clone(), now);
        while let Err(Refusal::NotLoaded { missing }) = decided {
            self.load_missing(scene, missing)?;
            decided = (self.rules.decide)(scene, command.clone(), now);
        }
        decided
    }

    fn load_missing(&self, scene: &mut Scene, missing: Missing) -> Result<(), Refusal> {
        match missing {
            Missing::Worker => {
                let session = scene.session.as_ref();
                let holder = session.and_then(|session| session.state.holder());
                let worker = holder.and_then(|holder| self.in_scene(holder));
                scene.worker = Some(worker.ok_or(Refusal::NotLoaded { missing })?);
            }
            Missing::Waiting if !scene.more_wait => return Err(Refusal::NotLoaded { missing }),
            Missing::Waiting => *scene = self.widened(scene.clone()),
        }
        Ok(())
    }

    /// Keeps a decision for whoever checks it.
    pub(super) fn note(
        &mut self,
        before: Scene,
        command: Command,
        changes: &Changes,
        at: Timestamp,
    ) {
        let session = changes.session.as_ref();
        let holder = session.and_then(|session| session.state.holder());
        let worker = holder.and_then(|holder| self.in_scene(holder));
        self.journal.push(Decided {
            at,
            command,
            before,
            changes: changes.clone(),
            worker,
        });
    }

    /// Saves changes whole: session, runs, output, credential, events, slots. Says who may be leased
    /// by that.
    pub(super) fn save(
        &mut self,
        before: &Scene,
        changes: &Changes,
        now: Timestamp,
    ) -> Vec<Signal> {
        if let Some(session) = &changes.session {
            self.sessions.insert(session.id, session.clone());
        }
        for run in &changes.runs {
            self.save_run(before, run);
        }
        if let (Some(output), Some(run)) = (&changes.output, changes.runs.first()) {
            self.keep_output(run.id, output.clone());
        }
        if let Some(changed) = changes.credential
            && let Some((_, credential)) = self.credentials.get_mut(&changed.id)
        {
            credential.status = changed.status;
            credential.updated_at = changed.updated_at;
        }
        if let Some(saved) = &changes.login {
            match &saved.login {
                Some(login) => self.logins.insert(saved.credential_id, login.clone()),
                None => self.logins.remove(&saved.credential_id),
            };
        }
        for event in &changes.events {
            self.emit_lifecycle(event, now);
        }
        self.move_runs(before, changes)
    }

    fn save_run(&mut self, before: &Scene, run: &Run) {
        let Some(kept) = self.runs.get_mut(&run.id) else {
            return;
        };
        kept.view.run = run.clone();
        if !shows_output(run.status()) {
            kept.view.output = None;
        }
        let mut known = before.runs.iter();
        let known = known.find(|known| known.id == run.id);
        if let RunState::InteractionRequired { interaction, .. } = &run.state
            && known.is_some_and(|known| known.version != run.version)
        {
            let line = Line {
                at: interaction.created_at,
                kind: TimelineKind::Interaction,
                message: Some(interaction.message.clone()),
                step: None,
            };
            self.keep_line(run.id, line);
        }
    }

    fn keep_output(&mut self, run_id: RunId, output: Value) {
        if let Some(kept) = self.runs.get_mut(&run_id)
            && shows_output(kept.view.run.status())
        {
            kept.view.output = Some(output);
        }
    }

    fn emit_lifecycle(&mut self, event: &LifecycleEvent, now: Timestamp) {
        let of_subject = match event.subject {
            Subject::Run {
                run_id,
                version,
                runtime,
            } => self.runs.get(&run_id).and_then(|kept| {
                let run = kept.run();
                let status = Status::ALL
                    .into_iter()
                    .find(|status| EventType::of_run(*status) == event.event_type)?;
                let summary = RunSummary {
                    id: run.id,
                    status,
                    result: status.result(),
                    task_id: run.task_id.clone(),
                    credential_id: run.credential_id,
                    agent_id: run.agent_id.clone(),
                    source_id: run.source_id.clone(),
                    session_id: run.session_id,
                    runtime,
                    version,
                    metadata: kept.view.metadata.clone(),
                    created_at: run.created_at,
                    updated_at: event.at,
                };
                Some((run.organization_id, EventData::Run(summary)))
            }),
            Subject::Session {
                session_id,
                version,
                runtime,
            } => self.sessions.get(&session_id).and_then(|session| {
                let status = SessionStatus::ALL
                    .into_iter()
                    .find(|status| EventType::of_session(*status) == event.event_type)?;
                let summary = SessionSummary {
                    id: session.id,
                    status,
                    credential_id: session.credential_id,
                    source_id: session.source_id.clone(),
                    runtime,
                    version,
                    created_at: session.created_at,
                    updated_at: event.at,
                };
                Some((session.organization_id, EventData::Session(summary)))
            }),
            Subject::Credential { credential_id } => {
                let kept = self.credentials.get(&credential_id);
                let told = kept.map(|(owner, it)| (*owner, without_contents(it.clone())));
                told.map(|(owner, it)| (owner, EventData::Credential(it)))
            }
        };
        // A decision is about what its scene has, and the scene came from here.
        if let Some((organization_id, data)) = of_subject {
            self.emit(organization_id, event.event_type, (event.at, now), data);
        }
    }
}

/// Whether the output of a run in this status is there to be seen.
fn shows_output(status: Status) -> bool {
    match status {
        Status::ReviewRequired | Status::Completed => true,
        Status::Queued
        | Status::Running
        | Status::InteractionRequired
        | Status::Failed
        | Status::Canceling
        | Status::Canceled => false,
    }
}
