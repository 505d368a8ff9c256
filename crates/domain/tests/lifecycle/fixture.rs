//! Runs, sessions and scenes to ask the domain about.

use std::time::Duration;

use serde_json::json;
use windlass_domain::Timestamp;
use windlass_domain::id::{
    AgentId, CredentialId, InteractionId, OrganizationId, Random, RunId, SessionId, SourceId,
    TaskId, WorkerId,
};
use windlass_domain::lifecycle::{
    Changes, Command, LifecycleEvent, Scene, SceneWorker, Subject, decide,
};
use windlass_domain::pool::Pool;
use windlass_domain::run::{
    AfterRun, CredentialReport, Epoch, ErrorCode, Finish, FinishOutcome, Holder, Interaction,
    Lease, Run, RunCommand, RunError, RunState, Status, Waiting, WorkerCommand,
};
use windlass_domain::sealed::Sealed;
use windlass_domain::session::{Session, SessionState, SessionStatus};
use windlass_domain::task::TaskSettings;

use crate::situation::Situation;

/// When everything was made.
pub(crate) const STARTED: Timestamp = Timestamp::EPOCH;

/// The lease of a run that a worker holds is its second.
pub(crate) const EPOCH: Epoch = Epoch(2);

/// What the finish of a run that has finished said.
pub(crate) const DIGEST: [u8; 32] = [7; 32];

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Shortly after everything was made: no clock has run out.
pub(crate) fn soon() -> Timestamp {
    STARTED + seconds(1)
}

/// Every clock has run out.
pub(crate) fn late() -> Timestamp {
    STARTED + seconds(1_000_000)
}

pub(crate) fn run_id(number: u8) -> RunId {
    RunId::new(STARTED, Random([number; 10]))
}

pub(crate) fn session_id() -> SessionId {
    SessionId::new(STARTED, Random([1; 10]))
}

pub(crate) fn credential_id() -> CredentialId {
    CredentialId::new(STARTED, Random([1; 10]))
}

pub(crate) fn holder(number: u8) -> Holder {
    Holder {
        worker_id: WorkerId::new(STARTED, Random([number; 10])),
        incarnation: 1,
    }
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub(crate) fn lease() -> Lease {
    Lease {
        epoch: EPOCH,
        holder: holder(1),
        expires_at: STARTED + seconds(30),
        resumed: false,
        begun: true,
        checkpoint: None,
        secrets_version: None,
        inherited_secrets_version: None,
    }
}

pub(crate) fn interaction() -> Interaction {
    Interaction {
        id: InteractionId::new(STARTED, Random([1; 10])),
        kind: "mfa".to_owned(),
        message: "Enter the code".to_owned(),
        fields: Vec::new(),
        attempt: 1,
        created_at: STARTED,
        expires_at: STARTED + seconds(900),
    }
}

/// A run in `state`, in a session that it opened, with one attempt and every clock set.
pub(crate) fn run(number: u8, state: RunState) -> Run {
    let is_queued = state.status() == Status::Queued;
    Run {
        id: run_id(number),
        organization_id: OrganizationId::new(STARTED, Random([1; 10])),
        session_id: session_id(),
        opened_session: true,
        task_id: TaskId::new(STARTED, Random([1; 10])),
        task_version: 1,
        agent_id: AgentId::new(STARTED, Random([1; 10])),
        source_id: Some(SourceId::new(STARTED, Random([1; 10]))),
        credential_id: Some(credential_id()),
        playbook_version: None,
        pool: Pool::builtin(),
        settings: TaskSettings {
            timeout: Some(seconds(3600)),
            review_timeout: Some(seconds(86_400)),
            ..TaskSettings::default()
        },
        state,
        version: 3,
        epoch: EPOCH,
        attempts: u32::from(!is_queued),
        losses: 0,
        runtime: Duration::ZERO,
        finished: None,
        created_at: STARTED,
        updated_at: STARTED,
    }
}

pub(crate) fn queued(number: u8, waiting: Waiting) -> Run {
    run(
        number,
        RunState::Queued {
            waiting,
            checkpoint: None,
            secrets_version: None,
        },
    )
}

pub(crate) fn running(number: u8) -> Run {
    Situation::RunningBegun.run(number)
}

pub(crate) fn session(state: SessionState) -> Session {
    let run = running(1);
    Session {
        id: session_id(),
        organization_id: run.organization_id,
        credential_id: run.credential_id,
        source_id: run.source_id,
        pool: run.pool,
        state,
        version: 2,
        runtime: Duration::ZERO,
        created_at: STARTED,
        updated_at: STARTED,
    }
}

pub(crate) fn scene(state: SessionState, runs: Vec<Run>) -> Scene {
    Scene {
        session: Some(session(state)),
        runs,
        more_wait: false,
        credential: None,
        worker: Some(SceneWorker::Stays),
    }
}

pub(crate) fn finish(outcome: FinishOutcome) -> Finish {
    Finish {
        digest: DIGEST,
        outcome,
        credential: Some(CredentialReport::Verified),
        session: AfterRun::Keep,
        login: None,
    }
}

pub(crate) fn success() -> FinishOutcome {
    FinishOutcome::Success {
        output: json!({"amount": 1}),
    }
}

pub(crate) fn failure(code: ErrorCode) -> FinishOutcome {
    FinishOutcome::Failure {
        errors: vec![RunError::new(code, "it did not work")],
    }
}

pub(crate) fn worker(command: WorkerCommand) -> RunCommand {
    RunCommand::Worker {
        epoch: EPOCH,
        command,
    }
}

pub(crate) fn interact(attempt: u32) -> WorkerCommand {
    WorkerCommand::Interact {
        attempt,
        kind: "mfa".to_owned(),
        message: "Enter the code".to_owned(),
        fields: Vec::new(),
        checkpoint: None,
        random: Random([9; 10]),
    }
}

/// A person's answer to what the run asks.
pub(crate) fn answer(run: &Run) -> RunCommand {
    answer_to(pending(run).expect("the run asks something"))
}

/// The question that the run asks.
pub(crate) fn pending(run: &Run) -> Option<InteractionId> {
    match &run.state {
        RunState::InteractionRequired { interaction, .. } => Some(interaction.id),
        _ => None,
    }
}

pub(crate) fn answer_to(interaction_id: InteractionId) -> RunCommand {
    RunCommand::Answer {
        interaction_id,
        answers: sealed("604218"),
    }
}

/// A question that no run asks.
pub(crate) fn another_question() -> InteractionId {
    InteractionId::new(STARTED, Random([2; 10]))
}

/// The statuses that the events say the run entered.
pub(crate) fn entered(events: &[LifecycleEvent], id: RunId) -> Vec<Status> {
    events
        .iter()
        .filter(|event| matches!(&event.subject, Subject::Run { run_id, .. } if *run_id == id))
        .filter_map(|event| Status::parse(event.event_type.as_str().split_once('.')?.1))
        .collect()
}

/// The statuses that the events say the session entered.
pub(crate) fn session_entered(events: &[LifecycleEvent]) -> Vec<SessionStatus> {
    events
        .iter()
        .filter(|event| matches!(event.subject, Subject::Session { .. }))
        .filter_map(|event| SessionStatus::parse(event.event_type.as_str().split_once('.')?.1))
        .collect()
}

pub(crate) fn to(number: u8, command: RunCommand) -> Command {
    Command::Run {
        run_id: run_id(number),
        command,
    }
}

/// The lease of a worker.
pub(crate) fn lease_to(holder: Holder, explicit_begin: bool) -> RunCommand {
    RunCommand::Lease {
        holder,
        explicit_begin,
        length: seconds(10),
    }
}

pub(crate) fn is_running() -> SessionState {
    SessionState::Running { holder: holder(1) }
}

/// The scene after `command`, and what it brought.
pub(crate) fn after(scene: &Scene, command: Command, now: Timestamp) -> (Scene, Changes) {
    let changes = decide(scene, command, now).expect("the command is taken");
    let mut next = scene.clone();
    next.session = changes.session.clone().or(next.session);
    next.credential = changes.credential.or(next.credential);
    for run in &changes.runs {
        next.runs.retain(|kept| kept.id != run.id);
        next.runs.push(run.clone());
    }
    next.runs.sort_by_key(|run| run.id);
    (next, changes)
}

pub(crate) fn names(changes: &Changes) -> Vec<&'static str> {
    changes
        .events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect()
}
