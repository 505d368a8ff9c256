//! Systems that are broken on purpose, one rule each: the seeds must find every one, and name the
//! promise that it breaks.

use windlass_domain::Timestamp;
use windlass_domain::lifecycle::{Changes, Command, Scene, SceneWorker, decide, due};
use windlass_domain::run::{
    Clock, FinishOutcome, Refusal, Run, RunCommand, RunState, Status, Waiting, WorkerCommand,
};
use windlass_domain::session::SessionCommand;
use windlass_domain::slot::takes_part;
use windlass_simulation::store::Rules;
use windlass_simulation::{Sabotage, play};

/// How many seeds have to find what is broken: those that every build plays.
const SEEDS: u64 = 500;

/// Plays seeds until one finds it; it must say what is expected.
fn is_found(sabotage: Sabotage, expected: &str) {
    let mut seeds = 1..=SEEDS;
    let broken = seeds.find_map(|seed| play(seed, sabotage, false).err());
    let broken = broken.unwrap_or_else(|| panic!("{SEEDS} seeds did not find it"));
    println!("{broken}");
    assert!(broken.promise.contains(expected), "{}", broken.promise);
}

fn deciding(decide: fn(&Scene, Command, Timestamp) -> Result<Changes, Refusal>) -> Sabotage {
    Sabotage {
        rules: Rules {
            decide,
            ..Rules::default()
        },
        ..Sabotage::default()
    }
}

/// The run that a command is about, as it stands before.
fn about(scene: &Scene, command: &Command) -> Option<Run> {
    let Command::Run { run_id, .. } = command else {
        return None;
    };
    scene.runs.iter().find(|run| run.id == *run_id).cloned()
}

#[test]
fn a_store_that_forgets_an_event_is_found() {
    let forgetful = |scene: &Scene, command: Command, now| {
        let mut changes = decide(scene, command, now)?;
        if changes.events.len() > 2 {
            changes.events.pop();
        }
        Ok(changes)
    };
    is_found(deciding(forgetful), "without an event");
}

#[test]
fn a_store_that_tells_an_event_twice_is_found() {
    let talkative = |scene: &Scene, command: Command, now| {
        let mut changes = decide(scene, command, now)?;
        changes.events.extend(changes.events.first().cloned());
        Ok(changes)
    };
    is_found(deciding(talkative), "went from");
}

#[test]
fn a_sweep_that_skips_a_clock_is_found() {
    let sabotage = Sabotage {
        rules: Rules {
            due: |scene, now| {
                let skips = |command: &Command| {
                    let clock = RunCommand::TimedOut(Clock::Inactivity);
                    matches!(command, Command::Run { command, .. } if *command == clock)
                };
                due(scene, now).filter(|command| !skips(command))
            },
            ..Rules::default()
        },
        ..Sabotage::default()
    };
    is_found(sabotage, "was not acted on");
}

#[test]
fn a_lease_that_ignores_epochs_is_found() {
    let trusting = |scene: &Scene, mut command: Command, now| {
        let present = about(scene, &command).and_then(|run| Some(run.state.lease()?.epoch));
        if let Command::Run {
            command: RunCommand::Worker { epoch, .. },
            ..
        } = &mut command
            && let Some(present) = present
        {
            *epoch = present;
        }
        decide(scene, command, now)
    };
    is_found(deciding(trusting), "was changed under epoch");
}

#[test]
fn a_promotion_that_is_lost_is_found() {
    let forgetful = |scene: &Scene, command: Command, now| {
        let mut changes = decide(scene, command, now)?;
        let waited = |run: &Run| {
            let known = scene.runs.iter().find(|known| known.id == run.id);
            known.is_some_and(|known| {
                let parked = Waiting::ForSession;
                matches!(&known.state, RunState::Queued { waiting, .. } if *waiting == parked)
            })
        };
        let is_promoted = |run: &Run| run.status() == Status::Queued && waited(run);
        changes.runs.retain(|run| !is_promoted(run));
        Ok(changes)
    };
    is_found(deciding(forgetful), "0 that may be leased");
}

#[test]
fn a_success_after_a_cancel_is_found() {
    let forgiving = |scene: &Scene, command: Command, now| {
        let mut scene = scene.clone();
        let run = about(&scene, &command);
        let is_success = matches!(
            &command,
            Command::Run {
                command: RunCommand::Worker {
                    command: WorkerCommand::Finish(finish),
                    ..
                },
                ..
            } if matches!(finish.outcome, FinishOutcome::Success { .. })
        );
        if let Some(run) = run.filter(|_| is_success)
            && let RunState::Canceling { lease, .. } = &run.state
            && let Some(known) = scene.runs.iter_mut().find(|known| known.id == run.id)
        {
            known.state = RunState::Running {
                lease: lease.clone(),
                active_at: now,
                answered: None,
            };
        }
        decide(&scene, command, now)
    };
    is_found(deciding(forgiving), "from Some(Canceling)");
}

#[test]
fn answers_that_a_renewal_erases_are_found() {
    let careless = |scene: &Scene, command: Command, now| {
        let is_renewal = matches!(
            &command,
            Command::Run {
                command: RunCommand::Worker {
                    command: WorkerCommand::Renew { .. },
                    ..
                },
                ..
            }
        );
        let mut changes = decide(scene, command, now)?;
        for run in changes.runs.iter_mut().filter(|_| is_renewal) {
            if let RunState::Running { answered, .. } = &mut run.state {
                *answered = None;
            }
        }
        Ok(changes)
    };
    is_found(deciding(careless), "were lost");
}

#[test]
fn a_repetition_of_what_has_begun_is_found() {
    let bold = |scene: &Scene, command: Command, now| {
        let mut scene = scene.clone();
        let lost = RunCommand::TimedOut(Clock::Lease);
        if matches!(&command, Command::Run { command, .. } if *command == lost) {
            for run in &mut scene.runs {
                run.settings.max_attempts = 99;
            }
        }
        let mut changes = decide(&scene, command, now)?;
        for run in &mut changes.runs {
            if let Some(known) = scene.runs.iter().find(|known| known.id == run.id) {
                run.settings.max_attempts = known.settings.max_attempts.min(1);
            }
        }
        Ok(changes)
    };
    is_found(deciding(bold), "is repeated after");
}

#[test]
fn a_dispatcher_that_records_before_it_sends_is_found() {
    let sabotage = Sabotage {
        records_before_sending: true,
        ..Sabotage::default()
    };
    is_found(sabotage, "never came to");
}

#[test]
fn a_replica_that_forgets_idempotency_keys_is_found() {
    let sabotage = Sabotage {
        forgets_keys: true,
        ..Sabotage::default()
    };
    is_found(sabotage, "the second run of one request");
}

#[test]
fn a_session_that_a_draining_worker_keeps_is_found() {
    let trusting = |scene: &Scene, command: Command, now| {
        let mut scene = scene.clone();
        scene.worker = Some(SceneWorker::Stays);
        decide(&scene, command, now)
    };
    is_found(
        deciding(trusting),
        "kept by a worker that leases nothing more",
    );
}

#[test]
fn a_drain_that_spares_what_is_waited_for_is_found() {
    let sparing = |scene: &Scene, command: Command, now| match command {
        Command::Session(SessionCommand::Drained { holder }) => {
            let evicted = Command::Session(SessionCommand::Evicted { holder });
            decide(scene, evicted, now)
        }
        Command::Start { .. } | Command::Run { .. } | Command::Session(_) => {
            decide(scene, command, now)
        }
    };
    is_found(deciding(sparing), "was not acted on");
}

fn taking_part(takes_part: fn(&RunState) -> bool) -> Sabotage {
    Sabotage {
        rules: Rules {
            takes_part,
            ..Rules::default()
        },
        ..Sabotage::default()
    }
}

#[test]
fn a_slot_that_a_failed_run_keeps_is_found() {
    let keeping = |state: &RunState| takes_part(state) || matches!(state, RunState::Failed { .. });
    is_found(taking_part(keeping), "are counted");
}

#[test]
fn a_slot_that_is_had_twice_is_found() {
    // While it waits for a person its slot is another's, and it goes on all the same.
    let lending = |state: &RunState| {
        takes_part(state) && !matches!(state, RunState::InteractionRequired { .. })
    };
    is_found(taking_part(lending), "are counted");
}
