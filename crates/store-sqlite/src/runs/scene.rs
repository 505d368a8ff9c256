//! The scene of a decision: a session, those of its runs that most decisions need, its credential;
//! and the others where one asks for them.

use std::collections::{HashMap, HashSet};

use rusqlite::params;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::credential::Credential;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{
    self, Changes, Command, KNOWN_OF_LINE, Missing, Scene, SceneCredential,
};
use windlass_domain::run::{Metadata, Refusal};
use windlass_domain::session::Session;
use windlass_records::columns::Id;
use windlass_records::rows::RunRow;
use windlass_records::select_runs;

use super::save;
use crate::connection::Connection;
use crate::error::read;
use crate::transaction::Transaction;
use crate::{credentials, sessions, workers};

/// The runs of a session that most decisions need: those that are not over, but of those that wait for it
/// only the first, and one that is asked for.
const RUNS: &str = select_runs!(
    "",
    "WHERE run.id IN (
         SELECT run_id FROM queue WHERE session_id = ?1
         UNION SELECT run_id FROM live WHERE session_id = ?1
         UNION SELECT run_id FROM parked
         WHERE session_id = ?1 AND slot IN ('credential', 'source', 'organization')
         UNION SELECT * FROM (
             SELECT run_id FROM parked
             WHERE session_id = ?1 AND slot = 'session'
             ORDER BY priority DESC, run_id
             LIMIT ?2 + 0
         )
         UNION SELECT ?3
     )"
);

/// A scene with what its events and answers need besides.
pub(crate) struct Loaded {
    /// What the decision reads.
    pub(crate) scene: Scene,
    /// The callers' own pairs, by run.
    pub(crate) metadata: HashMap<RunId, Metadata>,
    /// The session's credential without its sealed parts.
    pub(super) credential: Option<Credential>,
}

impl Loaded {
    /// The scene of a start that opens its session.
    pub(super) fn empty() -> Self {
        Self {
            scene: Scene {
                session: None,
                runs: Vec::new(),
                more_wait: false,
                credential: None,
                worker: None,
            },
            metadata: HashMap::new(),
            credential: None,
        }
    }

    /// The scene of this session, as far as most decisions `about` this run need it. The write lock
    /// of the transaction stands for the row locks.
    ///
    /// Whose the session is, the caller has checked, or it comes from a row of ours.
    pub(crate) fn load(
        transaction: &mut Transaction<'_>,
        session_id: SessionId,
        about: Option<RunId>,
    ) -> Result<Option<Self>, StoreError> {
        let session = sessions::load(transaction, session_id)?;
        let Some(session) = session else {
            return Ok(None);
        };
        // For the events of what is decided.
        transaction.destinations(session.organization_id)?;
        Self::of_session(transaction, session, about).map(Some)
    }

    /// The scene of a command to one of the organization's runs; None where it has no such run.
    pub(super) fn of_run(
        transaction: &mut Transaction<'_>,
        organization_id: OrganizationId,
        run_id: RunId,
    ) -> Result<Option<Self>, StoreError> {
        let session_id: Option<Id> = transaction.value(
            "SELECT session_id FROM run WHERE id = ? AND organization_id = ?",
            params![Id(run_id.uuid()), Id(organization_id.uuid())],
        )?;
        match session_id {
            Some(id) => Self::load(transaction, SessionId::from_uuid(id.0), Some(run_id)),
            None => Ok(None),
        }
    }

    fn of_session(
        connection: &Connection,
        session: Session,
        about: Option<RunId>,
    ) -> Result<Self, StoreError> {
        let mut loaded = Self::empty();
        if let Some(holder) = session.state.holder() {
            let worker = workers::find(connection, holder.worker_id)?;
            loaded.scene.worker = worker.map(|worker| worker.in_scene(holder));
        }
        if let Some(id) = session.credential_id {
            loaded.credential = credentials::load_unsealed(connection, id)?;
            loaded.scene.credential = loaded.credential.as_ref().map(SceneCredential::from);
        }
        let about_id = about.map(|id| Id(id.uuid()));
        let runs = connection.rows(
            RUNS,
            params![Id(session.id.uuid()), KNOWN_OF_LINE, about_id],
        )?;
        loaded.take(runs)?;
        loaded.scene.session = Some(session);
        loaded.scene = loaded.scene.narrowed(about);
        Ok(loaded)
    }

    /// Adds those of these runs that the scene has not.
    fn take(&mut self, rows: Vec<RunRow>) -> Result<(), StoreError> {
        let known: HashSet<RunId> = self.scene.runs.iter().map(|run| run.id).collect();
        for row in rows {
            let (run, pairs) = read(row)?;
            if !known.contains(&run.id) {
                self.metadata.insert(run.id, pairs);
                self.scene.runs.push(run);
            }
        }
        self.scene.runs.sort_by_key(|run| run.id);
        Ok(())
    }

    /// Decides, and saves what is decided. A scene is good for one decision.
    pub(crate) fn command(
        mut self,
        transaction: &mut Transaction<'_>,
        command: &Command,
    ) -> Result<Changes, WriteError> {
        let changes = self.decide(transaction, command)?;
        Ok(self.save(transaction, changes)?)
    }

    /// Saves what was decided over it.
    pub(super) fn save(
        self,
        transaction: &mut Transaction<'_>,
        mut changes: Changes,
    ) -> Result<Changes, StoreError> {
        let moved = save::save(transaction, &self, &changes)?;
        moved.tell(&mut changes.signals);
        Ok(changes)
    }

    /// Decides, over more of the scene where the decision asks for that.
    pub(super) fn decide(
        &mut self,
        transaction: &mut Transaction<'_>,
        command: &Command,
    ) -> Result<Changes, WriteError> {
        let at = transaction.at();
        let mut decided = lifecycle::decide(&self.scene, command.clone(), at);
        while let Err(Refusal::NotLoaded { missing }) = decided {
            self.load_missing(transaction, missing)?;
            decided = lifecycle::decide(&self.scene, command.clone(), at);
        }
        Ok(decided?)
    }

    fn load_missing(
        &mut self,
        connection: &Connection,
        missing: Missing,
    ) -> Result<(), WriteError> {
        match missing {
            Missing::Worker => {
                let session = self.scene.session.as_ref();
                let holder = session.and_then(|session| session.state.holder());
                let holder = holder.ok_or(Refusal::NotLoaded { missing })?;
                self.scene.worker = Some(workers::in_scene(connection, holder)?);
            }
            Missing::Waiting => {
                let session = self.scene.session.as_ref();
                let session = session.ok_or(Refusal::NotLoaded { missing })?;
                let rows = waiting(connection, session.id)?;
                self.take(rows)?;
                self.scene.more_wait = false;
            }
        }
        Ok(())
    }

    /// The command that the earliest clock asks for that has run out.
    pub(super) fn due(&self, now: Timestamp) -> Option<Command> {
        lifecycle::due(&self.scene, now)
    }
}

/// Every run that waits for its session. There may be thousands, which end with it in one
/// transaction.
fn waiting(connection: &Connection, session_id: SessionId) -> Result<Vec<RunRow>, StoreError> {
    connection.rows(
        select_runs!(
            "",
            "WHERE run.id IN (SELECT run_id FROM parked WHERE session_id = ? AND slot = 'session')"
        ),
        params![Id(session_id.uuid())],
    )
}
