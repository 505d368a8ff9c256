//! How large a schema is once each reference stands for what it refers to.

use std::ptr;

use serde_json::Value;

use super::keyword::{self, Anchors, Scope};
use super::place::Place;
use super::{MAX_NODES, MAX_REFERENCES_IN_A_ROW, SchemaProblem};

/// A reference that is being followed.
struct Open<'schema> {
    target: &'schema Value,
    /// How far into the validated value it was met.
    level: usize,
}

struct Visit<'schema> {
    schema: &'schema Value,
    place: Place<'schema>,
    level: usize,
}

enum Step<'schema> {
    /// A schema that stands where the walk is.
    Enter(Visit<'schema>),
    /// A schema that a reference leads to.
    Follow(Visit<'schema>),
    /// The target of the last open reference was walked.
    Close,
}

struct Walk<'schema> {
    root: &'schema Value,
    anchors: &'schema Anchors<'schema>,
    nodes: usize,
    open: Vec<Open<'schema>>,
    /// What is still to do, the next at the end: recursion would overflow on a long chain.
    steps: Vec<Step<'schema>>,
}

/// Walks the schema as a validator does, references included. One that leads to where the walk
/// already is ends there: recursive schemas are legal, and their size is that of one round.
pub(super) fn problem<'schema>(
    root: &'schema Value,
    anchors: &'schema Anchors<'schema>,
) -> Option<SchemaProblem> {
    let mut walk = Walk {
        root,
        anchors,
        nodes: 0,
        open: Vec::new(),
        steps: vec![Step::Follow(Visit {
            schema: root,
            place: Place::root(),
            level: 0,
        })],
    };
    while let Some(step) = walk.steps.pop() {
        let entered = match step {
            Step::Enter(visit) => walk.enter(&visit),
            Step::Follow(visit) => {
                walk.open.push(Open {
                    target: visit.schema,
                    level: visit.level,
                });
                walk.steps.push(Step::Close);
                walk.enter(&visit)
            }
            Step::Close => {
                walk.open.pop();
                Ok(())
            }
        };
        if let Err(problem) = entered {
            return Some(problem);
        }
    }
    None
}

impl<'schema> Walk<'schema> {
    fn enter(&mut self, visit: &Visit<'schema>) -> Result<(), SchemaProblem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(SchemaProblem::at(
                &Place::root(),
                format!("holds more than {MAX_NODES} schemas once its references are followed"),
            ));
        }
        for inner in keyword::inner(visit.schema, &visit.place) {
            let level = match inner.scope {
                Scope::SameValue => visit.level,
                Scope::PartOfIt => visit.level + 1,
                // Counted where it is referred to.
                Scope::Nothing => continue,
            };
            self.steps.push(Step::Enter(Visit {
                schema: inner.schema,
                place: inner.place,
                level,
            }));
        }
        for keyword in keyword::REFERENCES {
            if let Some(Value::String(reference)) = visit.schema.get(keyword) {
                let place = visit.place.member(keyword);
                self.refer(reference, &place, visit.level)?;
            }
        }
        Ok(())
    }

    fn refer(
        &mut self,
        reference: &'schema str,
        place: &Place<'schema>,
        level: usize,
    ) -> Result<(), SchemaProblem> {
        // One that refers to nothing was a problem of the inspection.
        let Some((target, target_place)) = keyword::resolve(self.root, self.anchors, reference)
        else {
            return Ok(());
        };
        let is_target = |open: &&Open<'_>| ptr::eq(open.target, target);
        match self.open.iter().rfind(is_target) {
            Some(open) if open.level == level => Err(SchemaProblem::at(
                place,
                "leads back to itself for the same value, so that no validation would end",
            )),
            Some(_) => Ok(()),
            None if self.open.len() > MAX_REFERENCES_IN_A_ROW => Err(SchemaProblem::at(
                place,
                format!("is one of more than {MAX_REFERENCES_IN_A_ROW} references in a row"),
            )),
            None => {
                self.steps.push(Step::Follow(Visit {
                    schema: target,
                    place: target_place,
                    level,
                }));
                Ok(())
            }
        }
    }
}
