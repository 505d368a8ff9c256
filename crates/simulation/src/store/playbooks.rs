//! Playbooks, kept in immutable versions.

use async_trait::async_trait;
use serde_json::Value;
use windlass_application::ports::{Playbooks, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Write, Written};
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_domain::playbook::Playbook;

use super::tasks::keep_change;
use super::write::Change;
use super::{MemoryStore, State};

#[async_trait]
impl Playbooks for MemoryStore {
    async fn put(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, WriteError> {
        let act = |mut change: Change<'_>| {
            let owner = change.organization_id;
            let task = change.state.newest_task(owner, task_id);
            let task = task.ok_or(WriteError::NotFound)?.clone();
            if !change
                .state
                .sources
                .contains_key(&(owner, source_id.clone()))
            {
                let what = Resource::Source;
                return Err(WriteError::ReferenceGone { what });
            }
            let key = (owner, task_id.clone(), source_id.clone());
            let version = |version| (owner, task_id.clone(), source_id.clone(), version);
            let mut versions = change
                .state
                .playbook_versions
                .range(version(0)..=version(u32::MAX));
            let next = versions.next_back().map_or(1, |(_, last)| last.version + 1);
            let known = change.state.playbooks.get(&key);
            let playbook = Playbook {
                task_id: task_id.clone(),
                source_id: source_id.clone(),
                version: next,
                document,
                created_at: known.map_or(change.at, |known| known.created_at),
                updated_at: known.map_or(change.at, |known| change.at.following(known.updated_at)),
            };
            let versions = &mut change.state.playbook_versions;
            versions.insert(version(next), playbook.clone());
            change.state.playbooks.insert(key, playbook.clone());
            let live = task.with_playbook(change.at);
            keep_change(&mut change, live);
            Ok(playbook)
        };
        self.write("Playbooks::put", write, act, |it| Outcome::Playbook(it))
            .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Option<Playbook>, StoreError> {
        let owner = organization.organization_id();
        let key = (owner, task_id.clone(), source_id.clone());
        self.read("Playbooks::get", |state| state.playbooks.get(&key).cloned())
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
    ) -> Result<Vec<Playbook>, StoreError> {
        let owner = organization.organization_id();
        self.read("Playbooks::list", |state| {
            let playbooks = state.playbooks.iter();
            let of_task = playbooks.filter(|((of, id, _), _)| *of == owner && id == task_id);
            of_task.map(|(_, playbook)| playbook.clone()).collect()
        })
        .await
    }

    async fn delete(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Written<()>, WriteError> {
        let act = |mut change: Change<'_>| {
            let owner = change.organization_id;
            let key = (owner, task_id.clone(), source_id.clone());
            if !change.state.playbooks.contains_key(&key) {
                return Err(WriteError::NotFound);
            }
            let meant = |of: &TaskId, at: &SourceId| of == task_id && at == source_id;
            change.state.drop_playbooks(owner, meant);
            leave_task(&mut change, task_id);
            Ok(())
        };
        self.write("Playbooks::delete", write, act, |()| Outcome::Deleted)
            .await
    }
}

/// Drops the playbooks of a source that is deleted: they lead through what is no longer there.
pub(super) fn drop_of_source(change: &mut Change<'_>, source_id: &SourceId) {
    let owner = change.organization_id;
    let playbooks = change.state.playbooks.keys();
    let of_source = playbooks.filter(|(of, _, at)| *of == owner && at == source_id);
    let task_ids: Vec<TaskId> = of_source.map(|(_, task_id, _)| task_id.clone()).collect();
    change.state.drop_playbooks(owner, |_, at| at == source_id);
    for task_id in &task_ids {
        leave_task(change, task_id);
    }
}

/// What becomes of a task of which a playbook was dropped: it is learning where that was the last.
fn leave_task(change: &mut Change<'_>, task_id: &TaskId) {
    let owner = change.organization_id;
    let mut playbooks = change.state.playbooks.keys();
    if playbooks.any(|(of, id, _)| *of == owner && id == task_id) {
        return;
    }
    let task = change.state.newest_task(owner, task_id);
    let learning = task.and_then(|task| task.without_playbooks(change.at));
    keep_change(change, learning);
}

impl State {
    /// Drops the playbooks that are meant. Their versions stay as long as their task.
    pub(super) fn drop_playbooks(
        &mut self,
        organization_id: OrganizationId,
        meant: impl Fn(&TaskId, &SourceId) -> bool,
    ) {
        self.playbooks.retain(|(owner, task_id, source_id), _| {
            *owner != organization_id || !meant(task_id, source_id)
        });
    }
}
