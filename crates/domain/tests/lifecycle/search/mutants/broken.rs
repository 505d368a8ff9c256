//! What a broken system is made of, and how it is found.

use windlass_domain::id::RunId;
use windlass_domain::lifecycle::{Changes, Command, Scene};
use windlass_domain::run::{Refusal, Run, RunCommand, RunState};

use crate::fixture::STARTED;
use crate::search::System;
use crate::search::bounds::{Bounds, Plan};
use crate::search::explore::explore;
use crate::search::promise::Promise;

pub(super) type Decided = Result<Changes, Refusal>;

/// Searches three runs of a session, the last of them the most urgent.
pub(super) fn finds(system: System, promise: Promise) {
    let urgent = Plan {
        priority: 9,
        ..Plan::DEFAULT
    };
    let bounds = Bounds {
        runs: vec![Plan::DEFAULT, Plan::DEFAULT, urgent],
        questions: 1,
        checkpoints: true,
    };
    let finding = explore(system, &bounds).err().expect("it is broken");

    assert_eq!(finding.promise, promise, "{finding:?}");
}

/// The run that a command is about, where it is about one.
pub(super) fn asked<'a>(
    scene: &'a Scene,
    command: &'a Command,
) -> Option<(&'a Run, &'a RunCommand)> {
    let Command::Run { run_id, command } = command else {
        return None;
    };
    let run = scene.runs.iter().find(|run| run.id == *run_id)?;
    Some((run, command))
}

/// The scene as it would be, had the run another past.
pub(super) fn with(scene: &Scene, run_id: RunId, change: impl Fn(&mut Run)) -> Scene {
    let mut scene = scene.clone();
    for run in &mut scene.runs {
        if run.id == run_id {
            change(run);
        }
    }
    scene
}

/// The command as if the run, which a worker holds, were running.
pub(super) fn as_running(scene: &Scene, run: &Run) -> Scene {
    with(scene, run.id, |run| {
        if let Some(lease) = run.state.lease().cloned() {
            run.state = RunState::Running {
                lease,
                active_at: STARTED,
                answered: None,
            };
        }
    })
}
