//! Two sessions and two workers that are started anew once: what couples sessions is who has them.
//! The states of each session are searched before; here they stand side by side.

use std::collections::HashSet;

use windlass_domain::lifecycle::Command;
use windlass_domain::run::RunCommand;
use windlass_domain::session::SessionCommand;

use super::explore::Graph;
use super::promise::Promise;
use crate::fixture::holder;

/// How many times each worker is started.
const LAST_INCARNATION: u8 = 2;

/// One start of one of the two workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Start {
    worker: u8,
    incarnation: u8,
}

/// A session's state, by its place in the graph, and who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    scene: usize,
    holder: Option<Start>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    sessions: [Place; 2],
    /// The latest start of each worker.
    incarnations: [u8; 2],
}

/// What a step of a session means for who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A worker takes it.
    Lease,
    /// Its worker is declared gone.
    Gone,
    /// Anything else.
    Other,
}

/// How much was seen.
pub(super) struct Seen {
    pub(super) states: usize,
    pub(super) transitions: usize,
}

/// The graph of a session, as far as it matters who has it.
struct Steps {
    /// For each state what leads from it, and where.
    from: Vec<Vec<(Kind, usize)>>,
    /// Which states have a worker.
    is_held: Vec<bool>,
}

impl Steps {
    fn of(graph: &Graph) -> Self {
        let from = graph.edges.iter().map(|edges| {
            let kinds = edges
                .iter()
                .filter_map(|(number, next)| Some((kind(&graph.steps[*number].command)?, *next)));
            kinds.collect()
        });
        let is_held = graph.scenes.iter().map(|scene| {
            let session = scene.session.as_ref();
            session.is_some_and(|session| session.state.holder().is_some())
        });
        Self {
            from: from.collect(),
            is_held: is_held.collect(),
        }
    }
}

/// None for what the second worker of a scene does: the first does the same where it may.
fn kind(command: &Command) -> Option<Kind> {
    match command {
        Command::Run {
            command: RunCommand::Lease { holder: who, .. },
            ..
        } => (*who == holder(1)).then_some(Kind::Lease),
        Command::Run {
            command: RunCommand::WorkerGone { holder: who },
            ..
        }
        | Command::Session(SessionCommand::WorkerGone { holder: who }) => {
            (*who == holder(1)).then_some(Kind::Gone)
        }
        Command::Start { .. } | Command::Run { .. } | Command::Session(_) => Some(Kind::Other),
    }
}

/// Every state of the two sessions and their workers.
pub(super) fn explore(first: &Graph, second: &Graph) -> Result<Seen, Promise> {
    let steps = [Steps::of(first), Steps::of(second)];
    let empty = Place {
        scene: 0,
        holder: None,
    };
    let start = World {
        sessions: [empty; 2],
        incarnations: [1; 2],
    };
    let mut seen = HashSet::from([start]);
    let mut open = vec![start];
    let mut transitions = 0;
    while let Some(world) = open.pop() {
        let mut next = restarts(&steps, world)?;
        for (session, steps) in steps.iter().enumerate() {
            taken(steps, world, session, &mut next);
        }
        transitions += next.len();
        open.extend(next.into_iter().filter(|world| seen.insert(*world)));
    }
    Ok(Seen {
        states: seen.len(),
        transitions,
    })
}

/// What may happen to one of the sessions.
fn taken(steps: &Steps, world: World, session: usize, next: &mut Vec<World>) {
    let place = world.sessions[session];
    for (kind, scene) in &steps.from[place.scene] {
        let who = match (kind, place.holder) {
            (Kind::Lease, None) => latest(world).map(Some).to_vec(),
            // The call of a start that is not its worker's latest never comes to the lease.
            (Kind::Lease, Some(holder)) if !latest(world).contains(&holder) => Vec::new(),
            (Kind::Lease | Kind::Gone | Kind::Other, holder) => vec![holder],
        };
        for holder in who {
            let mut after = world;
            after.sessions[session] = Place {
                scene: *scene,
                holder: holder.filter(|_| steps.is_held[*scene]),
            };
            next.push(after);
        }
    }
}

fn latest(world: World) -> [Start; 2] {
    [0, 1].map(|worker| Start {
        worker,
        incarnation: world.incarnations[usize::from(worker)],
    })
}

/// A worker is started anew: the start before it is gone, in both sessions at once.
fn restarts(steps: &[Steps; 2], world: World) -> Result<Vec<World>, Promise> {
    let mut next = Vec::new();
    for gone in latest(world) {
        if gone.incarnation == LAST_INCARNATION {
            continue;
        }
        let mut after = world;
        after.incarnations[usize::from(gone.worker)] += 1;
        for (place, steps) in after.sessions.iter_mut().zip(steps) {
            if place.holder == Some(gone) {
                *place = without(steps, *place).ok_or(Promise::ARestartFreesWhatWasHeld)?;
            }
        }
        next.push(after);
    }
    Ok(next)
}

/// The session once all its runs and it have heard that its worker is gone, if that frees it.
fn without(steps: &Steps, mut place: Place) -> Option<Place> {
    while steps.is_held[place.scene] {
        let gone = |step: &&(Kind, usize)| step.0 == Kind::Gone;
        place.scene = steps.from[place.scene].iter().find(gone)?.1;
    }
    place.holder = None;
    Some(place)
}
