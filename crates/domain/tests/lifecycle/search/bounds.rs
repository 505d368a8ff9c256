//! How much may happen in one search, and each single thing that then may.

use windlass_domain::Timestamp;
use windlass_domain::lifecycle::{Command, SceneWorker};
use windlass_domain::run::{
    AfterRun, Clock, Epoch, ErrorCode, Finish, Run, RunCommand, Waiting, WorkerCommand,
};
use windlass_domain::session::SessionCommand;
use windlass_domain::task::{Priority, Review};

use crate::fixture::{
    EPOCH, STARTED, another_question, answer_to, failure, finish, holder, interact, interaction,
    late, lease_to, queued, sealed, seconds, success, to,
};

/// How much may happen in one session.
pub(super) struct Bounds {
    /// Its runs, in the order in which they may start.
    pub(super) runs: Vec<Plan>,
    /// How often a worker may ask under one lease.
    pub(super) questions: u32,
    /// Whether it may leave a checkpoint with a question.
    pub(super) checkpoints: bool,
}

/// The settings of a run that the lifecycle reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) max_attempts: u32,
    pub(super) review: Review,
    pub(super) idle_seconds: u64,
    pub(super) priority: u8,
}

impl Plan {
    pub(super) const DEFAULT: Self = Self {
        max_attempts: 1,
        review: Review::None,
        idle_seconds: 600,
        priority: 5,
    };
}

/// What a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The start of a run, after so many others.
    Start(usize),
    /// The run in this place.
    Run(usize),
    /// The session itself.
    Session,
}

/// One thing that may happen.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) about: About,
    pub(super) command: Command,
    /// The moment of the last change, or, for clocks, one at which every clock has run out.
    pub(super) now: Timestamp,
    /// Whether the worker that has the session drains.
    pub(super) worker: SceneWorker,
}

impl Bounds {
    /// All that may happen; a state refuses most of it.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (place, plan) in self.runs.iter().enumerate() {
            let number = u8::try_from(place + 1).expect("three at most");
            let start = Command::Start {
                run: Box::new(planned(number, *plan)),
            };
            steps.push(step(About::Start(place), start, STARTED));
            for (command, now) in self.run_commands() {
                steps.extend(of_leaving(About::Run(place), number, &command, now));
                steps.push(step(About::Run(place), to(number, command), now));
            }
        }
        for (command, now) in session_commands() {
            steps.push(step(About::Session, Command::Session(command), now));
        }
        steps
    }

    fn run_commands(&self) -> Vec<(RunCommand, Timestamp)> {
        let mut commands = vec![
            RunCommand::Cancel { grace: seconds(30) },
            answer_to(interaction().id),
            answer_to(another_question()),
            RunCommand::Decline,
            RunCommand::Approve { output: None },
            RunCommand::Reject { reason: None },
        ];
        // One that a scene names, and one that it does not: the others are like the second.
        for number in [1, 2] {
            let holder = holder(number);
            commands.push(lease_to(holder, true));
            commands.push(lease_to(holder, false));
            commands.push(RunCommand::WorkerGone { holder });
        }
        for epoch in [EPOCH, Epoch(EPOCH.0 - 1)] {
            for command in self.worker_commands() {
                commands.push(RunCommand::Worker { epoch, command });
            }
        }
        let clocks = [
            Clock::Queue,
            Clock::Lease,
            Clock::Inactivity,
            Clock::Run,
            Clock::Interaction,
            Clock::Review,
            Clock::CancelGrace,
        ]
        .map(RunCommand::TimedOut);
        // A sweep may come too early as well.
        commands.extend(clocks.clone());
        let at_once = commands.into_iter().map(|command| (command, STARTED));
        at_once
            .chain(clocks.map(|command| (command, late())))
            .collect()
    }

    fn worker_commands(&self) -> Vec<WorkerCommand> {
        let ends = |outcome, digest, session| {
            WorkerCommand::Finish(Finish {
                digest: [digest; 32],
                session,
                ..finish(outcome)
            })
        };
        let mut commands = vec![
            WorkerCommand::Renew {
                length: seconds(30),
            },
            WorkerCommand::Begin,
            WorkerCommand::Touch,
            WorkerCommand::Withdraw { attempt: None },
            WorkerCommand::Release,
            WorkerCommand::ReleaseAsking { attempt: None },
            ends(success(), 1, AfterRun::Keep),
            ends(success(), 1, AfterRun::End),
            ends(failure(ErrorCode::TaskFailed), 2, AfterRun::Keep),
        ];
        for attempt in 1..=self.questions {
            commands.push(interact(attempt));
            if self.checkpoints {
                commands.push(with_checkpoint(interact(attempt)));
            }
        }
        commands
    }
}

fn step(about: About, command: Command, now: Timestamp) -> Step {
    Step {
        about,
        command,
        now,
        worker: SceneWorker::Stays,
    }
}

/// A finish once more, by a worker that drains: no other word says who keeps a session.
fn of_leaving(about: About, number: u8, command: &RunCommand, now: Timestamp) -> Option<Step> {
    let RunCommand::Worker {
        command: WorkerCommand::Finish(_),
        ..
    } = command
    else {
        return None;
    };
    Some(Step {
        worker: SceneWorker::Leaves,
        ..step(about, to(number, command.clone()), now)
    })
}

fn with_checkpoint(mut command: WorkerCommand) -> WorkerCommand {
    if let WorkerCommand::Interact { checkpoint, .. } = &mut command {
        *checkpoint = Some(sealed("step 3"));
    }
    command
}

fn session_commands() -> Vec<(SessionCommand, Timestamp)> {
    let mut commands = vec![
        (SessionCommand::IdleTimedOut, STARTED),
        (SessionCommand::IdleTimedOut, late()),
        (SessionCommand::End { grace: seconds(30) }, STARTED),
    ];
    for number in [1, 2] {
        let holder = holder(number);
        commands.push((SessionCommand::Evicted { holder }, STARTED));
        commands.push((SessionCommand::Drained { holder }, STARTED));
        commands.push((SessionCommand::WorkerGone { holder }, STARTED));
    }
    commands
}

fn planned(number: u8, plan: Plan) -> Run {
    let mut run = queued(number, Waiting::ForSession);
    run.settings.max_attempts = plan.max_attempts;
    run.settings.review = plan.review;
    run.settings.session_idle = seconds(plan.idle_seconds);
    run.settings.priority = Priority::new(plan.priority).expect("0 to 9");
    run
}
