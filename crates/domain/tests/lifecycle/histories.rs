//! Random commands to one session with up to three runs: whatever comes, the rules hold.

use std::time::Duration;

use proptest::prelude::*;
use windlass_domain::Timestamp;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::{
    Changes, Command, Scene, SceneWorker, Subject, check_at, decide, due,
};
use windlass_domain::run::{Epoch, Holder, Run, RunCommand, RunState, Status, Waiting};
use windlass_domain::session::{SessionCommand, SessionState, SessionStatus};
use windlass_domain::task::{Priority, Review};

use crate::fixture::{
    STARTED, another_question, answer_to, holder, lease_to, pending, queued, run_id, seconds,
};
use crate::steps::{Step, step};

/// All that a store would hold of one session.
#[derive(Debug)]
struct World {
    scene: Scene,
    now: Timestamp,
    /// The highest version and moment that each run's and the session's events have shown.
    seen: Vec<(String, u32, Timestamp)>,
    canceling: Vec<RunId>,
}

impl World {
    fn new() -> Self {
        Self {
            scene: Scene {
                session: None,
                runs: vec![],
                more_wait: false,
                credential: None,
                worker: Some(SceneWorker::Stays),
            },
            now: STARTED,
            seen: vec![],
            canceling: vec![],
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Start {
                priority,
                max_attempts,
                idle,
                review,
            } => {
                self.start(priority, max_attempts, idle, review);
            }
            Step::Lease {
                run,
                worker,
                explicit_begin,
            } => {
                self.ask(run, lease_to(holder(worker), explicit_begin));
            }
            Step::Ask { run, command } => self.ask(run, command),
            Step::Say {
                run,
                stale,
                command,
            } => {
                let present = self.run(run).map_or(Epoch::NONE, |run| run.epoch);
                let epoch = if stale {
                    Epoch(present.0.wrapping_sub(1))
                } else {
                    present
                };
                self.ask(run, RunCommand::Worker { epoch, command });
            }
            Step::Answer { run, stale } => {
                let asked = self.run(run).filter(|_| !stale).and_then(pending);
                self.ask(run, answer_to(asked.unwrap_or_else(another_question)));
            }
            Step::Session(command) => self.command(Command::Session(command)),
            Step::WorkerGone { worker } => self.worker_gone(holder(worker)),
            Step::Pass { millis } => self.pass(Duration::from_millis(millis)),
        }
    }

    fn start(&mut self, priority: u8, max_attempts: u32, idle: u64, review: bool) {
        let number = u8::try_from(self.scene.runs.len() + 1).expect("three at most");
        if number > 3 {
            return;
        }
        let mut run = queued(number, Waiting::ForSession);
        run.opened_session = self.scene.session.is_none();
        run.settings.priority = Priority::new(priority).expect("0 to 9");
        run.settings.max_attempts = max_attempts;
        run.settings.session_idle = seconds(idle);
        run.settings.review = if review {
            Review::Required
        } else {
            Review::None
        };
        self.command(Command::Start { run: Box::new(run) });
    }

    fn run(&self, number: u8) -> Option<&Run> {
        self.scene.runs.iter().find(|run| run.id == run_id(number))
    }

    fn ask(&mut self, number: u8, command: RunCommand) {
        let run_id = run_id(number);
        self.command(Command::Run { run_id, command });
    }

    /// As a store does when a worker's next start declares the one before it gone.
    fn worker_gone(&mut self, holder: Holder) {
        for number in 1..4 {
            self.ask(number, RunCommand::WorkerGone { holder });
        }
        self.command(Command::Session(SessionCommand::WorkerGone { holder }));
    }

    /// Time goes on, and the sweep acts on every clock that has run out.
    fn pass(&mut self, length: Duration) {
        self.now = self.now + length;
        let mut sweeps = 0;
        while let Some(command) = due(&self.live(), self.now) {
            let changes = decide(&self.live(), command, self.now).expect("what is due is taken");
            self.save(changes);
            sweeps += 1;
            assert!(sweeps < 20, "the sweep goes round");
        }
        let left = self.scene.runs.iter().filter_map(check_at).min();
        assert!(
            left.is_none_or(|at| at > self.now),
            "a clock has run out and nothing is due"
        );
    }

    /// What a store loads: final runs stay where they are, but for the one that is asked.
    fn live(&self) -> Scene {
        let mut scene = self.scene.clone();
        scene.runs.retain(|run| !run.status().is_final());
        scene
    }

    fn command(&mut self, command: Command) {
        let mut scene = self.live();
        if let Command::Run { run_id, .. } = &command
            && let Some(run) = self.scene.runs.iter().find(|run| run.id == *run_id)
            && run.status().is_final()
        {
            scene.runs.push(run.clone());
        }
        if let Ok(changes) = decide(&scene, command, self.now) {
            self.save(changes);
        }
    }

    fn save(&mut self, changes: Changes) {
        for event in &changes.events {
            self.see(&event.subject, event.at);
        }
        for next in changes.runs {
            let before = self.scene.runs.iter().find(|run| run.id == next.id);
            if let Some(before) = before.filter(|run| run.status().is_final()) {
                assert_eq!(*before, next, "a final run changed");
            }
            if next.status() == Status::Canceling {
                self.canceling.push(next.id);
            }
            if self.canceling.contains(&next.id) {
                let status = next.status();
                let canceled = matches!(status, Status::Canceling | Status::Canceled);
                assert!(canceled, "{status} after an accepted cancel");
            }
            self.scene.runs.retain(|run| run.id != next.id);
            self.scene.runs.push(next);
        }
        self.scene.runs.sort_by_key(|run| run.id);
        self.scene.session = changes.session.or(self.scene.session.take());
        self.check();
    }

    /// Versions go up by one, and moments rise, for each resource.
    fn see(&mut self, subject: &Subject, at: Timestamp) {
        let (name, version) = match subject {
            Subject::Run {
                run_id, version, ..
            } => (run_id.to_string(), *version),
            Subject::Session {
                session_id,
                version,
                ..
            } => (session_id.to_string(), *version),
            Subject::Credential { .. } => return,
        };
        match self.seen.iter_mut().find(|(seen, _, _)| *seen == name) {
            Some((_, last_version, last_at)) => {
                assert_eq!(version, *last_version + 1, "{name}");
                assert!(at > *last_at, "{name}: moments rise");
                (*last_version, *last_at) = (version, at);
            }
            None => {
                assert_eq!(version, 1, "{name}");
                self.seen.push((name, version, at));
            }
        }
    }

    fn check(&self) {
        let session = self.scene.session.as_ref().expect("a run has opened one");
        let leased: Vec<&Run> = self
            .scene
            .runs
            .iter()
            .filter(|run| run.status().is_leased())
            .collect();
        let queued: Vec<&Run> = self
            .scene
            .runs
            .iter()
            .filter(|run| run.status() == Status::Queued)
            .collect();
        let for_worker = queued
            .iter()
            .filter(|run| {
                matches!(
                    run.state,
                    RunState::Queued {
                        waiting: Waiting::ForWorker,
                        ..
                    }
                )
            })
            .count();
        let state = session.state;

        match session.status() {
            SessionStatus::Running => {
                assert_eq!((leased.len(), for_worker), (1, 0), "{state:?}");
            }
            SessionStatus::Queued => {
                assert_eq!(
                    (leased.len(), for_worker),
                    (0, 1),
                    "{state:?} without a run"
                );
            }
            SessionStatus::Idle => {
                let expected = usize::from(!queued.is_empty());
                assert_eq!((leased.len(), for_worker), (0, expected), "{state:?}");
            }
            SessionStatus::Completing => {
                let canceling = leased.iter().all(|run| run.status() == Status::Canceling);
                assert!(
                    canceling && leased.len() == 1 && queued.is_empty(),
                    "{state:?}"
                );
            }
            SessionStatus::Completed | SessionStatus::Failed => {
                assert!(
                    leased.is_empty() && queued.is_empty(),
                    "{state:?} with live runs"
                );
            }
        }
        if let SessionState::Idle { ends_at, .. } = state {
            assert_eq!(
                ends_at.is_none(),
                !queued.is_empty(),
                "the idle clock of {state:?}"
            );
        }
        for run in &leased {
            let lease = run.state.lease().expect("a leased run has a lease");
            assert_eq!(
                Some(lease.holder),
                state.holder(),
                "who holds run and session"
            );
            assert_eq!(lease.epoch, run.epoch);
        }
        for run in &self.scene.runs {
            let seen = self
                .seen
                .iter()
                .find(|(name, _, _)| *name == run.id.to_string());
            let (_, version, at) = seen.expect("it was queued");
            assert_eq!(
                (run.version, run.updated_at),
                (*version, *at),
                "as its last event says"
            );
            assert!(
                run.attempts <= run.settings.max_attempts,
                "attempts of {:?}",
                run.state
            );
            let is_final = run.status().is_final();
            assert_eq!(
                check_at(run).is_none(),
                is_final || is_in_endless_review(run)
            );
        }
    }
}

fn is_in_endless_review(run: &Run) -> bool {
    matches!(
        run.state,
        RunState::ReviewRequired {
            review_ends_at: None
        }
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_rules_hold(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }

        // Left alone for long enough, every run ends and nothing is stuck.
        for _ in 0..4 {
            world.pass(seconds(100_000));
        }
        for run in &world.scene.runs {
            prop_assert!(run.status().is_final(), "{:?} is stuck", run.state);
        }
        if let Some(session) = &world.scene.session {
            let ended = [SessionStatus::Completed, SessionStatus::Failed];
            prop_assert!(ended.contains(&session.status()), "{:?} is stuck", session.state);
        }
    }
}
