//! A random history of commands through the store equals the same history in memory.
//!
//! The store is asked and so is the domain, over a scene that lies in memory: answers, runs and
//! session must be the same after each step. What the store leaves out, or makes of its own, shows.
//! Each run needs the one slot that there is of each kind: one that a history does not give back
//! stops the next.

use std::collections::HashSet;
use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{LeaseRequest, LeasedRun};
use windlass_application::random::random;
use windlass_domain::id::{InteractionId, RunId};
use windlass_domain::lifecycle::{
    Changes, Command, Scene, SceneCredential, SceneWorker, decide, due,
};
use windlass_domain::run::{
    AfterRun, CredentialReport, Epoch, ErrorCode, Finish, FinishOutcome, Holder, Refusal, Run,
    RunCommand, RunState, Status, Waiting, WorkerCommand,
};
use windlass_domain::session::{SessionCommand, SessionState};
use windlass_domain::task::Review;

use crate::dice::Dice;
use crate::stage::{LEASE, Stage, answer_to, cancel, failure, output, question, seconds, success};
use crate::store::{Fixture, done};
use crate::strict::{STRICT, nothing_is_taken, one_at_a_time};

/// How many sessions a test plays, one after the other.
const SESSIONS: u64 = 20;

/// How many steps the history of one has at most.
const STEPS: usize = 60;

/// How many runs are started in one at most.
const RUNS: usize = 6;

/// A random history through the store equals the same history in memory, for a task that repeats.
pub async fn a_history_of_attempts_is_as_decided(fixture: &Fixture) {
    let strict = fixture.with_caps(STRICT).await;
    let stage = Stage::with(&strict, |settings| {
        settings.concurrency = one_at_a_time();
        settings.max_attempts = 3;
        settings.session_idle = seconds(20);
        settings.queue_timeout = seconds(600);
        settings.timeout = Some(seconds(400));
    });
    play(stage.await, 1).await;
}

/// The same for a task whose output is reviewed.
pub async fn a_history_of_reviews_is_as_decided(fixture: &Fixture) {
    let strict = fixture.with_caps(STRICT).await;
    let stage = Stage::with(&strict, |settings| {
        settings.concurrency = one_at_a_time();
        settings.review = Review::Required;
        settings.review_timeout = Some(seconds(90));
        settings.interaction_timeout = seconds(40);
    });
    play(stage.await, 2).await;
}

/// The same where a session ends with its last run.
pub async fn a_history_of_short_sessions_is_as_decided(fixture: &Fixture) {
    let strict = fixture.with_caps(STRICT).await;
    let stage = Stage::with(&strict, |settings| {
        settings.concurrency = one_at_a_time();
        settings.session_idle = seconds(0);
        settings.inactivity_timeout = seconds(60);
    });
    play(stage.await, 3).await;
}

/// What the store should hold of one session.
struct World<'a> {
    stage: Stage<'a>,
    dice: Dice,
    /// All runs, final ones too.
    runs: Vec<Run>,
    scene: Scene,
}

async fn play(stage: Stage<'_>, seed: u64) {
    let mut seen = HashSet::new();
    for round in 0..SESSIONS {
        let scene = Scene {
            session: None,
            runs: Vec::new(),
            more_wait: false,
            credential: Some(credential_of(&stage).await),
            worker: Some(SceneWorker::Stays),
        };
        let mut world = World {
            stage: Stage {
                fixture: stage.fixture,
                task: stage.task.clone(),
                source: stage.source.clone(),
                credential: stage.credential.clone(),
                worker: stage.worker,
            },
            dice: Dice(seed * 1_000 + round),
            runs: Vec::new(),
            scene,
        };
        world.stage.worker = world.next_start().await;
        world.start(true).await;
        for _ in 0..STEPS {
            world.step().await;
            world.compare().await;
            seen.extend(world.runs.iter().map(Run::status));
        }
        // Left alone for long enough, every clock runs out, in the store as in memory.
        for _ in 0..4 {
            world.pass(100_000_000).await;
            world.compare().await;
        }
        let is_over = world.runs.iter().all(|run| run.status().is_final());
        assert!(is_over, "{:?}", world.runs);
    }
    nothing_is_taken(&stage).await;
    // A history that goes nowhere would show nothing.
    for status in Status::ALL {
        let is_reviewed = stage.task.settings.review == Review::Required;
        let may_be_seen = status != Status::ReviewRequired || is_reviewed;
        assert_eq!(seen.contains(&status), may_be_seen, "{status}");
    }
}

impl World<'_> {
    async fn step(&mut self) {
        match self.dice.throw(16) {
            0 | 1 if self.runs.len() < RUNS => self.start(false).await,
            0..=4 => self.lease().await,
            5 => self.command(cancel()).await,
            6 => self.answer().await,
            7 | 10 => {
                let command = match self.dice.throw(3) {
                    0 => RunCommand::Decline,
                    1 => RunCommand::Approve { output: None },
                    _ => RunCommand::Reject { reason: None },
                };
                self.command(command).await;
            }
            8 => self.restart().await,
            9 => {
                let millis = self.dice.throw(30_000);
                self.pass(millis).await;
            }
            _ => self.say().await,
        }
    }

    /// A new start of the worker, which nothing is lost by in this world.
    async fn next_start(&self) -> Holder {
        let workers = &self.stage.fixture.ports.workers;
        let registered = workers.register(None, "history", None).await;
        registered.expect("a start").holder
    }

    async fn start(&mut self, opens: bool) {
        let start = match &self.scene.session {
            Some(session) if !opens => self.stage.new_run_in(session.id),
            Some(_) | None => self.stage.new_run(),
        };
        let command = Command::Start {
            run: Box::new(start.run.clone()),
        };
        let expected = decide(&self.live(None), command, self.stage.fixture.now());
        let runs = &self.stage.fixture.ports.runs;
        let started = runs.start(self.stage.fixture.write(), start).await;
        self.same(expected, started.map(|written| done(written).run.run));
        // Ids of one millisecond have no order: runs of one session start apart.
        self.stage.pass(Duration::from_millis(2));
    }

    async fn lease(&mut self) {
        let explicit_begin = self.dice.throw(2) == 0;
        let request = LeaseRequest {
            explicit_begin,
            capacity: 1,
            ..self.stage.lease_request()
        };
        let leased: Vec<LeasedRun> = self.stage.lease(request).await.runs;
        let waiting = self
            .runs
            .iter()
            .find(|run| self.may_be_leased(run))
            .map(|run| run.id);
        let leased_id = leased.first().map(|leased| leased.run.id);
        assert_eq!(leased_id, waiting);
        for leased in leased {
            let command = RunCommand::Lease {
                holder: self.stage.worker,
                explicit_begin,
                length: LEASE,
            };
            let expected = self.decide(leased.run.id, command);
            self.same(expected, Ok(leased.run));
        }
    }

    fn may_be_leased(&self, run: &Run) -> bool {
        let state = self.scene.session.as_ref().map(|session| session.state);
        let is_free = match state {
            Some(SessionState::Idle { holder, .. }) => holder == self.stage.worker,
            _ => true,
        };
        let waits = matches!(
            run.state,
            RunState::Queued {
                waiting: Waiting::ForWorker,
                ..
            }
        );
        is_free && waits
    }

    /// An answer to what one of the runs asks; now and then to what none asks.
    async fn answer(&mut self) {
        let run_id = self.any_run();
        let pending = match &self.run(run_id).state {
            RunState::InteractionRequired { interaction, .. } => Some(interaction.id),
            _ => None,
        };
        let asked = pending.filter(|_| self.dice.throw(8) > 0);
        let unasked = || InteractionId::new(self.stage.fixture.now(), random());
        let answer = answer_to(asked.unwrap_or_else(unasked));
        self.command_to(run_id, answer).await;
    }

    /// A caller's command to one of the runs.
    async fn command(&mut self, command: RunCommand) {
        let run_id = self.any_run();
        self.command_to(run_id, command).await;
    }

    async fn command_to(&mut self, run_id: RunId, command: RunCommand) {
        let expected = self.decide(run_id, command.clone());
        let commanded = self.stage.command(run_id, command).await;
        self.same(expected, commanded.map(|commanded| commanded.run.run));
    }

    /// A worker's word, now and then under an epoch that is over.
    async fn say(&mut self) {
        let run_id = self.any_run();
        let present = self.run(run_id).epoch;
        let epoch = match self.dice.throw(8) {
            0 => Epoch(present.0.saturating_sub(1)),
            _ => present,
        };
        let command = self.word();
        let told = RunCommand::Worker {
            epoch,
            command: command.clone(),
        };
        let expected = self.decide(run_id, told);
        let said = self.stage.try_say(run_id, epoch, command, None).await;
        self.same(expected, said.map(|said| said.run.run));
    }

    fn word(&mut self) -> WorkerCommand {
        match self.dice.throw(13) {
            0 | 1 => WorkerCommand::Renew {
                length: seconds(self.dice.throw(60)),
            },
            2 => WorkerCommand::Begin,
            3 | 4 => WorkerCommand::Touch,
            5 | 6 => {
                let attempt = 1 + u32::try_from(self.dice.throw(3)).expect("below 3");
                let checkpoint = (self.dice.throw(2) == 0).then_some("page 3");
                question(attempt, checkpoint)
            }
            7 => WorkerCommand::Withdraw { attempt: None },
            8 => WorkerCommand::Release,
            12 => WorkerCommand::ReleaseAsking { attempt: None },
            9 => failure(ErrorCode::AuthInvalid),
            10 => WorkerCommand::Finish(Finish {
                digest: [3; 32],
                outcome: FinishOutcome::Success { output: output() },
                credential: Some(CredentialReport::Verified),
                session: AfterRun::End,
                login: None,
            }),
            _ => success(output()),
        }
    }

    /// The worker starts anew: what it held is lost.
    async fn restart(&mut self) {
        let gone = self.stage.worker;
        let held: Vec<RunId> = self
            .runs
            .iter()
            .filter(|run| run.state.lease().is_some_and(|lease| lease.holder == gone))
            .map(|run| run.id)
            .collect();
        self.stage.worker = self.next_start().await;
        for run_id in held {
            let changes = self.decide(run_id, RunCommand::WorkerGone { holder: gone });
            self.follow(changes.expect("it holds the run"));
        }
        let command = Command::Session(SessionCommand::WorkerGone { holder: gone });
        let now = self.stage.fixture.now();
        if let Ok(changes) = decide(&self.live(None), command, now) {
            self.follow(changes);
        }
    }

    /// Time goes on, and the sweep acts on every clock that has run out.
    async fn pass(&mut self, millis: u64) {
        self.stage.pass(Duration::from_millis(millis));
        let now = self.stage.fixture.now();
        let mut acted = 0;
        while let Some(command) = due(&self.live(None), now) {
            let changes = decide(&self.live(None), command, now);
            self.follow(changes.expect("what is due is taken"));
            acted += 1;
        }
        assert_eq!(self.stage.sweep().await.acted, acted);
    }

    /// One of the runs; mostly one that is not final, where there is any.
    fn any_run(&mut self) -> RunId {
        let mut ids: Vec<RunId> = self.live(None).runs.iter().map(|run| run.id).collect();
        if ids.is_empty() || self.dice.throw(8) == 0 {
            ids = self.runs.iter().map(|run| run.id).collect();
        }
        let count = u64::try_from(ids.len()).expect("a few");
        ids[usize::try_from(self.dice.throw(count)).expect("a few")]
    }

    fn run(&self, run_id: RunId) -> &Run {
        let run = self.runs.iter().find(|run| run.id == run_id);
        run.expect("it was started")
    }

    fn decide(&self, run_id: RunId, command: RunCommand) -> Result<Changes, Refusal> {
        let command = Command::Run { run_id, command };
        decide(&self.live(Some(run_id)), command, self.stage.fixture.now())
    }

    /// What a store loads: runs that are not final, and the one that is asked.
    fn live(&self, about: Option<RunId>) -> Scene {
        let mut scene = self.scene.clone();
        scene.runs = self
            .runs
            .iter()
            .filter(|run| !run.status().is_final() || Some(run.id) == about)
            .cloned()
            .collect();
        scene
    }

    /// The store did what was decided, or refused for the same reason.
    fn same(&mut self, expected: Result<Changes, Refusal>, found: Result<Run, WriteError>) {
        match (expected, found) {
            (Ok(changes), Ok(run)) => {
                let decided = changes.runs.iter().find(|decided| decided.id == run.id);
                assert_eq!(Some(&run), decided);
                self.follow(changes);
            }
            (Err(expected), Err(WriteError::Refused(found))) => assert_eq!(found, expected),
            (expected, found) => panic!("decided was {expected:?}, the store did {found:?}"),
        }
    }

    fn follow(&mut self, changes: Changes) {
        for run in changes.runs {
            self.runs.retain(|known| known.id != run.id);
            self.runs.push(run);
        }
        self.runs.sort_by_key(|run| run.id);
        if let Some(session) = changes.session {
            self.scene.session = Some(session);
        }
        if let Some(credential) = changes.credential {
            self.scene.credential = Some(credential);
        }
    }

    /// The store holds what is in memory.
    async fn compare(&self) {
        for run in &self.runs {
            assert_eq!(self.stage.run(run.id).await, *run);
        }
        if let Some(session) = &self.scene.session {
            assert_eq!(self.stage.session(session.id).await, *session);
        }
        let credential = credential_of(&self.stage).await;
        assert_eq!(Some(credential), self.scene.credential);
    }
}

/// The credential as the store has it.
async fn credential_of(stage: &Stage<'_>) -> SceneCredential {
    let credentials = &stage.fixture.ports.credentials;
    let organization = stage.fixture.organization;
    let credential = credentials.get(organization, stage.credential.id).await;
    let credential = credential.expect("the store reads").expect("it is kept");
    SceneCredential {
        id: credential.id,
        status: credential.status,
        secrets_version: credential.secrets_version,
        updated_at: credential.updated_at,
    }
}
