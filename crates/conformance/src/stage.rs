//! What runs need before they can be started, and the calls that suites make of them.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{
    Attachment, Commanded, LeaseRequest, Leased, LeasedRun, NewRun, RunView, Swept,
};
use windlass_application::random::random;
use windlass_application::{Actor, OrganizationContext, Write};
use windlass_domain::Timestamp;
use windlass_domain::credential::Credential;
use windlass_domain::id::{InteractionId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{
    AfterRun, Epoch, ErrorCode, Finish, FinishOutcome, Holder, Run, RunCommand, RunError, RunState,
    Status, Waiting, WorkerCommand,
};
use windlass_domain::sealed::Sealed;
use windlass_domain::session::Session;
use windlass_domain::source::Source;
use windlass_domain::task::{Task, TaskSettings};

use crate::store::{Fixture, done};

/// How long a new lease lives.
pub const LEASE: Duration = Duration::from_secs(10);

/// How long an agent has to stop.
pub const GRACE: Duration = Duration::from_secs(30);

/// A task at a source with a credential, and a worker that leases its runs.
pub struct Stage<'a> {
    /// The store.
    pub fixture: &'a Fixture,
    /// The task, with settings that are the test's.
    pub task: Task,
    /// Its runs' source.
    pub source: Source,
    /// Its runs' credential.
    pub credential: Credential,
    /// The first start of an embedded worker.
    pub worker: Holder,
}

/// A length in seconds.
pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What a successful worker says.
pub fn success(output: Value) -> WorkerCommand {
    finish(1, FinishOutcome::Success { output })
}

/// What a worker says that could not do the task.
pub fn failure(code: ErrorCode) -> WorkerCommand {
    let errors = vec![RunError::new(code, "it did not work")];
    finish(2, FinishOutcome::Failure { errors })
}

/// The end of an execution; calls that say the same have the same `digest`.
pub fn finish(digest: u8, outcome: FinishOutcome) -> WorkerCommand {
    WorkerCommand::Finish(Finish {
        digest: [digest; 32],
        outcome,
        credential: None,
        session: AfterRun::Keep,
        login: None,
    })
}

/// A question to a person.
pub fn question(attempt: u32, checkpoint: Option<&str>) -> WorkerCommand {
    WorkerCommand::Interact {
        attempt,
        kind: "mfa".to_owned(),
        message: "Enter the code".to_owned(),
        fields: Vec::new(),
        checkpoint: checkpoint.map(sealed),
        random: random(),
    }
}

/// A person's answer to what the run asks.
///
/// # Panics
/// Where it asks nothing.
pub fn answer(run: &Run) -> RunCommand {
    let RunState::InteractionRequired { interaction, .. } = &run.state else {
        panic!("the run asks nothing: {run:?}");
    };
    answer_to(interaction.id)
}

/// A person's answer to this question.
pub fn answer_to(interaction_id: InteractionId) -> RunCommand {
    RunCommand::Answer {
        interaction_id,
        answers: sealed("the code"),
    }
}

/// The caller's cancel.
pub fn cancel() -> RunCommand {
    RunCommand::Cancel { grace: GRACE }
}

/// Something that a vault has sealed.
pub fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

impl<'a> Stage<'a> {
    /// A stage for runs with default settings.
    pub async fn new(fixture: &'a Fixture) -> Stage<'a> {
        Self::with(fixture, |_| {}).await
    }

    /// A stage for runs with these settings.
    pub async fn with(fixture: &'a Fixture, change: impl FnOnce(&mut TaskSettings)) -> Stage<'a> {
        let agent = fixture.agent("agt_stage").await;
        let source = fixture.source("src_stage").await;
        let credential = fixture.credential(&source.id).await;
        let mut task = fixture.new_task("task_stage", &agent.id);
        change(&mut task.settings);
        let created = fixture.ports.tasks.create(fixture.write(), task).await;
        let workers = &fixture.ports.workers;
        let registered = workers.register(None, "embedded", None).await;
        Stage {
            fixture,
            task: done(created.expect("a new task")),
            source,
            credential,
            worker: registered.expect("a first start").holder,
        }
    }

    /// Another task, of the same agent, with the same settings but for these.
    pub async fn task_with(&self, id: &str, change: impl FnOnce(&mut TaskSettings)) -> Task {
        let mut task = self.fixture.new_task(id, &self.task.agent_id);
        task.settings = self.task.settings.clone();
        change(&mut task.settings);
        let tasks = &self.fixture.ports.tasks;
        let created = tasks.create(self.fixture.write(), task).await;
        done(created.expect("a new task"))
    }

    /// A run of a task that is not started yet, in a session that it opens.
    pub fn new_run_of(&self, task: &Task) -> NewRun {
        let now = self.fixture.now();
        let run = Run {
            id: RunId::new(now, random()),
            organization_id: self.fixture.organization.organization_id(),
            session_id: SessionId::new(now, random()),
            opened_session: true,
            task_id: task.id.clone(),
            task_version: task.version,
            agent_id: task.agent_id.clone(),
            source_id: Some(self.source.id.clone()),
            credential_id: Some(self.credential.id),
            playbook_version: None,
            pool: Pool::builtin(),
            settings: task.settings.clone(),
            state: RunState::Queued {
                waiting: Waiting::ForWorker,
                checkpoint: None,
                secrets_version: None,
            },
            version: 0,
            epoch: Epoch::NONE,
            attempts: 0,
            losses: 0,
            runtime: Duration::ZERO,
            finished: None,
            created_at: now,
            updated_at: now,
        };
        NewRun {
            task_created_at: task.created_at,
            input: sealed("input"),
            metadata: [("tenant".to_owned(), "acme".to_owned())].into(),
            run,
        }
    }

    /// A run that is not started yet, in a session that it opens.
    pub fn new_run(&self) -> NewRun {
        self.new_run_of(&self.task)
    }

    /// A run that is not started yet, in the session of another.
    pub fn new_run_in(&self, session_id: SessionId) -> NewRun {
        let mut start = self.new_run();
        start.run.session_id = session_id;
        start.run.opened_session = false;
        start
    }

    /// Starts a run; answers how it stands then.
    pub async fn start(&self, start: NewRun) -> Run {
        let write = self.fixture.write();
        let started = self.fixture.ports.runs.start(write, start).await;
        done(started.expect("the run is started")).run.run
    }

    /// Starts a run in a session of its own.
    pub async fn started(&self) -> Run {
        self.start(self.new_run()).await
    }

    /// What the worker leases: everybody's runs of the built-in pool, with an explicit begin.
    pub fn lease_request(&self) -> LeaseRequest {
        LeaseRequest {
            organization: None,
            holder: self.worker,
            pools: vec![Pool::builtin()],
            capacity: 100,
            explicit_begin: true,
            sessions: Vec::new(),
            held: vec![],
            heard: None,
            length: LEASE,
        }
    }

    /// What a lease call brings.
    pub async fn lease(&self, request: LeaseRequest) -> Leased {
        let leased = self.fixture.ports.runs.lease(request).await;
        leased.expect("the worker may lease")
    }

    /// The next run for the worker.
    pub async fn next(&self) -> Option<LeasedRun> {
        let request = LeaseRequest {
            capacity: 1,
            ..self.lease_request()
        };
        self.lease(request).await.runs.pop()
    }

    /// A started run that the worker holds.
    pub async fn leased(&self) -> Run {
        self.started().await;
        self.next().await.expect("a run waits").run
    }

    /// A started run that this start of a worker holds.
    pub async fn leased_by(&self, holder: Holder) -> Run {
        self.started().await;
        let request = LeaseRequest {
            holder,
            capacity: 1,
            ..self.lease_request()
        };
        self.lease(request)
            .await
            .runs
            .pop()
            .expect("a run waits")
            .run
    }

    /// A run that the worker holds and has begun.
    pub async fn begun(&self) -> Run {
        let run = self.leased().await;
        self.say(&run, WorkerCommand::Begin).await
    }

    /// A run that waits for a person's answer.
    pub async fn asking(&self, checkpoint: Option<&str>) -> Run {
        let run = self.begun().await;
        self.say(&run, question(1, checkpoint)).await
    }

    /// Commands a run as its caller does.
    pub async fn command(
        &self,
        run_id: RunId,
        command: RunCommand,
    ) -> Result<Commanded, WriteError> {
        let write = self.fixture.write();
        let written = self
            .fixture
            .ports
            .runs
            .command(write, run_id, command, None)
            .await;
        written.map(done)
    }

    /// What the worker says under a lease, with what it sends.
    pub async fn try_say(
        &self,
        run_id: RunId,
        epoch: Epoch,
        command: WorkerCommand,
        attachment: Option<Attachment>,
    ) -> Result<Commanded, WriteError> {
        let command = RunCommand::Worker { epoch, command };
        let runs = &self.fixture.ports.runs;
        let written = runs
            .command(self.worker_write(), run_id, command, attachment)
            .await;
        written.map(done)
    }

    /// What the worker says under the run's present lease, and how the run stands then.
    pub async fn say(&self, run: &Run, command: WorkerCommand) -> Run {
        let said = self.try_say(run.id, run.epoch, command, None).await;
        said.expect("the run takes it").run.run
    }

    /// A call of the worker.
    pub fn worker_write(&self) -> Write {
        Write {
            actor: Actor::Worker,
            ..self.fixture.write()
        }
    }

    /// Lets time pass.
    pub fn pass(&self, length: Duration) {
        self.fixture.clock.advance(length);
    }

    /// Lets time pass until this moment.
    pub fn wait_until(&self, moment: Timestamp) {
        self.pass(moment.since(self.fixture.now()));
    }

    /// Acts on the clocks that have run out.
    pub async fn sweep(&self) -> Swept {
        let swept = self.fixture.ports.runs.sweep(100).await;
        swept.expect("the store sweeps")
    }

    /// How a run is seen by its caller.
    pub async fn view(&self, run_id: RunId) -> RunView {
        self.view_of(self.fixture.organization, run_id)
            .await
            .expect("the run is kept")
    }

    /// How a run is seen by a caller of this organization.
    pub async fn view_of(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Option<RunView> {
        let run = self.fixture.ports.runs.get(organization, run_id).await;
        run.expect("the store reads")
    }

    /// How a run stands.
    pub async fn run(&self, run_id: RunId) -> Run {
        self.view(run_id).await.run
    }

    /// In which status a run is.
    pub async fn status(&self, run_id: RunId) -> Status {
        self.run(run_id).await.status()
    }

    /// The codes of a failed run's errors, with their types.
    pub async fn errors(&self, run_id: RunId) -> Vec<String> {
        match self.run(run_id).await.state {
            RunState::Failed { errors } => errors
                .iter()
                .map(|error| {
                    format!(
                        "{}/{}",
                        error.code.error_type().as_str(),
                        error.code.as_str()
                    )
                })
                .collect(),
            other => panic!("the run has not failed: {other:?}"),
        }
    }

    /// How a session stands.
    pub async fn session(&self, id: SessionId) -> Session {
        let sessions = &self.fixture.ports.sessions;
        let session = sessions.get(self.fixture.organization, id).await;
        session
            .expect("the store reads")
            .expect("the session is kept")
    }

    /// The types of the events that a test brings, without those of the stage.
    pub async fn events(&self) -> Vec<&'static str> {
        let events = self.fixture.event_types().await;
        let about_runs = events.iter().filter(|event_type| {
            matches!(event_type.family(), "task_run" | "session" | "storage")
                || matches!(
                    event_type.as_str(),
                    "credential.verified" | "credential.invalid"
                )
        });
        about_runs.map(|event_type| event_type.as_str()).collect()
    }
}

/// The output that most runs give.
pub fn output() -> Value {
    json!({"amount": 42})
}
