//! How a run stands in its row, with the settings of its task version, and with the clocks of its
//! lease, which move in `live` alone.

use std::time::Duration;

use sqlx::FromRow;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::RunView;
use windlass_domain::Timestamp;
use windlass_domain::id::{
    AgentId, CredentialId, MalformedId, OrganizationId, RunId, SessionId, SourceId, TaskId,
};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Epoch, Finished, Metadata, Run, RunState, Status};
use windlass_domain::task::TaskSettings;
use windlass_records::columns::{At, Id};
use windlass_records::{Impossible, RunStateRecord, TaskSettingsRecord};

use crate::error::corrupt;

/// Selects runs as [`RunRow`] has them, with `$more` columns and tables. A macro, since a query's
/// text is a constant.
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
                    task_version.settings AS settings,
                    live.lease_expires_at AS lease_expires_at, live.active_at AS active_at",
            $more,
            " FROM run
             JOIN task_version
               ON task_version.organization_id = run.organization_id
              AND task_version.task_id = run.task_id
              AND task_version.version = run.task_version
             LEFT JOIN live ON live.run_id = run.id ",
            $($rest),+
        )
    };
}

/// Selects runs with their outputs, as [`ViewRow`] has them.
macro_rules! select_views {
    ($rest:literal) => {
        $crate::runs::row::select_runs!(
            ", run_output.output AS output",
            "LEFT JOIN run_output ON run_output.run_id = run.id ",
            $rest
        )
    };
}

pub(crate) use {select_runs, select_views};

/// What `select_runs` brings.
#[derive(FromRow)]
pub(crate) struct RunRow {
    id: Id,
    organization_id: Id,
    session_id: Id,
    opened_session: bool,
    task_id: String,
    task_version: u32,
    agent_id: String,
    source_id: Option<String>,
    credential_id: Option<Id>,
    playbook_version: Option<u32>,
    pool: String,
    metadata: String,
    created_at: At,
    status: String,
    state: String,
    version: u32,
    epoch: u32,
    attempts: u32,
    losses: u32,
    runtime_ms: i64,
    finished_epoch: Option<u32>,
    finished_digest: Option<Vec<u8>>,
    updated_at: At,
    settings: String,
    lease_expires_at: Option<At>,
    active_at: Option<At>,
}

/// What `select_views` brings.
#[derive(FromRow)]
pub(crate) struct ViewRow {
    #[sqlx(flatten)]
    run: RunRow,
    output: Option<String>,
}

impl RunRow {
    /// The run, with its caller's own pairs.
    pub(crate) fn into_run(self) -> Result<(Run, Metadata), StoreError> {
        let id = RunId::from_uuid(self.id.0);
        self.parts(id).map_err(|error| corrupt("run", &id, &error))
    }

    fn parts(self, id: RunId) -> Result<(Run, Metadata), Impossible> {
        let settings: TaskSettingsRecord = windlass_records::read(&self.settings)?;
        let runtime_ms = u64::try_from(self.runtime_ms)
            .map_err(|_| Impossible::new("a runtime is not negative"))?;
        let source_id = self.source_id.as_deref().map(SourceId::parse);
        let run = Run {
            id,
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            session_id: SessionId::from_uuid(self.session_id.0),
            opened_session: self.opened_session,
            task_id: TaskId::parse(&self.task_id).map_err(malformed)?,
            task_version: self.task_version,
            agent_id: AgentId::parse(&self.agent_id).map_err(malformed)?,
            source_id: source_id.transpose().map_err(malformed)?,
            credential_id: self.credential_id.map(|id| CredentialId::from_uuid(id.0)),
            playbook_version: self.playbook_version,
            pool: Pool::parse(&self.pool).map_err(|error| Impossible::new(error.to_string()))?,
            settings: TaskSettings::try_from(settings)?,
            state: self.state()?,
            version: self.version,
            epoch: Epoch(self.epoch),
            attempts: self.attempts,
            losses: self.losses,
            runtime: Duration::from_millis(runtime_ms),
            finished: self.finished()?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        };
        Ok((run, windlass_records::read(&self.metadata)?))
    }

    fn state(&self) -> Result<RunState, Impossible> {
        let record: RunStateRecord = windlass_records::read(&self.state)?;
        let state = RunState::try_from(record)?;
        let status = state.status();
        if status.as_str() != self.status {
            let found = &self.status;
            let rule = format!("its status is that of its state, `{status}`; it is `{found}`");
            return Err(Impossible::new(rule));
        }
        match (state.lease(), self.lease_expires_at) {
            (None, None) => Ok(state),
            (Some(lease), Some(expires_at)) if lease.epoch == Epoch(self.epoch) => {
                let active_at = self.active_at.map(|at| at.0);
                Ok(with_clocks(state, expires_at.0, active_at))
            }
            (Some(lease), Some(_)) => Err(Impossible::new(format!(
                "a lease is that of the run's epoch, {}; it is that of {}",
                self.epoch, lease.epoch
            ))),
            (Some(_), None) => Err(Impossible::new("a run that a worker holds is in live")),
            (None, Some(_)) => Err(Impossible::new("a run in live has a lease")),
        }
    }

    fn finished(&self) -> Result<Option<Finished>, Impossible> {
        match (self.finished_epoch, &self.finished_digest) {
            (Some(epoch), Some(digest)) => Ok(Some(Finished {
                epoch: Epoch(epoch),
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

impl ViewRow {
    /// The run as its caller sees it.
    pub(crate) fn into_view(self) -> Result<RunView, StoreError> {
        let (run, metadata) = self.run.into_run()?;
        let output = match self.output {
            Some(output) if shows_output(run.status()) => {
                let read = windlass_records::read(&output);
                Some(read.map_err(|error| corrupt("run_output", &run.id, &error))?)
            }
            Some(_) | None => None,
        };
        Ok(RunView {
            run,
            metadata,
            output,
        })
    }
}

/// Whether callers see the output of a run that stands so.
pub(crate) fn shows_output(status: Status) -> bool {
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
pub(crate) fn with_clocks(
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
pub(crate) fn active_at(state: &RunState) -> Option<Timestamp> {
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

fn malformed(error: MalformedId) -> Impossible {
    Impossible::new(error.to_string())
}
