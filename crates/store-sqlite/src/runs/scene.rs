//! The scene of a decision: a session, those of its runs that most decisions need, its credential;
//! and the others where one asks for them.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::credential::Credential;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{
    self, Changes, Command, KNOWN_OF_LINE, Missing, Scene, SceneCredential,
};
use windlass_domain::run::{Metadata, Refusal};
use windlass_records::columns::Id;
use windlass_records::rows::{CredentialRow, RunRow, SessionRow, Worker, WorkerRow};
use windlass_records::select_runs;

use super::save;
use crate::error::{read, store_error};
use crate::event_log::{Feed, feed};
use crate::transaction::Transaction;
use crate::workers;

/// Which of its statements reads the runs.
const RUNS: usize = 1;

/// The statements that read a scene, of the session that `$session` is the id of: the session, its runs,
/// its credential, its worker, and the feed of its organization.
macro_rules! scene {
    ($session:literal) => {
        [
            concat!(
                "SELECT id, organization_id, credential_id, source_id, pool, status, state, version,
                        runtime_ms, created_at, updated_at
                 FROM session
                 WHERE id = ",
                $session
            ),
            select_runs!(
                "",
                "WHERE run.id IN (
                     WITH own (id) AS (SELECT ",
                $session,
                ")
                     SELECT run_id FROM queue WHERE session_id = (SELECT id FROM own)
                     UNION SELECT run_id FROM live WHERE session_id = (SELECT id FROM own)
                     UNION SELECT run_id FROM parked
                     WHERE session_id = (SELECT id FROM own)
                       AND slot IN ('credential', 'source', 'organization')
                     UNION SELECT * FROM (
                         SELECT run_id FROM parked
                         WHERE session_id = (SELECT id FROM own) AND slot = 'session'
                         ORDER BY priority DESC, run_id
                         LIMIT ? + 0
                     )
                     UNION SELECT ?
                 )"
            ),
            concat!(
                "SELECT id, source_id, auth_method, external_id, status, NULL AS summary,
                        NULL AS secret, secrets_version, created_at, updated_at
                 FROM credential
                 WHERE id = (SELECT credential_id FROM session WHERE id = ",
                $session,
                ")"
            ),
            concat!(
                "SELECT id, organization_id, incarnation, draining, last_seen_at, brought
                 FROM worker
                 WHERE id = (SELECT worker_id FROM session WHERE id = ",
                $session,
                ")"
            ),
            feed!(
                "(SELECT organization_id FROM session WHERE id = ",
                $session,
                ")"
            )[0],
            feed!(
                "(SELECT organization_id FROM session WHERE id = ",
                $session,
                ")"
            )[1],
        ]
    };
}

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
    pub(crate) async fn load(
        transaction: &mut Transaction,
        session_id: SessionId,
        about: Option<RunId>,
    ) -> Result<Option<Self>, StoreError> {
        Self::read(transaction, scene!("?"), &[session_id.uuid()], about).await
    }

    /// The scene of a command to one of the organization's runs; None where it has no such run.
    pub(super) async fn of_run(
        transaction: &mut Transaction,
        organization_id: OrganizationId,
        run_id: RunId,
    ) -> Result<Option<Self>, StoreError> {
        let statements =
            scene!("(SELECT session_id FROM run WHERE id = ? AND organization_id = ?)");
        let of = [run_id.uuid(), organization_id.uuid()];
        Self::read(transaction, statements, &of, Some(run_id)).await
    }

    /// Reads all of a scene in one way to the file and back. `of` is what its statements find the
    /// session by.
    async fn read(
        transaction: &mut Transaction,
        statements: [&'static str; 6],
        of: &[Uuid],
        about: Option<RunId>,
    ) -> Result<Option<Self>, StoreError> {
        for (place, statement) in statements.into_iter().enumerate() {
            let found = transaction.ask(statement);
            let found = of.iter().fold(found, |found, id| found.bind(Id(*id)));
            if place == RUNS {
                let about = about.map(|id| Id(id.uuid()));
                found.bind(KNOWN_OF_LINE).bind(about);
            }
        }
        let rows = transaction.read(statements.len()).await?;
        let [session, runs, credential, worker, number, destinations] = &rows[..] else {
            return Ok(None);
        };
        let Some(session) = first::<SessionRow>(session)? else {
            return Ok(None);
        };
        let session = read(session)?;
        if let Some(feed) = Feed::of_rows(number, destinations)? {
            transaction.know_feed(session.organization_id, feed);
        }
        let worker = first::<WorkerRow>(worker)?.map(Worker::from);
        let runs: Result<Vec<RunRow>, _> = runs.iter().map(RunRow::from_row).collect();
        let mut loaded = Self::empty();
        loaded.scene.worker = session.state.holder().and_then(|holder| {
            let worker = worker.filter(|worker| worker.id == holder.worker_id)?;
            Some(worker.in_scene(holder))
        });
        loaded.scene.session = Some(session);
        let credential = first::<CredentialRow>(credential)?;
        loaded.credential = credential.map(read).transpose()?;
        loaded.scene.credential = loaded.credential.as_ref().map(SceneCredential::from);
        loaded.take(runs.map_err(store_error)?)?;
        loaded.scene = loaded.scene.narrowed(about);
        Ok(Some(loaded))
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
    pub(crate) async fn command(
        mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let changes = self.decide(transaction, command).await?;
        Ok(self.save(transaction, changes).await?)
    }

    /// Saves what was decided over it.
    pub(super) async fn save(
        self,
        transaction: &mut Transaction,
        mut changes: Changes,
    ) -> Result<Changes, StoreError> {
        let moved = save::save(transaction, &self, &changes).await?;
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
            self.load_missing(transaction.connection().await?, missing)
                .await?;
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

/// Every run that waits for its session. There may be thousands, which end with it in one
/// transaction.
async fn waiting(
    connection: &mut SqliteConnection,
    session_id: SessionId,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query_as(select_runs!(
        "",
        "WHERE run.id IN (SELECT run_id FROM parked WHERE session_id = ? AND slot = 'session')"
    ))
    .bind(Id(session_id.uuid()))
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

/// The only row, where there is one.
fn first<'row, Of: FromRow<'row, SqliteRow>>(
    rows: &'row [SqliteRow],
) -> Result<Option<Of>, StoreError> {
    let row = rows.first().map(Of::from_row).transpose();
    row.map_err(store_error)
}
