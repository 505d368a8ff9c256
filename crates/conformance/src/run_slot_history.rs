//! A random history of many sessions that share slots: at no moment are more runs live than may be,
//! nobody waits for ever, and in the end no slot is missing.

use std::collections::HashMap;

use futures_util::future::join_all;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{LeaseRequest, NewRun};
use windlass_domain::id::{CredentialId, RunId, SessionId, SourceId};
use windlass_domain::run::{ErrorCode, Run, RunCommand, Status, WorkerCommand};
use windlass_domain::slot::{Caps, Overflow};
use windlass_domain::task::{Concurrency, Priority, Review, Task};

use crate::dice::Dice;
use crate::stage::{Stage, cancel, failure, output, seconds, success};
use crate::store::Fixture;
use crate::strict::{STRICT, nothing_is_taken, one_at_a_time};

/// How many things happen.
const STEPS: usize = 400;

/// How often much happens at once.
const ROUNDS: usize = 15;

/// How many runs there are at most that are not over.
const RUNS: usize = 14;

/// What an organization may have meanwhile.
const CAPS: Caps = Caps {
    sessions: 4,
    queued: 1_000,
    overflow: Overflow::Wait,
};

/// At no moment are more runs live than may be, nobody waits for ever, and in the end no slot is
/// missing and none is left over.
pub async fn a_history_of_many_sessions_loses_no_slot(fixture: &Fixture) {
    let strict = fixture.with_caps(STRICT).await;
    let fixture = fixture.with_caps(CAPS).await;
    let stage = Stage::with(&fixture, |settings| {
        settings.concurrency = one_at_a_time();
        settings.queue_timeout = seconds(300);
        settings.session_idle = seconds(20);
    });
    let mut world = World::new(stage.await).await;
    for _ in 0..STEPS {
        world.step().await;
        world.check();
    }
    let seen = world.seen.len();
    assert!(
        seen > 6,
        "a history that goes nowhere shows nothing: {seen}"
    );
    world.end_under(&strict).await;
}

/// The same where much happens at the same moment, time and again: nobody waits for somebody who
/// waits for him, and each free slot is given once.
pub async fn what_happens_at_once_loses_no_slot(fixture: &Fixture) {
    let strict = fixture.with_caps(STRICT).await;
    let fixture = fixture.with_caps(CAPS).await;
    let stage = Stage::with(&fixture, |settings| {
        settings.concurrency = one_at_a_time();
        settings.queue_timeout = seconds(300);
    });
    let mut world = World::new(stage.await).await;
    for _ in 0..ROUNDS {
        world.at_once().await;
        world.look().await;
        world.check();
    }
    world.end_under(&strict).await;
}

struct World<'a> {
    stage: Stage<'a>,
    dice: Dice,
    tasks: Vec<Task>,
    /// Each with the source that it is of.
    credentials: Vec<(CredentialId, SourceId)>,
    /// As the store says after each step; those that are over are left out.
    runs: Vec<Run>,
    sessions: HashMap<SessionId, (CredentialId, SourceId)>,
    /// In which statuses a run was met.
    seen: HashMap<Status, usize>,
}

impl<'a> World<'a> {
    async fn new(stage: Stage<'a>) -> Self {
        let mut tasks = vec![stage.task.clone()];
        let limits = [
            (Some(2), None, 7, Review::None),
            (Some(1), Some(3), 5, Review::Required),
            (None, Some(2), 3, Review::None),
            (None, None, 5, Review::None),
        ];
        for (per_credential, per_source, priority, review) in limits {
            let id = format!("task_{}", tasks.len());
            let set = |settings: &mut windlass_domain::task::TaskSettings| {
                settings.concurrency = Some(Concurrency {
                    per_credential,
                    per_source,
                });
                settings.priority = Priority::new(priority).expect("0 to 9");
                settings.review = review;
                settings.max_attempts = 2;
            };
            tasks.push(stage.task_with(&id, set).await);
        }
        let other = stage.fixture.source("src_other").await;
        let mut credentials = vec![(stage.credential.id, stage.source.id.clone())];
        for source in [&stage.source, &other, &other] {
            let credential = stage.fixture.credential(&source.id).await;
            credentials.push((credential.id, source.id.clone()));
        }
        Self {
            stage,
            dice: Dice(4),
            tasks,
            credentials,
            runs: Vec::new(),
            sessions: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    async fn step(&mut self) {
        match self.dice.throw(12) {
            0..=3 if self.runs.len() < RUNS => self.start().await,
            0..=5 => self.lease().await,
            6 => {
                let millis = self.dice.throw(25_000);
                self.stage.pass(std::time::Duration::from_millis(millis));
                self.stage.sweep().await;
            }
            _ => self.command().await,
        }
        self.look().await;
    }

    /// A run of any task, in any of the open sessions or in one of its own.
    fn new_run(&mut self) -> NewRun {
        let task = self.dice.pick(&self.tasks).clone();
        let mut start = self.stage.new_run_of(&task);
        let open: Vec<SessionId> = self.runs.iter().map(|run| run.session_id).collect();
        if self.dice.throw(3) == 0 && !open.is_empty() {
            start.run.session_id = *self.dice.pick(&open);
            start.run.opened_session = false;
        } else {
            let place = self.dice.pick(&self.credentials).clone();
            self.sessions.insert(start.run.session_id, place);
        }
        let (credential_id, source_id) = self.sessions[&start.run.session_id].clone();
        start.run.credential_id = Some(credential_id);
        start.run.source_id = Some(source_id);
        start
    }

    async fn start(&mut self) {
        let start = self.new_run();
        let fixture = self.stage.fixture;
        // A session may have ended: that start is refused.
        if let Ok(started) = fixture.ports.runs.start(fixture.write(), start).await {
            self.runs.push(crate::store::done(started).run.run);
        }
        self.stage.pass(std::time::Duration::from_millis(2));
    }

    async fn lease(&mut self) {
        let request = LeaseRequest {
            capacity: u32::try_from(1 + self.dice.throw(3)).expect("below 4"),
            explicit_begin: self.dice.throw(2) == 0,
            ..self.stage.lease_request()
        };
        self.stage.lease(request).await;
    }

    /// Something that may be said to one of the runs; many a word is refused.
    async fn command(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let run = self.dice.pick(&self.runs).clone();
        let of_caller = match self.dice.throw(12) {
            0 | 1 => Some(cancel()),
            2 => Some(RunCommand::Approve { output: None }),
            3 => Some(RunCommand::Reject { reason: None }),
            _ => None,
        };
        if let Some(command) = of_caller {
            let _refused = self.stage.command(run.id, command).await.is_err();
            return;
        }
        let word = match self.dice.throw(6) {
            0 => WorkerCommand::Release,
            1 => failure(ErrorCode::TaskFailed),
            2 => WorkerCommand::Renew {
                length: seconds(30),
            },
            _ => success(output()),
        };
        let said = self.stage.try_say(run.id, run.epoch, word, None).await;
        let _refused = said.is_err();
    }

    /// Starts, ends and cancels of runs, leases and sweeps, all at the same moment.
    async fn at_once(&mut self) {
        let count = RUNS.saturating_sub(self.runs.len());
        let starts: Vec<NewRun> = (0..count).map(|_| self.new_run()).collect();
        let commands: Vec<(Run, u64)> = self
            .runs
            .clone()
            .into_iter()
            .map(|run| (run, self.dice.throw(4)))
            .collect();
        let stage = &self.stage;
        let runs = &stage.fixture.ports.runs;
        let starting = join_all(
            starts
                .into_iter()
                .map(|start| runs.start(stage.fixture.write(), start)),
        );
        let saying = join_all(commands.iter().map(async |(run, what)| {
            match what {
                0 => stage.command(run.id, cancel()).await.map(|_| ()),
                1 => stage
                    .command(run.id, RunCommand::Approve { output: None })
                    .await
                    .map(|_| ()),
                _ => stage
                    .try_say(run.id, run.epoch, success(output()), None)
                    .await
                    .map(|_| ()),
            }
        }));
        let request = || LeaseRequest {
            capacity: 3,
            ..stage.lease_request()
        };
        let (started, said, _, _, _) = tokio::join!(
            starting,
            saying,
            stage.lease(request()),
            stage.lease(request()),
            stage.sweep()
        );
        for said in said {
            assert!(!matches!(said, Err(WriteError::Store(_))), "{said:?}");
        }
        for started in started {
            assert!(!matches!(started, Err(WriteError::Store(_))), "{started:?}");
            if let Ok(started) = started {
                self.runs.push(crate::store::done(started).run.run);
            }
        }
        self.stage.pass(std::time::Duration::from_millis(2));
    }

    /// Comes to rest, and then nothing is taken under these caps.
    async fn end_under(mut self, strict: &Fixture) {
        self.come_to_rest().await;
        let stage = Stage {
            fixture: strict,
            task: self.stage.task.clone(),
            source: self.stage.source.clone(),
            credential: self.stage.credential.clone(),
            worker: self.stage.worker,
        };
        nothing_is_taken(&stage).await;
    }

    /// What the store has now.
    async fn look(&mut self) {
        let mut runs = Vec::new();
        for run in &self.runs {
            let run = self.stage.run(run.id).await;
            *self.seen.entry(run.status()).or_default() += 1;
            if !run.status().is_final() {
                runs.push(run);
            }
        }
        self.runs = runs;
    }

    /// Nothing has more live runs than may be: those that set a limit are counted, and one of them
    /// allows that many.
    fn check(&self) {
        let live: Vec<&Run> = self
            .runs
            .iter()
            .filter(|run| run.status().is_leased())
            .collect();
        assert!(live.len() <= 4, "{live:?}");
        let limits = |limit: fn(&Concurrency) -> Option<u32>, of: &dyn Fn(&Run) -> bool| {
            let counted = live.iter().filter(|run| of(run));
            let limits: Vec<u32> = counted
                .filter_map(|run| limit(run.settings.concurrency.as_ref()?))
                .collect();
            let most = limits.iter().max().copied().unwrap_or_default();
            assert!(limits.len() <= most as usize, "{live:?}");
        };
        for (credential_id, source_id) in &self.credentials {
            limits(|it| it.per_credential, &|run| {
                run.credential_id == Some(*credential_id)
            });
            limits(|it| it.per_source, &|run| {
                run.source_id.as_ref() == Some(source_id)
            });
        }
    }

    /// Everything is leased and finished, without a clock that runs out: whoever waits comes on.
    async fn come_to_rest(&mut self) {
        for _ in 0..10 * RUNS {
            for run in self.runs.clone() {
                let word = match run.status() {
                    Status::ReviewRequired => {
                        let approve = RunCommand::Approve { output: None };
                        self.stage.command(run.id, approve).await.err()
                    }
                    Status::Running | Status::Canceling => {
                        let said = self
                            .stage
                            .try_say(run.id, run.epoch, success(output()), None);
                        said.await.err()
                    }
                    Status::Queued
                    | Status::InteractionRequired
                    | Status::Completed
                    | Status::Failed
                    | Status::Canceled => None,
                };
                assert!(word.is_none(), "{word:?}");
            }
            self.stage.lease(self.stage.lease_request()).await;
            self.look().await;
            self.check();
        }
        let left: Vec<RunId> = self.runs.iter().map(|run| run.id).collect();
        assert_eq!(left, [], "somebody waits for ever");
    }
}
