//! Whether the events of a step tell what it changed: one for each status entered, along the
//! tables, with rising versions and moments.

use windlass_domain::Timestamp;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::{LifecycleEvent, Scene, Subject};
use windlass_domain::run::{Run, Status};
use windlass_domain::session::{Session, SessionStatus};

use super::promise::Promise;
use crate::fixture::{entered, session_entered};

/// Where a run or a session stands with its last event.
struct Last<S> {
    status: Option<S>,
    version: u32,
    at: Option<Timestamp>,
}

pub(super) fn check(
    before: &Scene,
    events: &[LifecycleEvent],
    after: &Scene,
) -> Result<(), Promise> {
    for run in &after.runs {
        let earlier = before.runs.iter().find(|earlier| earlier.id == run.id);
        let from = Last {
            status: earlier.map(Run::status),
            version: earlier.map_or(0, |run| run.version),
            at: earlier.map(|run| run.updated_at),
        };
        let to = Last {
            status: Some(run.status()),
            version: run.version,
            at: Some(run.updated_at),
        };
        let moments = moments(events, Some(run.id));
        told(
            &from,
            &entered(events, run.id),
            &moments,
            &to,
            run_successors,
        )?;
    }
    let Some(session) = &after.session else {
        return Ok(());
    };
    let earlier = before.session.as_ref();
    let from = Last {
        status: earlier.map(Session::status),
        version: earlier.map_or(0, |session| session.version),
        at: earlier.map(|session| session.updated_at),
    };
    let to = Last {
        status: Some(session.status()),
        version: session.version,
        at: Some(session.updated_at),
    };
    let moments = moments(events, None);
    told(
        &from,
        &session_entered(events),
        &moments,
        &to,
        session_successors,
    )
}

fn told<S: Copy + PartialEq>(
    from: &Last<S>,
    entered: &[S],
    moments: &[(u32, Timestamp)],
    to: &Last<S>,
    successors: fn(Option<S>) -> &'static [S],
) -> Result<(), Promise> {
    let mut last = Last { ..*from };
    for (status, (version, at)) in entered.iter().zip(moments) {
        let follows = successors(last.status).contains(status)
            && *version == last.version + 1
            && last.at.is_none_or(|before| *at > before);
        if !follows {
            return Err(Promise::EachStatusIsToldOnce);
        }
        last = Last {
            status: Some(*status),
            version: *version,
            at: Some(*at),
        };
    }
    if last.status == to.status && last.version == to.version && last.at == to.at {
        Ok(())
    } else {
        Err(Promise::EachStatusIsToldOnce)
    }
}

/// Version and moment of each event of the run; of the session's where it is None.
fn moments(events: &[LifecycleEvent], of: Option<RunId>) -> Vec<(u32, Timestamp)> {
    events
        .iter()
        .filter_map(|event| match &event.subject {
            Subject::Run {
                run_id, version, ..
            } => (Some(*run_id) == of).then_some((*version, event.at)),
            Subject::Session { version, .. } => of.is_none().then_some((*version, event.at)),
            Subject::Credential { .. } => None,
        })
        .collect()
}

/// The arrows of docs/lifecycle.md, "Statuses of a run".
fn run_successors(status: Option<Status>) -> &'static [Status] {
    match status {
        None => &[Status::Queued],
        Some(Status::Queued) => &[Status::Running, Status::Canceling, Status::Failed],
        Some(Status::Running) => &[
            Status::Queued,
            Status::InteractionRequired,
            Status::ReviewRequired,
            Status::Completed,
            Status::Failed,
            Status::Canceling,
        ],
        Some(Status::InteractionRequired) => &[
            Status::Queued,
            Status::Running,
            Status::Failed,
            Status::Canceling,
        ],
        Some(Status::ReviewRequired) => &[Status::Completed, Status::Failed],
        Some(Status::Canceling) => &[Status::Canceled],
        Some(Status::Completed | Status::Failed | Status::Canceled) => &[],
    }
}

/// The arrows of docs/lifecycle.md, "Sessions".
fn session_successors(status: Option<SessionStatus>) -> &'static [SessionStatus] {
    match status {
        None => &[SessionStatus::Queued],
        Some(SessionStatus::Queued) => &[SessionStatus::Running, SessionStatus::Completing],
        Some(SessionStatus::Running) => &[
            SessionStatus::Idle,
            SessionStatus::Completing,
            SessionStatus::Queued,
            SessionStatus::Failed,
        ],
        Some(SessionStatus::Idle) => &[
            SessionStatus::Running,
            SessionStatus::Completing,
            SessionStatus::Failed,
        ],
        Some(SessionStatus::Completing) => &[SessionStatus::Completed, SessionStatus::Failed],
        Some(SessionStatus::Completed | SessionStatus::Failed) => &[],
    }
}
