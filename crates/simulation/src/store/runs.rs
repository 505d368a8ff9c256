//! Runs: started, commanded, read.

use async_trait::async_trait;
use windlass_application::ports::runs::{
    Attachment, Commanded, LeaseRequest, Leased, NewRun, ProgressLine, RunFilter, RunView, Swept,
    TimelineEntry, TimelineKind,
};
use windlass_application::ports::{Runs, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::{OrganizationId, RunId};
use windlass_domain::lifecycle::{Command, Scene};
use windlass_domain::run::{Holder, Refusal, Run, RunCommand, Status};
use windlass_domain::sealed::Sealed;

use super::page;
use super::timeline::Line;
use super::write::Change;
use super::{KeptRun, MemoryStore, State};

#[async_trait]
impl Runs for MemoryStore {
    async fn start(&self, write: Write, start: NewRun) -> Result<Written<Commanded>, WriteError> {
        let trace_parent = write.trace_parent.clone();
        let act = |change: Change<'_>| start_run(change, start, trace_parent);
        self.write("Runs::start", write, act, |it| Outcome::Run(&it.run))
            .await
    }

    async fn command(
        &self,
        write: Write,
        run_id: RunId,
        command: RunCommand,
        attachment: Option<Attachment>,
    ) -> Result<Written<Commanded>, WriteError> {
        let act = |change: Change<'_>| command_run(change, run_id, command, attachment);
        self.write("Runs::command", write, act, |it| Outcome::Run(&it.run))
            .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leased, WriteError> {
        self.transact("Runs::lease", |state, now| state.lease(&request, now))
            .await
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError> {
        self.transact("Runs::sweep", |state, now| Ok(state.sweep(limit, now)))
            .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<RunView>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Runs::get", |state| {
            let kept = state.run_of(organization_id, run_id);
            kept.map(|kept| kept.view.clone())
        })
        .await
    }

    async fn input(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<Sealed>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Runs::input", |state| {
            let kept = state.run_of(organization_id, run_id);
            kept.map(|kept| kept.input.clone())
        })
        .await
    }

    async fn of_status(
        &self,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        self.read("Runs::of_status", |state| {
            let runs = run_ids.iter().filter_map(|id| state.runs.get(id));
            runs.map(KeptRun::run)
                .filter(|run| statuses.contains(&run.status()))
                .map(|run| run.id)
                .collect()
        })
        .await
    }

    async fn held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        let owner = organization.map(OrganizationContext::organization_id);
        self.read("Runs::held_by", |state| {
            let runs = state.runs.values().map(KeptRun::run);
            runs.filter(|run| owner.is_none_or(|owner| run.organization_id == owner))
                .filter(|run| run.state.lease().is_some_and(|it| it.holder == holder))
                .filter(|run| statuses.contains(&run.status()))
                .map(|run| run.id)
                .collect()
        })
        .await
    }

    async fn not_held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        let held = self.held_by(organization, holder, statuses).await?;
        let told = run_ids.iter().copied();
        Ok(told.filter(|id| !held.contains(id)).collect())
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunView>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Runs::list", |state| {
            let views = state.runs.values().map(|kept| &kept.view);
            let wanted = views.filter(|view| {
                view.run.organization_id == organization_id && is_wanted(&view.run, &filter)
            });
            let key = |view: &RunView| (view.run.id.created_at(), view.run.id.to_string());
            page::newest_first(wanted.cloned(), key, filter.created, &page)
        })
        .await
    }

    async fn timeline(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Runs::timeline", |state| {
            match state.run_of(organization_id, run_id) {
                Some(_) => state.timeline(run_id),
                None => Vec::new(),
            }
        })
        .await
    }

    async fn organization_of(&self, run_id: RunId) -> Result<Option<OrganizationId>, StoreError> {
        self.read("Runs::organization_of", |state| {
            let kept = state.runs.get(&run_id);
            kept.map(|kept| kept.run().organization_id)
        })
        .await
    }
}

impl State {
    fn run_of(&self, organization_id: OrganizationId, run_id: RunId) -> Option<&KeptRun> {
        let kept = self.runs.get(&run_id);
        kept.filter(|kept| kept.run().organization_id == organization_id)
    }
}

fn start_run(
    change: Change<'_>,
    start: NewRun,
    trace_parent: Option<String>,
) -> Result<Commanded, WriteError> {
    let Change {
        state,
        at,
        organization_id,
    } = change;
    let run = &start.run;
    let mut scene = if run.opened_session {
        Scene {
            session: None,
            runs: Vec::new(),
            more_wait: false,
            credential: None,
            worker: None,
        }
    } else {
        let session = state.session(organization_id, run.session_id);
        let session_id = session.ok_or(WriteError::NotFound)?.id;
        let scene = state.scene(session_id, None);
        scene.ok_or(WriteError::NotFound)?
    };
    refuse_gone(state, organization_id, run, start.task_created_at)?;
    let command = Command::Start {
        run: Box::new(run.clone()),
    };
    let mut changes = state.decide(&mut scene, &command, at)?;
    state.admit(&scene, &changes)?;
    let mut runs = changes.runs.iter();
    let started = runs.find(|started| started.id == run.id);
    let view = RunView {
        run: started.ok_or(Refusal::NotInScene)?.clone(),
        metadata: start.metadata,
        output: None,
    };
    let kept = KeptRun {
        view: view.clone(),
        input: start.input,
        trace_parent,
        lines: Vec::new(),
    };
    state.runs.insert(view.run.id, kept);
    let signals = state.save(&scene, &changes, at);
    state.note(scene, command, &changes, at);
    changes.signals.extend(signals);
    Ok(Commanded {
        run: view,
        signals: changes.signals,
    })
}

/// What the run refers to was there when its caller's words were checked; it must be there now.
fn refuse_gone(
    state: &State,
    organization_id: OrganizationId,
    run: &Run,
    task_created_at: Timestamp,
) -> Result<(), WriteError> {
    let gone = |what| Err(WriteError::ReferenceGone { what });
    let task = state.newest_task(organization_id, &run.task_id);
    // Another one of this id may have been made meanwhile.
    if task.is_none_or(|task| task.created_at != task_created_at) {
        return gone(Resource::Task);
    }
    if let Some(source_id) = &run.source_id {
        let key = (organization_id, source_id.clone());
        if !state.sources.contains_key(&key) {
            return gone(Resource::Source);
        }
    }
    if let Some(id) = run.credential_id {
        let credential = state.credential(organization_id, id);
        if credential.is_none_or(|it| it.status == CredentialStatus::Deleted) {
            return gone(Resource::Credential);
        }
    }
    Ok(())
}

fn command_run(
    change: Change<'_>,
    run_id: RunId,
    command: RunCommand,
    attachment: Option<Attachment>,
) -> Result<Commanded, WriteError> {
    let Change {
        state,
        at,
        organization_id,
    } = change;
    let kept = state.run_of(organization_id, run_id);
    let session_id = kept.ok_or(WriteError::NotFound)?.run().session_id;
    let scene = state.scene(session_id, Some(run_id));
    let scene = scene.ok_or(WriteError::NotFound)?;
    let run = scene.runs.iter().find(|run| run.id == run_id);
    let lease = run.and_then(|run| run.state.lease());
    let caller = lease.map(|lease| lease.holder);
    let is_worker = matches!(command, RunCommand::Worker { .. });
    let changes = state.command(scene, Command::Run { run_id, command }, at)?;
    if let Some(holder) = caller.filter(|_| is_worker) {
        state.note_seen(holder, at);
    }
    // Nothing is kept of a run that is canceled.
    let status = changes.runs.first().map(Run::status);
    if let Some(attachment) = attachment
        && !matches!(status, Some(Status::Canceling | Status::Canceled))
    {
        match attachment {
            Attachment::Progress(lines) => {
                for ProgressLine { message, step } in lines {
                    let line = Line {
                        at,
                        kind: TimelineKind::Progress,
                        message,
                        step,
                    };
                    state.keep_line(run_id, line);
                }
            }
            Attachment::File(file) => state.keep_file(organization_id, file, at),
            Attachment::Screenshot(screenshot) => {
                state.keep_screenshot(organization_id, screenshot);
            }
        }
    }
    let kept = state.run_of(organization_id, run_id);
    Ok(Commanded {
        run: kept.ok_or(WriteError::NotFound)?.view.clone(),
        signals: changes.signals,
    })
}

fn is_wanted(run: &Run, filter: &RunFilter) -> bool {
    let status = run.status();
    let of_source = |run: &Run| {
        let source_id = run.source_id.as_ref();
        source_id.is_some_and(|id| filter.source_ids.contains(id))
    };
    (filter.statuses.is_empty() || filter.statuses.contains(&status))
        && (filter.results.is_empty()
            || status
                .result()
                .is_some_and(|result| filter.results.contains(&result)))
        && (filter.source_ids.is_empty() || of_source(run))
        && filter
            .agent_id
            .as_ref()
            .is_none_or(|id| run.agent_id == *id)
        && (filter.credential_id.is_none() || filter.credential_id == run.credential_id)
        && filter.task_id.as_ref().is_none_or(|id| run.task_id == *id)
        && filter.session_id.is_none_or(|id| run.session_id == id)
}
