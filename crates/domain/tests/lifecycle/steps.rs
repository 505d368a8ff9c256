//! What may happen to a session and its runs, at random.

use proptest::prelude::*;
use windlass_domain::run::{AfterRun, Clock, ErrorCode, Finish, RunCommand, WorkerCommand};
use windlass_domain::session::SessionCommand;

use crate::fixture::{failure, finish, holder, interact, sealed, seconds, success};

/// What happens next; numbers name a run or a worker, whatever there is.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Start {
        priority: u8,
        max_attempts: u32,
        idle: u64,
        review: bool,
    },
    Lease {
        run: u8,
        worker: u8,
        explicit_begin: bool,
    },
    Ask {
        run: u8,
        command: RunCommand,
    },
    Say {
        run: u8,
        stale: bool,
        command: WorkerCommand,
    },
    /// An answer to what the run asks, or, `stale`, to what it asked before.
    Answer {
        run: u8,
        stale: bool,
    },
    Session(SessionCommand),
    WorkerGone {
        worker: u8,
    },
    Pass {
        millis: u64,
    },
}

fn worker_command() -> impl Strategy<Value = WorkerCommand> {
    let ends = |outcome, digest, session| {
        WorkerCommand::Finish(Finish {
            digest: [digest; 32],
            session,
            ..finish(outcome)
        })
    };
    prop_oneof![
        Just(WorkerCommand::Renew {
            length: seconds(30)
        }),
        Just(WorkerCommand::Begin),
        Just(WorkerCommand::Touch),
        (1..3u32, any::<bool>()).prop_map(|(attempt, with_checkpoint)| {
            let mut command = interact(attempt);
            if let WorkerCommand::Interact { checkpoint, .. } = &mut command {
                *checkpoint = with_checkpoint.then(|| sealed("step 3"));
            }
            command
        }),
        Just(WorkerCommand::Withdraw { attempt: None }),
        Just(WorkerCommand::Release),
        Just(WorkerCommand::ReleaseAsking { attempt: None }),
        any::<bool>().prop_map(move |ended| {
            let session = if ended { AfterRun::End } else { AfterRun::Keep };
            ends(success(), 1, session)
        }),
        Just(ends(failure(ErrorCode::AuthInvalid), 2, AfterRun::Keep)),
    ]
}

fn run_command() -> impl Strategy<Value = RunCommand> {
    let clocks = [
        Clock::Queue,
        Clock::Lease,
        Clock::Inactivity,
        Clock::Run,
        Clock::Interaction,
        Clock::Review,
        Clock::CancelGrace,
    ];
    prop_oneof![
        Just(RunCommand::Cancel { grace: seconds(30) }),
        Just(RunCommand::Decline),
        Just(RunCommand::Approve { output: None }),
        Just(RunCommand::Reject { reason: None }),
        proptest::sample::select(clocks.to_vec()).prop_map(RunCommand::TimedOut),
    ]
}

/// Any next step.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let run = 1..4u8;
    let worker = 1..3u8;
    prop_oneof![
        2 => (0..10u8, 1..3u32, prop_oneof![Just(0u64), Just(600)], any::<bool>()).prop_map(
            |(priority, max_attempts, idle, review)| {
                Step::Start { priority, max_attempts, idle, review }
            }
        ),
        4 => (run.clone(), worker.clone(), any::<bool>()).prop_map(
            |(run, worker, explicit_begin)| Step::Lease { run, worker, explicit_begin }
        ),
        3 => (run.clone(), run_command()).prop_map(|(run, command)| Step::Ask { run, command }),
        1 => (run.clone(), proptest::bool::weighted(0.1))
            .prop_map(|(run, stale)| Step::Answer { run, stale }),
        6 => (run, proptest::bool::weighted(0.1), worker_command())
            .prop_map(|(run, stale, command)| Step::Say { run, stale, command }),
        1 => worker.clone().prop_map(|worker| {
            Step::Session(SessionCommand::Evicted { holder: holder(worker) })
        }),
        1 => worker.clone().prop_map(|worker| {
            Step::Session(SessionCommand::Drained { holder: holder(worker) })
        }),
        1 => Just(Step::Session(SessionCommand::End { grace: seconds(30) })),
        1 => worker.prop_map(|worker| Step::WorkerGone { worker }),
        2 => prop_oneof![Just(0u64), Just(1), 0..20_000u64, Just(2_000_000)]
            .prop_map(|millis| Step::Pass { millis }),
    ]
}
