//! Breadth first through every state within the bounds, so that what is found is found by the
//! shortest way.

use std::collections::HashMap;
use std::fmt;

use windlass_domain::lifecycle::{Changes, Missing, Scene, due};
use windlass_domain::run::Refusal;
use windlass_domain::session::SessionStatus;

use super::bounds::{About, Bounds, Step};
use super::normal::{key, normal};
use super::promise::Promise;
use super::{System, state, step};
use crate::fixture::late;

/// Every state within the bounds, and what leads from each to others.
pub(super) struct Graph {
    /// All that may happen.
    pub(super) steps: Vec<Step>,
    /// The states, the nearest first.
    pub(super) scenes: Vec<Scene>,
    /// For each state which step leads where.
    pub(super) edges: Vec<Vec<(usize, usize)>>,
    /// How many steps were taken, those among them that change nothing.
    pub(super) transitions: usize,
    by_key: HashMap<u64, usize>,
    /// Whence a state was reached first, and by which step.
    reached: Vec<Option<(usize, usize)>>,
}

/// A promise that does not hold, and the shortest way to see it.
pub(super) struct Finding {
    pub(super) promise: Promise,
    way: Vec<String>,
    /// Where the session and its runs stood before the last step.
    stood: Vec<String>,
}

impl fmt::Debug for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:?} is broken, after", self.promise)?;
        for step in &self.way {
            writeln!(formatter, "  {step}")?;
        }
        write!(formatter, "with {:#?}", self.stood)
    }
}

/// Every state of `system` within `bounds`, or the first promise that does not hold.
pub(super) fn explore(system: System, bounds: &Bounds) -> Result<Graph, Finding> {
    let mut graph = Graph::of(bounds.steps());
    let mut place = 0;
    while place < graph.scenes.len() {
        let scene = graph.scenes[place].clone();
        for number in 0..graph.steps.len() {
            match take(system, &scene, &graph.steps[number]) {
                Ok(None) => {}
                Ok(Some(next)) => graph.add(place, number, next),
                Err(promise) => return Err(graph.finding(promise, place, Some(number))),
            }
        }
        place += 1;
    }
    match graph.stuck() {
        Some(place) => Err(graph.finding(Promise::NothingIsStuck, place, None)),
        None => Ok(graph),
    }
}

/// The scene after `step`; None where it is refused, or not to be asked.
fn take(system: System, scene: &Scene, step: &Step) -> Result<Option<Scene>, Promise> {
    let mut live = live(scene);
    live.worker = Some(step.worker);
    let about = match step.about {
        About::Start(before) if scene.runs.len() != before => return Ok(None),
        About::Session if scene.session.is_none() => return Ok(None),
        About::Start(_) | About::Session => None,
        About::Run(place) => match scene.runs.get(place) {
            None => return Ok(None),
            Some(run) => {
                live.runs
                    .extend(run.status().is_final().then(|| run.clone()));
                Some(run.id)
            }
        },
    };
    let decided = system(&live, step.command.clone(), step.now);
    let narrowed = live.narrowed(about);
    let Ok(changes) = &decided else {
        step::refused(scene, step)?;
        alike(system, &narrowed, step, &decided)?;
        return Ok(None);
    };
    let next = saved(scene, changes);
    step::check(scene, step, changes, &next)?;
    state::check(&next)?;
    alike(system, &narrowed, step, &decided)?;
    Ok(Some(normal(next)))
}

/// A decision over what a store loads at first is the same, or asks for more.
fn alike(
    system: System,
    narrowed: &Scene,
    step: &Step,
    decided: &Result<Changes, Refusal>,
) -> Result<(), Promise> {
    let asks = Refusal::NotLoaded {
        missing: Missing::Waiting,
    };
    match system(narrowed, step.command.clone(), step.now) {
        Err(refusal) if refusal == asks && narrowed.more_wait => Ok(()),
        found if found == *decided => Ok(()),
        Ok(_) | Err(_) => Err(Promise::ANarrowSceneDecidesAlike),
    }
}

/// What a store loads: runs that are final stay where they are, but for the one that is asked.
fn live(scene: &Scene) -> Scene {
    let mut live = scene.clone();
    live.runs.retain(|run| !run.status().is_final());
    live
}

fn saved(scene: &Scene, changes: &Changes) -> Scene {
    let mut next = scene.clone();
    if changes.session.is_some() {
        next.session.clone_from(&changes.session);
    }
    for run in &changes.runs {
        match next.runs.iter_mut().find(|kept| kept.id == run.id) {
            Some(kept) => kept.clone_from(run),
            None => next.runs.push(run.clone()),
        }
    }
    next
}

fn stood(scene: &Scene) -> Vec<String> {
    let session = scene
        .session
        .iter()
        .map(|session| format!("{:?}", session.state));
    let runs = scene.runs.iter().map(|run| format!("{:?}", run.state));
    session.chain(runs).collect()
}

/// Whether nothing more has to happen.
fn is_at_rest(scene: &Scene) -> bool {
    let is_over = scene.session.as_ref().is_none_or(|session| {
        [SessionStatus::Completed, SessionStatus::Failed].contains(&session.status())
    });
    is_over && scene.runs.iter().all(|run| run.status().is_final())
}

impl Graph {
    fn of(steps: Vec<Step>) -> Self {
        let nothing = Scene {
            session: None,
            runs: Vec::new(),
            more_wait: false,
            credential: None,
            worker: None,
        };
        Self {
            steps,
            by_key: HashMap::from([(key(&nothing), 0)]),
            scenes: vec![nothing],
            edges: vec![Vec::new()],
            transitions: 0,
            reached: vec![None],
        }
    }

    fn add(&mut self, from: usize, number: usize, next: Scene) {
        self.transitions += 1;
        let fresh = self.scenes.len();
        let to = *self.by_key.entry(key(&next)).or_insert(fresh);
        if to == fresh {
            self.scenes.push(next);
            self.edges.push(Vec::new());
            self.reached.push(Some((from, number)));
        } else {
            assert_eq!(self.scenes[to], next, "two states have the same key");
        }
        if to != from {
            self.edges[from].push((number, to));
        }
    }

    /// A state from which the sweep of the clocks does not lead to rest.
    fn stuck(&self) -> Option<usize> {
        let swept: Vec<Option<usize>> = (0..self.scenes.len())
            .map(|place| self.swept(place))
            .collect();
        let mut rests: Vec<bool> = self.scenes.iter().map(is_at_rest).collect();
        let mut open: Vec<usize> = (0..rests.len()).filter(|place| !rests[*place]).collect();
        loop {
            let before = open.len();
            open.retain(|place| {
                rests[*place] = swept[*place].is_some_and(|next| rests[next]);
                !rests[*place]
            });
            if open.len() == before {
                return open.first().copied();
            }
        }
    }

    /// Where the next sweep leads, when every clock has run out.
    fn swept(&self, place: usize) -> Option<usize> {
        let command = due(&live(&self.scenes[place]), late())?;
        self.edges[place]
            .iter()
            .find(|(number, _)| self.steps[*number].command == command)
            .map(|(_, next)| *next)
    }

    fn finding(&self, promise: Promise, place: usize, last: Option<usize>) -> Finding {
        let name = |number: usize| format!("{:?}", self.steps[number].command);
        let mut way: Vec<String> = last.map(name).into_iter().collect();
        let mut at = place;
        while let Some((from, number)) = self.reached[at] {
            way.push(name(number));
            at = from;
        }
        way.reverse();
        Finding {
            promise,
            way,
            stood: stood(&self.scenes[place]),
        }
    }
}
