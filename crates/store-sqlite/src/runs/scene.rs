//! The scene of a decision: a session, its runs that are not final, its credential.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, RunId, SessionId};
use windlass_domain::lifecycle::{self, Changes, Command, Missing, Scene, SceneCredential};
use windlass_domain::run::{Metadata, Refusal};
use windlass_records::columns::Id;
use windlass_records::rows::RunRow;
use windlass_records::rows::SceneCredentialRow;
use windlass_records::select_runs;

use super::save;
use crate::error::{read, store_error};
use crate::sessions;
use crate::transaction::Transaction;
use crate::workers;

/// A scene with what its events and answers need besides.
pub(crate) struct Loaded {
    /// What the decision reads.
    pub(crate) scene: Scene,
    /// The callers' own pairs, by run.
    pub(crate) metadata: HashMap<RunId, Metadata>,
}

impl Loaded {
    /// The scene of a start that opens its session.
    pub(super) fn empty() -> Self {
        Self {
            scene: Scene {
                session: None,
                runs: Vec::new(),
                credential: None,
                worker: None,
            },
            metadata: HashMap::new(),
        }
    }

    /// The scene of this session, with the run `about` also where that is final. The write lock
    /// of the transaction stands for the row locks.
    ///
    /// Whose the session is, the caller has checked, or it comes from a row of ours.
    pub(crate) async fn load(
        connection: &mut SqliteConnection,
        session_id: SessionId,
        about: Option<RunId>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(session) = sessions::load(connection, session_id).await? else {
            return Ok(None);
        };
        let rows: Vec<RunRow> = sqlx::query_as(select_runs!(
            "",
            "WHERE run.id IN (
                 SELECT run_id FROM queue WHERE session_id = ?1
                 UNION SELECT run_id FROM parked WHERE session_id = ?1
                 UNION SELECT run_id FROM live WHERE session_id = ?1
                 UNION SELECT run_id FROM review WHERE session_id = ?1
                 UNION SELECT ?2
             )
             ORDER BY run.id"
        ))
        .bind(Id(session_id.uuid()))
        .bind(about.map(|id| Id(id.uuid())))
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
        let mut runs = Vec::with_capacity(rows.len());
        let mut metadata = HashMap::with_capacity(rows.len());
        for row in rows {
            let (run, pairs) = read(row)?;
            metadata.insert(run.id, pairs);
            runs.push(run);
        }
        let credential = match session.credential_id {
            Some(id) => credential(connection, id).await?,
            None => None,
        };
        Ok(Some(Self {
            scene: Scene {
                session: Some(session),
                runs,
                credential,
                worker: None,
            },
            metadata,
        }))
    }

    /// Decides, saves what is decided, and is the scene after it.
    pub(crate) async fn command(
        &mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let mut changes = self.decide(transaction, command).await?;
        let moved = save::save(transaction, self, &changes).await?;
        self.follow(&changes);
        moved.tell(&mut changes.signals);
        Ok(changes)
    }

    /// Decides, over more of the scene where the decision asks for that.
    pub(super) async fn decide(
        &mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let at = transaction.at();
        let mut decided = lifecycle::decide(&self.scene, command.clone(), at);
        while let Err(Refusal::NotLoaded { missing }) = decided {
            self.load_missing(transaction.connection(), missing).await?;
            decided = lifecycle::decide(&self.scene, command.clone(), at);
        }
        Ok(decided?)
    }

    async fn load_missing(
        &mut self,
        connection: &mut SqliteConnection,
        missing: Missing,
    ) -> Result<(), WriteError> {
        match missing {
            Missing::Worker => {
                let session = self.scene.session.as_ref();
                let holder = session.and_then(|session| session.state.holder());
                let holder = holder.ok_or(Refusal::NotLoaded { missing })?;
                self.scene.worker = Some(workers::in_scene(connection, holder).await?);
            }
        }
        Ok(())
    }

    /// The scene after these changes, as it would be loaded: final runs are gone from it.
    pub(super) fn follow(&mut self, changes: &Changes) {
        let scene = &mut self.scene;
        if let Some(session) = &changes.session {
            scene.session = Some(session.clone());
        }
        for run in &changes.runs {
            scene.runs.retain(|known| known.id != run.id);
            if !run.status().is_final() {
                scene.runs.push(run.clone());
            }
        }
        scene.runs.sort_by_key(|run| run.id);
        if let Some(credential) = changes.credential {
            scene.credential = Some(credential);
        }
        scene.worker = None;
    }

    /// The command that the earliest clock asks for that has run out.
    pub(super) fn due(&self, now: Timestamp) -> Option<Command> {
        lifecycle::due(&self.scene, now)
    }
}

async fn credential(
    connection: &mut SqliteConnection,
    id: CredentialId,
) -> Result<Option<SceneCredential>, StoreError> {
    let row: Option<SceneCredentialRow> =
        sqlx::query_as("SELECT id, status, updated_at FROM credential WHERE id = ?")
            .bind(Id(id.uuid()))
            .fetch_optional(connection)
            .await
            .map_err(store_error)?;
    row.map(read).transpose()
}
