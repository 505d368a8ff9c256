//! Slots of credentials, sources and organizations, and who waits for them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use windlass_domain::id::{OrganizationId, RunId};
use windlass_domain::lifecycle::{Changes, Scene, Signal};
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::{Candidate, Exceeded, Gate, Leaving, Next, Passage, Slot};

use super::{KeptRun, State};

/// Slots that are taken, and runs that wait for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    taken: BTreeMap<Gate, u32>,
    waiting: BTreeMap<RunId, (Gate, Candidate)>,
}

impl Slots {
    /// Whether a run waits for a slot besides that of its session.
    pub(super) fn awaits(&self, run_id: RunId) -> bool {
        self.waiting.contains_key(&run_id)
    }

    fn first_waiting(&self, gate: &Gate) -> Option<Candidate> {
        let here = self.waiting.values().filter(|(at, _)| at == gate);
        let candidates = here.map(|(_, candidate)| candidate);
        candidates
            .min_by_key(|it| (Reverse(it.run.settings.priority), it.run.id))
            .cloned()
    }

    /// Lets runs pass; those that have all their slots now.
    fn pass(&mut self, mut passage: Passage) -> Vec<Candidate> {
        for slot in Slot::ALL {
            for gate in passage.gates(slot) {
                let mut left_here = passage.leaving_by(&gate);
                left_here.retain(|id| self.waiting.get(id).is_some_and(|(at, _)| *at == gate));
                for run_id in &left_here {
                    self.waiting.remove(run_id);
                }
                let taken = self.taken.get(&gate).copied().unwrap_or(0);
                let mut turn = passage.open(gate.clone(), taken, &left_here);
                loop {
                    let first = self.first_waiting(&gate);
                    match (turn.next(first.as_ref()), first) {
                        (Next::FirstWaiting, Some(first)) => {
                            self.waiting.remove(&first.run.id);
                        }
                        (Next::Arrival, _) => {}
                        (Next::FirstWaiting | Next::Nobody, _) => break,
                    }
                }
                let closed = passage.close(turn);
                if let Some(taken) = closed.taken {
                    self.taken.insert(closed.gate.clone(), taken);
                }
                for candidate in closed.waiting {
                    let place = (closed.gate.clone(), candidate);
                    self.waiting.insert(place.1.run.id, place);
                }
            }
        }
        passage.into_passed()
    }
}

impl State {
    /// How many slots are taken at each gate, for whoever checks it.
    pub fn slots_taken(&self) -> &BTreeMap<Gate, u32> {
        &self.slots.taken
    }

    /// The gate that a run waits at, if it waits at one.
    pub fn waits_at(&self, run_id: RunId) -> Option<&Gate> {
        self.slots.waiting.get(&run_id).map(|(gate, _)| gate)
    }

    /// Refuses a start that is one too many for its organization.
    pub(super) fn admit(&self, scene: &Scene, changes: &Changes) -> Result<(), Exceeded> {
        for run in &changes.runs {
            self.caps
                .admit_queued(self.queued(run.organization_id).saturating_add(1))?;
            let mut slots = self.slots.clone();
            slots.pass(self.moves(scene, changes));
            if let Some((gate, _)) = slots.waiting.get(&run.id) {
                self.caps.admit_waiting(gate.slot)?;
            }
        }
        Ok(())
    }

    fn queued(&self, organization_id: OrganizationId) -> u32 {
        let runs = self.runs.values().map(KeptRun::run);
        let queued = runs
            .filter(|run| run.organization_id == organization_id && run.status() == Status::Queued);
        u32::try_from(queued.count()).unwrap_or(u32::MAX)
    }

    /// Frees and takes the slots that follow from these changes; who may be leased by that.
    pub(super) fn move_runs(&mut self, before: &Scene, changes: &Changes) -> Vec<Signal> {
        let passage = self.moves(before, changes);
        ready(self.slots.pass(passage))
    }

    fn moves(&self, before: &Scene, changes: &Changes) -> Passage {
        let takes_part = self.rules.takes_part;
        let (mut leaving, mut arriving) = (Vec::new(), Vec::new());
        for after in &changes.runs {
            let known = before.runs.iter().find(|known| known.id == after.id);
            let took_part = known.filter(|known| takes_part(&known.state));
            match (took_part, takes_part(&after.state)) {
                // Who keeps its session is asked when it is leased.
                (None, true) => arriving.push(Candidate::new(after.clone(), None, &self.caps)),
                (Some(known), false) => leaving.push(Leaving::new(known, &self.caps)),
                (Some(_), true) | (None, false) => {}
            }
        }
        Passage::new(leaving, arriving)
    }

    /// Lets in who waits for a slot that is free, since a limit was raised.
    pub(super) fn let_in(&mut self) -> Vec<Signal> {
        // Each goes by the limits of now.
        let caps = self.caps;
        for (_, candidate) in self.slots.waiting.values_mut() {
            *candidate = Candidate::new(candidate.run.clone(), candidate.kept_by, &caps);
        }
        let gates: Vec<Gate> = self.slots.waiting.values().map(|it| it.0.clone()).collect();
        let mut signals = Vec::new();
        for gate in gates {
            signals.extend(ready(self.slots.pass(Passage::look_at(gate))));
        }
        signals
    }
}

fn ready(passed: Vec<Candidate>) -> Vec<Signal> {
    let pools = passed.into_iter().map(|Candidate { run, .. }| {
        let Run { pool, .. } = run;
        Signal::Ready { pool }
    });
    pools.collect()
}
