//! Sessions, kept.

use async_trait::async_trait;
use windlass_application::ports::sessions::{SHOWN_RUNS, SessionCommanded, SessionView};
use windlass_application::ports::{Sessions, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::id::{OrganizationId, SessionId};
use windlass_domain::lifecycle::Command;
use windlass_domain::run::Run;
use windlass_domain::session::{Session, SessionCommand};

use super::page;
use super::write::Change;
use super::{KeptRun, MemoryStore, State};

#[async_trait]
impl Sessions for MemoryStore {
    async fn command(
        &self,
        write: Write,
        session_id: SessionId,
        command: SessionCommand,
    ) -> Result<Written<SessionCommanded>, WriteError> {
        let act = |change: Change<'_>| {
            let (state, owner) = (change.state, change.organization_id);
            let session = state.session(owner, session_id);
            session.ok_or(WriteError::NotFound)?;
            let scene = state.scene(session_id, None);
            let scene = scene.ok_or(WriteError::NotFound)?;
            let changes = state.command(scene, Command::Session(command), change.at)?;
            let view = state.session_view(owner, session_id);
            Ok(SessionCommanded {
                session: view.ok_or(WriteError::NotFound)?,
                signals: changes.signals,
            })
        };
        self.write("Sessions::command", write, act, |it| {
            Outcome::Session(&it.session)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let owner = organization.organization_id();
        self.read("Sessions::get", |state| state.session(owner, id).cloned())
            .await
    }

    async fn view(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<SessionView>, StoreError> {
        let owner = organization.organization_id();
        self.read("Sessions::view", |state| state.session_view(owner, id))
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let owner = organization.organization_id();
        self.read("Sessions::list", |state| {
            let views = state.sessions.keys();
            let views = views.filter_map(|id| state.session_view(owner, *id));
            let key = |view: &SessionView| {
                let id = view.session.id;
                (id.created_at(), id.to_string())
            };
            page::newest_first(views, key, created, &page)
        })
        .await
    }

    async fn organization_of(&self, id: SessionId) -> Result<Option<OrganizationId>, StoreError> {
        self.read("Sessions::organization_of", |state| {
            let session = state.sessions.get(&id);
            session.map(|session| session.organization_id)
        })
        .await
    }
}

impl State {
    pub(super) fn session(&self, owner: OrganizationId, id: SessionId) -> Option<&Session> {
        let session = self.sessions.get(&id);
        session.filter(|session| session.organization_id == owner)
    }

    fn session_view(&self, owner: OrganizationId, id: SessionId) -> Option<SessionView> {
        let session = self.session(owner, id)?.clone();
        let newest = self.runs.values().rev().map(KeptRun::run);
        let runs = newest.filter(|run| run.session_id == id);
        let shown = usize::try_from(SHOWN_RUNS).unwrap_or(usize::MAX);
        let runs: Vec<Run> = runs.take(shown).cloned().collect();
        Some(SessionView { session, runs })
    }
}
