//! Gates and places in memory, which runs go through as they go through a store's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use windlass_domain::id::{CredentialId, Random, RunId, SourceId};
use windlass_domain::run::{Run, Waiting};
use windlass_domain::slot::{Candidate, Caps, Gate, Leaving, Next, Passage, Slot};
use windlass_domain::task::{Concurrency, Priority};

use crate::fixture::{STARTED, queued};

/// What a run's slots depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) priority: u8,
    pub(super) credential: Option<u8>,
    pub(super) source: Option<u8>,
    pub(super) per_credential: Option<u32>,
    pub(super) per_source: Option<u32>,
}

pub(super) const PLAN: Plan = Plan {
    priority: 5,
    credential: Some(1),
    source: Some(1),
    per_credential: None,
    per_source: None,
};

/// One run at a time for its credential.
pub(super) const ALONE: Plan = Plan {
    per_credential: Some(1),
    ..PLAN
};

/// Gates and places as a store has them.
pub(super) struct World {
    pub(super) caps: Caps,
    pub(super) taken: BTreeMap<Gate, u32>,
    pub(super) waiting: Vec<(Gate, Candidate)>,
    queue: Vec<Run>,
    started: u8,
}

impl World {
    pub(super) fn new(sessions: u32) -> Self {
        Self {
            caps: Caps {
                sessions,
                ..Caps::default()
            },
            taken: BTreeMap::new(),
            waiting: Vec::new(),
            queue: Vec::new(),
            started: 0,
        }
    }

    pub(super) fn run(&mut self, plan: Plan) -> Run {
        self.started += 1;
        let mut run = queued(self.started, Waiting::ForWorker);
        run.credential_id = plan
            .credential
            .map(|number| CredentialId::new(STARTED, Random([number; 10])));
        run.source_id = plan
            .source
            .map(|number| SourceId::new(STARTED, Random([number; 10])));
        run.settings.priority = Priority::new(plan.priority).expect("0 to 9");
        run.settings.concurrency = Some(Concurrency {
            per_credential: plan.per_credential,
            per_source: plan.per_source,
        });
        run
    }

    pub(super) fn start(&mut self, plan: Plan) -> RunId {
        let run = self.run(plan);
        let id = run.id;
        let arriving = vec![Candidate::new(run, None, &self.caps)];
        self.pass(Passage::new(vec![], arriving));
        id
    }

    /// Ends a run wherever it is.
    pub(super) fn end(&mut self, run_id: RunId) {
        let run = self.leave(run_id);
        self.pass(Passage::new(vec![run], vec![]));
    }

    pub(super) fn leave(&self, run_id: RunId) -> Leaving {
        let waiting = self.waiting.iter().map(|(_, candidate)| &candidate.run);
        let run = waiting
            .chain(&self.queue)
            .find(|run| run.id == run_id)
            .expect("it has not ended");
        Leaving::new(run, &self.caps)
    }

    fn first_waiting(&self, gate: &Gate) -> Option<Candidate> {
        self.waiting
            .iter()
            .filter(|(at, _)| at == gate)
            .map(|(_, candidate)| candidate)
            .min_by_key(|candidate| rank(&candidate.run))
            .cloned()
    }

    /// As a store does it.
    pub(super) fn pass(&mut self, mut passage: Passage) {
        let mut left = BTreeSet::new();
        for slot in Slot::ALL {
            for gate in passage.gates(slot) {
                let leaving = passage.leaving_by(&gate);
                left.extend(leaving.iter().copied());
                let mut here = Vec::new();
                self.waiting.retain(|(at, candidate)| {
                    let leaves = *at == gate && leaving.contains(&candidate.run.id);
                    here.extend(leaves.then_some(candidate.run.id));
                    !leaves
                });
                let taken = self.taken.get(&gate).copied().unwrap_or(0);
                let mut turn = passage.open(gate.clone(), taken, &here);
                loop {
                    let first = self.first_waiting(&gate);
                    match turn.next(first.as_ref()) {
                        Next::Arrival => {}
                        Next::FirstWaiting => {
                            let id = first.expect("it has passed").run.id;
                            self.waiting.retain(|(_, candidate)| candidate.run.id != id);
                        }
                        Next::Nobody => break,
                    }
                }
                let closed = passage.close(turn);
                if let Some(taken) = closed.taken {
                    self.taken.insert(closed.gate, taken);
                }
                for candidate in closed.waiting {
                    self.waiting.push((gate.clone(), candidate));
                }
            }
        }
        self.queue.retain(|run| !left.contains(&run.id));
        let passed = passage.into_passed().into_iter();
        self.queue.extend(passed.map(|candidate| candidate.run));
    }

    pub(super) fn queue(&self) -> Vec<RunId> {
        let mut ids: Vec<RunId> = self.queue.iter().map(|run| run.id).collect();
        ids.sort();
        ids
    }

    pub(super) fn all(&self) -> Vec<RunId> {
        let waiting = self.waiting.iter().map(|(_, candidate)| candidate.run.id);
        waiting.chain(self.queue.iter().map(|run| run.id)).collect()
    }

    /// Who has a slot of each gate: who is in the queue, and who waits for a later one.
    pub(super) fn holders(&self) -> BTreeMap<Gate, Vec<Run>> {
        let mut holders: BTreeMap<Gate, Vec<Run>> = BTreeMap::new();
        for run in &self.queue {
            for (gate, _) in needs(run, &self.caps) {
                holders.entry(gate).or_default().push(run.clone());
            }
        }
        for (at, candidate) in &self.waiting {
            for (gate, _) in needs(&candidate.run, &self.caps) {
                if gate.slot < at.slot {
                    holders.entry(gate).or_default().push(candidate.run.clone());
                }
            }
        }
        holders
    }

    /// What holds whenever nothing is under way, `before` being who had which slots.
    pub(super) fn check(&self, before: &BTreeMap<Gate, Vec<Run>>) {
        let holders = self.holders();
        for (gate, taken) in &self.taken {
            let count = holders.get(gate).map_or(0, Vec::len);
            assert_eq!(count, *taken as usize, "slots of {gate:?}");
            if let Some(first) = self.first_waiting(gate) {
                let limit = limit(&first.run, gate, &self.caps);
                assert!(*taken >= limit, "the first at {gate:?} may pass");
            }
        }
        for (gate, runs) in &holders {
            let had = before.get(gate).map_or(&[][..], Vec::as_slice);
            let is_new = |run: &&Run| !had.iter().any(|held| held.id == run.id);
            let new: Vec<&Run> = runs.iter().filter(is_new).collect();
            let most = new.iter().map(|run| limit(run, gate, &self.caps)).max();
            assert!(most.is_none_or(|most| runs.len() <= most as usize));
            for (_, waiting) in self.waiting.iter().filter(|(at, _)| at == gate) {
                let is_first = |run: &&Run| rank(run) < rank(&waiting.run);
                assert!(new.iter().all(is_first), "somebody was passed over");
            }
        }
        let all = self.all();
        let once: BTreeSet<RunId> = all.iter().copied().collect();
        assert_eq!(once.len(), all.len(), "each run is in one place");
    }
}

fn rank(run: &Run) -> (Reverse<Priority>, RunId) {
    (Reverse(run.settings.priority), run.id)
}

/// The rule of docs/lifecycle.md, "Slots", in words of this test.
fn needs(run: &Run, caps: &Caps) -> Vec<(Gate, u32)> {
    let gate = |slot, of| Gate {
        slot,
        organization_id: run.organization_id,
        of,
    };
    let mut needs = Vec::new();
    if let (
        Some(id),
        Some(Concurrency {
            per_credential: Some(limit),
            ..
        }),
    ) = (run.credential_id, run.settings.concurrency)
    {
        needs.push((gate(Slot::Credential, id.to_string()), limit));
    }
    if let (
        Some(id),
        Some(Concurrency {
            per_source: Some(limit),
            ..
        }),
    ) = (&run.source_id, run.settings.concurrency)
    {
        needs.push((gate(Slot::Source, id.to_string()), limit));
    }
    let of = run.organization_id.to_string();
    needs.push((gate(Slot::Organization, of), caps.sessions));
    needs
}

fn limit(run: &Run, gate: &Gate, caps: &Caps) -> u32 {
    let needs = needs(run, caps);
    let need = needs.iter().find(|(needed, _)| needed == gate);
    need.expect("it waits for what it needs, and holds no more")
        .1
}
