//! How a run stands in its row, with the settings of its task version, and with the clocks of its
//! lease, which move in `live` alone.

use windlass_application::ports::runs::RunView;
use windlass_domain::Timestamp;
use windlass_domain::id::{
    AgentId, CredentialId, OrganizationId, RunId, SessionId, SourceId, TaskId,
};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Epoch, Finished, Holder, Metadata, Run, RunState, Status};
use windlass_domain::task::TaskSettings;

use super::{Row, length};
use crate::columns::{At, Count, HeldBy, Id};
#[cfg(feature = "sqlite")]
use crate::sqlite::{Columns, FromRow};
use crate::{Impossible, RunStateRecord, TaskSettingsRecord};

/// Selects runs as [`RunRow`] has them, with `$more` columns and tables. A macro, since a query's
/// text is a constant. The settings are no join, since a planner that knows nothing of the tables
/// would begin with them and read all runs.
#[macro_export]
macro_rules! select_runs {
    ($more:literal, $($rest:literal),+) => {
        concat!(
            "SELECT run.id AS id, run.organization_id AS organization_id,
                    run.session_id AS session_id, run.opened_session AS opened_session,
                    run.task_id AS task_id, run.task_version AS task_version,
                    run.agent_id AS agent_id, run.source_id AS source_id,
                    run.credential_id AS credential_id,
                    run.playbook_version AS playbook_version, run.pool AS pool,
                    run.metadata AS metadata, run.created_at AS created_at,
                    run.status AS status, run.state AS state, run.version AS version,
                    run.epoch AS epoch, run.attempts AS attempts, run.losses AS losses,
                    run.runtime_ms AS runtime_ms, run.finished_epoch AS finished_epoch,
                    run.finished_digest AS finished_digest, run.updated_at AS updated_at,
                    (SELECT task_version.settings
                     FROM task_version
                     WHERE task_version.organization_id = run.organization_id
                       AND task_version.task_id = run.task_id
                       AND task_version.version = run.task_version) AS settings,
                    live.lease_expires_at AS lease_expires_at, live.active_at AS active_at",
            $more,
            " FROM run
             LEFT JOIN live ON live.run_id = run.id ",
            $($rest),+
        )
    };
}

/// Selects runs with their outputs, as [`ViewRow`] has them.
#[macro_export]
macro_rules! select_views {
    ($rest:literal) => {
        $crate::select_runs!(
            ", run_output.output AS output",
            "LEFT JOIN run_output ON run_output.run_id = run.id ",
            $rest
        )
    };
}

row! {
    /// What [`select_runs!`](crate::select_runs) brings.
    pub struct RunRow {
        id: Id,
        organization_id: Id,
        session_id: Id,
        opened_session: bool,
        task_id: String,
        task_version: Count,
        agent_id: String,
        source_id: Option<String>,
        credential_id: Option<Id>,
        playbook_version: Option<Count>,
        pool: String,
        metadata: String,
        created_at: At,
        status: String,
        state: String,
        version: Count,
        epoch: Count,
        attempts: Count,
        losses: Count,
        runtime_ms: i64,
        finished_epoch: Option<Count>,
        finished_digest: Option<Vec<u8>>,
        updated_at: At,
        settings: Option<String>,
        lease_expires_at: Option<At>,
        active_at: Option<At>,
    }
}

/// What [`select_views!`](crate::select_views) brings.
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
pub struct ViewRow {
    #[cfg_attr(feature = "postgres", sqlx(flatten))]
    run: RunRow,
    output: Option<String>,
}

#[cfg(feature = "sqlite")]
impl FromRow for ViewRow {
    fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: RunRow::from_row(columns)?,
            output: columns.get("output")?,
        })
    }
}

/// What [`select_runs!`](crate::select_runs) brings of a run that waits for a slot, with who alone
/// may take it then.
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
pub struct WaitingRow {
    #[cfg_attr(feature = "postgres", sqlx(flatten))]
    run: RunRow,
    held_by: HeldBy,
}

#[cfg(feature = "sqlite")]
impl FromRow for WaitingRow {
    fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: RunRow::from_row(columns)?,
            held_by: columns.get("held_by")?,
        })
    }
}

impl Row for RunRow {
    type Kept = (Run, Metadata);
    const TABLE: &'static str = "run";

    fn name(&self) -> String {
        RunId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<(Run, Metadata), Impossible> {
        let settings = self.settings.as_deref().ok_or_else(|| {
            let version = self.task_version.0;
            Impossible::new(format!("version {version} of its task is kept"))
        })?;
        let settings: TaskSettingsRecord = crate::read(settings)?;
        let source_id = self.source_id.as_deref().map(SourceId::parse);
        let run = Run {
            id: RunId::from_uuid(self.id.0),
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            session_id: SessionId::from_uuid(self.session_id.0),
            opened_session: self.opened_session,
            task_id: TaskId::parse(&self.task_id)?,
            task_version: self.task_version.0,
            agent_id: AgentId::parse(&self.agent_id)?,
            source_id: source_id.transpose()?,
            credential_id: self.credential_id.map(|id| CredentialId::from_uuid(id.0)),
            playbook_version: self.playbook_version.map(|version| version.0),
            pool: Pool::parse(&self.pool).map_err(|error| Impossible::new(error.to_string()))?,
            settings: TaskSettings::try_from(settings)?,
            state: self.state()?,
            version: self.version.0,
            epoch: Epoch(self.epoch.0),
            attempts: self.attempts.0,
            losses: self.losses.0,
            runtime: length(self.runtime_ms)?,
            finished: self.finished()?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        };
        Ok((run, crate::read(&self.metadata)?))
    }
}

impl RunRow {
    /// Its session's id.
    pub fn session_id(&self) -> SessionId {
        SessionId::from_uuid(self.session_id.0)
    }

    fn state(&self) -> Result<RunState, Impossible> {
        let record: RunStateRecord = crate::read(&self.state)?;
        let state = RunState::try_from(record)?;
        let status = state.status();
        if status.as_str() != self.status {
            let found = &self.status;
            let rule = format!("its status is that of its state, `{status}`; it is `{found}`");
            return Err(Impossible::new(rule));
        }
        match (state.lease(), self.lease_expires_at) {
            (None, None) => Ok(state),
            (Some(lease), Some(expires_at)) if lease.epoch == Epoch(self.epoch.0) => {
                let active_at = self.active_at.map(|at| at.0);
                Ok(with_clocks(state, expires_at.0, active_at))
            }
            (Some(lease), Some(_)) => Err(Impossible::new(format!(
                "a lease is that of the run's epoch, {}; it is that of {}",
                self.epoch.0, lease.epoch
            ))),
            (Some(_), None) => Err(Impossible::new("a run that a worker holds is in live")),
            (None, Some(_)) => Err(Impossible::new("a run in live has a lease")),
        }
    }

    fn finished(&self) -> Result<Option<Finished>, Impossible> {
        match (self.finished_epoch, &self.finished_digest) {
            (Some(epoch), Some(digest)) => Ok(Some(Finished {
                epoch: Epoch(epoch.0),
                digest: digest
                    .as_slice()
                    .try_into()
                    .map_err(|_| Impossible::new("a finish's digest has 32 bytes"))?,
            })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(Impossible::new("a finish has an epoch and a digest"))
            }
        }
    }
}

impl Row for WaitingRow {
    type Kept = (Run, Option<Holder>);
    const TABLE: &'static str = "parked";

    fn name(&self) -> String {
        self.run.name()
    }

    fn kept(self) -> Result<(Run, Option<Holder>), Impossible> {
        let (run, _) = self.run.kept()?;
        Ok((run, self.held_by.0))
    }
}

impl Row for ViewRow {
    type Kept = RunView;
    const TABLE: &'static str = RunRow::TABLE;

    fn name(&self) -> String {
        self.run.name()
    }

    fn kept(self) -> Result<RunView, Impossible> {
        let (run, metadata) = self.run.kept()?;
        let output = self.output.filter(|_| shows_output(run.status()));
        Ok(RunView {
            run,
            metadata,
            output: output.as_deref().map(crate::read).transpose()?,
        })
    }
}

/// Whether callers see the output of a run that stands so.
pub fn shows_output(status: Status) -> bool {
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

/// `state` with these moments of its lease and of its last activity, where it has them.
fn with_clocks(
    mut state: RunState,
    lease_expires_at: Timestamp,
    last_activity: Option<Timestamp>,
) -> RunState {
    match &mut state {
        RunState::Running {
            lease, active_at, ..
        } => {
            lease.expires_at = lease_expires_at;
            *active_at = last_activity.unwrap_or(*active_at);
        }
        RunState::InteractionRequired { lease, .. } | RunState::Canceling { lease, .. } => {
            lease.expires_at = lease_expires_at;
        }
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => {}
    }
    state
}

/// When a worker that holds the run was last active, where that counts.
pub fn active_at(state: &RunState) -> Option<Timestamp> {
    match state {
        RunState::Running { active_at, .. } => Some(*active_at),
        RunState::Queued { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

/// Whether two states of a run are the same but for the moments that `live` has.
pub(crate) fn differ_in_clocks_alone(before: &Run, after: &Run) -> bool {
    let Some(lease) = before.state.lease() else {
        return false;
    };
    let state = with_clocks(
        after.state.clone(),
        lease.expires_at,
        active_at(&before.state),
    );
    let after = Run {
        state,
        ..after.clone()
    };
    *before == after
}
