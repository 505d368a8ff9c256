//! The scene of a decision: a session, those of its runs that most decisions need, its credential;
//! and the others where one asks for them.
//!
//! Whoever changes a run has its session's row locked: that one lock stands for the whole scene, and
//! runs need none of their own. A credential is shared by scenes; it is locked only where a decision
//! changes it. Source: docs/decisions/0012-one-lock-per-scene.md.

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{
    self, Changes, Command, KNOWN_OF_LINE, Missing, Scene, SceneCredential,
};
use windlass_domain::run::{Metadata, Refusal};
use windlass_records::columns::Id;
use windlass_records::rows::{RunRow, SceneCredentialRow, SessionRow};
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

/// Scenes by session, or why there is none: one broken row must not break those beside it.
pub(super) type Scenes = HashMap<SessionId, Result<Loaded, StoreError>>;

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
        }
    }

    /// The scene of this session, as far as most decisions need it, once nobody else has it.
    ///
    /// Whose the session is, the caller checks, or it comes from a row of ours.
    pub(crate) async fn load(
        transaction: &mut Transaction,
        session_id: SessionId,
    ) -> Result<Option<Self>, StoreError> {
        let row = sessions::lock(transaction.connection(), session_id).await?;
        transaction.has_waited();
        one(transaction.connection(), row, None).await
    }

    /// The same of the session of one of the organization's runs, for decisions about that run.
    pub(super) async fn load_of_run(
        transaction: &mut Transaction,
        organization_id: OrganizationId,
        run_id: RunId,
    ) -> Result<Option<Self>, StoreError> {
        let connection = transaction.connection();
        let row = sessions::lock_of_run(connection, organization_id, run_id).await?;
        transaction.has_waited();
        one(transaction.connection(), row, Some(run_id)).await
    }

    /// The same of those of these sessions that nobody else has, for decisions about this run of
    /// theirs or about whoever may be leased: it waits for nobody.
    pub(super) async fn load_free(
        transaction: &mut Transaction,
        session_ids: &[SessionId],
        about: Option<RunId>,
    ) -> Result<Scenes, StoreError> {
        let ids: Vec<Uuid> = session_ids.iter().map(|id| id.uuid()).collect();
        let rows = sessions::lock_free(transaction.connection(), &ids).await?;
        scenes(transaction.connection(), rows, about).await
    }

    /// Whether it is this organization's.
    pub(crate) fn is_of(&self, organization_id: OrganizationId) -> bool {
        let session = self.scene.session.as_ref();
        session.is_some_and(|session| session.organization_id == organization_id)
    }

    /// Decides, and saves what is decided. A scene is good for one decision.
    pub(crate) async fn command(
        mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let mut changes = self.decide(transaction, command).await?;
        let moved = save::save(transaction, &self, &changes).await?;
        moved.tell(&mut changes.signals);
        Ok(changes)
    }

    /// Decides; where that changes the credential or its saved login, over the credential as it is once it is locked.
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
        let changes = decided?;
        let changed = changes.credential.map(|credential| credential.id);
        let saved = changes.login.as_ref().map(|saved| saved.credential_id);
        let Some(credential_id) = changed.or(saved) else {
            return Ok(changes);
        };
        let locked = lock_credential(transaction.connection(), credential_id).await?;
        if locked == self.scene.credential {
            return Ok(changes);
        }
        self.scene.credential = locked;
        Ok(lifecycle::decide(&self.scene, command, at)?)
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

    /// Loads what a decision has asked for.
    async fn load_missing(
        &mut self,
        connection: &mut PgConnection,
        missing: Missing,
    ) -> Result<(), WriteError> {
        match missing {
            Missing::Worker => {
                let session = self.scene.session.as_ref();
                let holder = session.and_then(|session| session.state.holder());
                let holder = holder.ok_or(Refusal::NotLoaded { missing })?;
                self.scene.worker = Some(workers::in_scene(connection, holder).await?);
            }
            Missing::Waiting => {
                let session = self.scene.session.as_ref();
                let session = session.ok_or(Refusal::NotLoaded { missing })?;
                let rows = waiting(connection, session.id).await?;
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

async fn one(
    connection: &mut PgConnection,
    row: Option<SessionRow>,
    about: Option<RunId>,
) -> Result<Option<Loaded>, StoreError> {
    let rows = row.into_iter().collect();
    let scenes = scenes(connection, rows, about).await?;
    scenes.into_values().next().transpose()
}

/// The scenes of these sessions, which are locked, with the run `about` also where that is final.
async fn scenes(
    connection: &mut PgConnection,
    sessions: Vec<SessionRow>,
    about: Option<RunId>,
) -> Result<Scenes, StoreError> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = sessions.iter().map(|row| row.id().uuid()).collect();
    let mut runs = runs(connection, &ids, about).await?;
    let sessions: Vec<_> = sessions
        .into_iter()
        .map(|row| (row.id(), read(row)))
        .collect();
    let credential_ids: Vec<Uuid> = sessions
        .iter()
        .filter_map(|(_, session)| session.as_ref().ok()?.credential_id)
        .map(CredentialId::uuid)
        .collect();
    let credentials = credentials(connection, &credential_ids).await?;
    let scenes = sessions.into_iter().map(|(id, session)| {
        let rows = runs.remove(&id).unwrap_or_default();
        let scene = session.and_then(|session| {
            let credential = session.credential_id;
            let mut loaded = Loaded::empty();
            loaded.scene.credential = credential.and_then(|id| credentials.get(&id).copied());
            loaded.scene.session = Some(session);
            loaded.take(rows)?;
            loaded.scene = loaded.scene.narrowed(about);
            Ok(loaded)
        });
        (id, scene)
    });
    Ok(scenes.collect())
}

/// Of each of these sessions the run that has its slot, the first of those that wait for it, and the
/// run `about`. Their ids are an array and no join, so that they are found before any run is read.
async fn runs(
    connection: &mut PgConnection,
    session_ids: &[Uuid],
    about: Option<RunId>,
) -> Result<HashMap<SessionId, Vec<RunRow>>, StoreError> {
    let rows: Vec<RunRow> = sqlx::query_as(select_runs!(
        "",
        "WHERE run.id = ANY(ARRAY(
             SELECT run_id FROM queue WHERE session_id = ANY($1)
             UNION SELECT run_id FROM live WHERE session_id = ANY($1)
             UNION SELECT run_id FROM parked
             WHERE session_id = ANY($1) AND slot = ANY('{credential,source,organization}')
             UNION SELECT line.run_id
             FROM unnest($1::uuid[]) AS of (session_id)
             CROSS JOIN LATERAL (
                 SELECT run_id
                 FROM parked
                 WHERE parked.session_id = of.session_id AND slot = 'session'
                 ORDER BY priority DESC, run_id
                 LIMIT $3
             ) AS line
             UNION SELECT $2
         ))"
    ))
    .bind(session_ids)
    .bind(about.map(|id| Id(id.uuid())))
    .bind(i64::from(KNOWN_OF_LINE))
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut runs: HashMap<SessionId, Vec<RunRow>> = HashMap::new();
    for row in rows {
        runs.entry(row.session_id()).or_default().push(row);
    }
    Ok(runs)
}

/// Every run that waits for its session. There may be thousands, which end with it in one
/// transaction.
async fn waiting(
    connection: &mut PgConnection,
    session_id: SessionId,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query_as(select_runs!(
        "",
        "WHERE run.id = ANY(ARRAY(
             SELECT run_id FROM parked WHERE session_id = $1 AND slot = 'session'
         ))"
    ))
    .bind(Id(session_id.uuid()))
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

async fn credentials(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<CredentialId, SceneCredential>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<SceneCredentialRow> = sqlx::query_as(
        "SELECT id, status, secrets_version, updated_at FROM credential WHERE id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| read(row).map(|credential: SceneCredential| (credential.id, credential)))
        .collect()
}

async fn lock_credential(
    connection: &mut PgConnection,
    id: CredentialId,
) -> Result<Option<SceneCredential>, StoreError> {
    let row: Option<SceneCredentialRow> = sqlx::query_as(
        "SELECT id, status, secrets_version, updated_at FROM credential WHERE id = $1 FOR NO KEY UPDATE",
    )
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}
