//! Tasks, kept in immutable versions.

use async_trait::async_trait;
use windlass_application::ports::tasks::TaskFilter;
use windlass_application::ports::{StoreError, Tasks, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::{OrganizationId, TaskId};
use windlass_domain::run::Run;
use windlass_domain::task::{Task, TaskEdit};

use super::page;
use super::write::{Change, refuse_in_use};
use super::{MemoryStore, State};

#[async_trait]
impl Tasks for MemoryStore {
    async fn create(&self, write: Write, task: Task) -> Result<Written<Task>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let key = (owner, task.id.clone());
            if change.state.tasks.contains_key(&key) {
                return Err(WriteError::IdTaken);
            }
            let agent = (owner, task.agent_id.clone());
            if !change.state.agents.contains_key(&agent) {
                let what = Resource::Agent;
                return Err(WriteError::ReferenceGone { what });
            }
            let first = (owner, task.id.clone(), 0);
            let last = (owner, task.id.clone(), u32::MAX);
            let versions = change.state.task_versions.range(first..=last);
            let kept = versions.map(|((_, _, version), task)| (*version, task.created_at));
            let task = task.made_after(kept.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))));
            let version = (owner, task.id.clone(), task.version);
            change.state.tasks.insert(key, task.version);
            change.state.task_versions.insert(version, task.clone());
            let event = EventData::Task(TaskEventSummary::from(&task));
            change.emit(EventType::TaskCreated, task.created_at, event);
            Ok(task)
        };
        self.write("Tasks::create", write, act, |task| Outcome::Task(task))
            .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Tasks::get", |state| {
            state.newest_task(organization_id, id).cloned()
        })
        .await
    }

    async fn get_version(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
        version: u32,
    ) -> Result<Option<Task>, StoreError> {
        let key = (organization.organization_id(), id.clone(), version);
        self.read("Tasks::get_version", |state| {
            state.task_versions.get(&key).cloned()
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Tasks::list", |state| {
            let wanted = state.newest_tasks(organization_id).filter(|task| {
                filter
                    .agent_id
                    .as_ref()
                    .is_none_or(|id| task.agent_id == *id)
                    && (filter.statuses.is_empty() || filter.statuses.contains(&task.status))
            });
            let key = |task: &Task| (task.created_at, task.id.to_string());
            page::newest_first(wanted.cloned(), key, filter.created, &page)
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: &TaskId,
        edit: TaskEdit,
    ) -> Result<Written<Task>, WriteError> {
        let act = |mut change: Change<'_>| {
            let task = change.state.newest_task(change.organization_id, id);
            let task = task.ok_or(WriteError::NotFound)?.clone();
            let edited = task.edited(&edit, change.at);
            keep_change(&mut change, edited.clone());
            Ok(edited.unwrap_or(task))
        };
        self.write("Tasks::update", write, act, |task| Outcome::Task(task))
            .await
    }

    async fn reset(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError> {
        let act = |mut change: Change<'_>| {
            let task = change.state.newest_task(change.organization_id, id);
            let next = task.ok_or(WriteError::NotFound)?.reset(change.at);
            Ok(keep_version(&mut change, next, EventType::TaskReset))
        };
        self.write("Tasks::reset", write, act, |task| Outcome::Task(task))
            .await
    }

    async fn delete(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let task = change.state.newest_task(owner, id);
            let task = task.ok_or(WriteError::NotFound)?.clone();
            let runs = change.state.unfinished_runs(owner);
            let runs = runs.filter(|run| run.task_id == *id);
            refuse_in_use(&[(runs.count(), "task run")])?;
            change.state.drop_playbooks(owner, |of, _| of == id);
            change.state.tasks.remove(&(owner, id.clone()));
            if !change.state.has_runs(owner, id) && !task.is_of_this_moment(change.at) {
                let versions = &mut change.state.task_versions;
                versions.retain(|(of, task_id, _), _| *of != owner || task_id != id);
                let versions = &mut change.state.playbook_versions;
                versions.retain(|(of, task_id, _, _), _| *of != owner || task_id != id);
            }
            let at = change.at.following(task.updated_at);
            change.emit(
                EventType::TaskDeleted,
                at,
                EventData::Task(TaskEventSummary::from(&task)),
            );
            Ok(())
        };
        self.write("Tasks::delete", write, act, |()| Outcome::Deleted)
            .await
    }
}

/// Keeps the next version of a task, where it has changed, and tells of it.
pub(super) fn keep_change(change: &mut Change<'_>, changed: Option<Task>) {
    if let Some(task) = changed {
        keep_version(change, task, EventType::TaskUpdated);
    }
}

/// Keeps the next version of a task, which is the newest from now on.
fn keep_version(change: &mut Change<'_>, next: Task, event_type: EventType) -> Task {
    let owner = change.organization_id;
    let version = (owner, next.id.clone(), next.version);
    change.state.task_versions.insert(version, next.clone());
    change
        .state
        .tasks
        .insert((owner, next.id.clone()), next.version);
    let event = EventData::Task(TaskEventSummary::from(&next));
    let moments = (next.updated_at, change.at);
    change.state.emit(owner, event_type, moments, event);
    next
}

impl State {
    pub(super) fn newest_task(
        &self,
        organization_id: OrganizationId,
        id: &TaskId,
    ) -> Option<&Task> {
        let version = self.tasks.get(&(organization_id, id.clone()))?;
        let key = (organization_id, id.clone(), *version);
        self.task_versions.get(&key)
    }

    pub(super) fn newest_tasks(
        &self,
        organization_id: OrganizationId,
    ) -> impl Iterator<Item = &Task> {
        let own = self
            .tasks
            .keys()
            .filter(move |(of, _)| *of == organization_id);
        own.filter_map(move |(_, id)| self.newest_task(organization_id, id))
    }

    pub(super) fn unfinished_runs(
        &self,
        organization_id: OrganizationId,
    ) -> impl Iterator<Item = &Run> {
        let runs = self.unfinished();
        runs.filter(move |run| run.organization_id == organization_id)
    }

    /// Whether a task has runs, which may have started with any version.
    pub(super) fn has_runs(&self, organization_id: OrganizationId, id: &TaskId) -> bool {
        let mut runs = self.runs.values().map(super::KeptRun::run);
        runs.any(|run| run.organization_id == organization_id && run.task_id == *id)
    }
}
