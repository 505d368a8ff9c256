//! What must hold of slots whenever no transaction is under way. Source: docs/lifecycle.md, "Slots".

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use windlass_domain::run::Run;
use windlass_domain::slot::{Caps, Gate, Slot, takes_part};

use crate::store::State;

/// As many slots are counted as runs have one, nobody has one too many, and nobody waits for one
/// that is free.
///
/// # Errors
/// The first gate where that does not hold.
pub(crate) fn slots(state: &State) -> Result<(), String> {
    let mut holders: BTreeMap<Gate, Vec<u32>> = BTreeMap::new();
    let mut first: BTreeMap<&Gate, (&Run, u32)> = BTreeMap::new();
    for run in state.unfinished().filter(|run| takes_part(&run.state)) {
        let waits_at = state.waits_at(run.id);
        for (gate, limit) in needs(run) {
            match waits_at {
                Some(at) if *at == gate => {
                    let known = first.entry(at).or_insert((run, limit));
                    if rank(run) < rank(known.0) {
                        *known = (run, limit);
                    }
                }
                Some(at) if at.slot < gate.slot => {}
                Some(_) | None => holders.entry(gate).or_default().push(limit),
            }
        }
    }
    let taken = state.slots_taken();
    let gates: BTreeSet<&Gate> = taken.keys().chain(holders.keys()).collect();
    for gate in gates {
        let counted = taken.get(gate).copied().unwrap_or(0);
        let limits = holders.get(gate).map_or(&[][..], Vec::as_slice);
        let name = format!("{} {}", gate.slot.as_str(), gate.of);
        if usize::try_from(counted) != Ok(limits.len()) {
            let count = limits.len();
            return Err(format!(
                "{counted} slots of {name} are counted, {count} are had"
            ));
        }
        // Each came while there was room under its own limit, the last one beside all others.
        if limits.iter().max().is_some_and(|most| counted > *most) {
            return Err(format!(
                "{counted} slots of {name} are had, which is too many"
            ));
        }
        if let Some((run, limit)) = first.get(gate)
            && counted < *limit
        {
            return Err(format!("{} waits for a free slot of {name}", run.id));
        }
    }
    Ok(())
}

fn rank(run: &Run) -> impl Ord {
    (Reverse(run.settings.priority), run.id)
}

/// What a run needs, with how many it stands beside itself, in words of this check.
fn needs(run: &Run) -> Vec<(Gate, u32)> {
    let gate = |slot, of: String| Gate {
        slot,
        organization_id: run.organization_id,
        of,
    };
    let limits = run.settings.concurrency;
    let credential = run.credential_id.map(|id| id.to_string());
    let credential = credential.zip(limits.and_then(|limits| limits.per_credential));
    let source = run.source_id.as_ref().map(|id| id.as_str().to_owned());
    let source = source.zip(limits.and_then(|limits| limits.per_source));
    let organization = (run.organization_id.to_string(), Caps::default().sessions);
    let needs = [
        (Slot::Credential, credential),
        (Slot::Source, source),
        (Slot::Organization, Some(organization)),
    ];
    let needs = needs
        .into_iter()
        .filter_map(|(slot, need)| need.map(|(of, limit)| (gate(slot, of), limit)));
    needs.collect()
}
