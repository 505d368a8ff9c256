//! Looks once at each schema within a schema: references, dialect, ids, patterns.

use std::collections::HashSet;
use std::ptr;

use serde_json::Value;

use super::keyword::{self, Anchors};
use super::pattern::Budget;
use super::place::Place;
use super::{DIALECT, MAX_PROBLEMS, SchemaProblem};

/// What was found.
pub(super) struct Inspected<'schema> {
    pub(super) anchors: Anchors<'schema>,
    pub(super) problems: Vec<SchemaProblem>,
}

struct Inspection<'schema> {
    root: &'schema Value,
    seen: HashSet<*const Value>,
    waiting: Vec<(&'schema Value, Place<'schema>)>,
    references: Vec<(&'schema str, Place<'schema>)>,
    budget: Budget,
    found: Inspected<'schema>,
}

/// Looks at `root` and at all that its references lead to, also where no schema is expected:
/// a validator would follow them there too.
pub(super) fn inspect(root: &Value) -> Inspected<'_> {
    let mut inspection = Inspection {
        root,
        seen: HashSet::new(),
        waiting: vec![(root, Place::root())],
        references: Vec::new(),
        budget: Budget::new(),
        found: Inspected {
            anchors: Anchors::new(),
            problems: Vec::new(),
        },
    };
    while inspection.found.problems.len() < MAX_PROBLEMS {
        if let Some((schema, place)) = inspection.waiting.pop() {
            inspection.schema(schema, &place);
        } else if let Some((reference, place)) = inspection.references.pop() {
            // After all the schemas that stand where schemas do: then all anchors are known.
            inspection.reference(reference, &place);
        } else {
            break;
        }
    }
    inspection.found
}

impl<'schema> Inspection<'schema> {
    fn schema(&mut self, schema: &'schema Value, place: &Place<'schema>) {
        if !self.seen.insert(ptr::from_ref(schema)) {
            return;
        }
        self.dialect(schema, place);
        self.id(schema, place);
        self.anchors(schema, place);
        self.patterns(schema, place);
        for keyword in keyword::REFERENCES {
            if let Some(Value::String(reference)) = schema.get(keyword) {
                self.references.push((reference, place.member(keyword)));
            }
        }
        for inner in keyword::inner(schema, place) {
            self.waiting.push((inner.schema, inner.place));
        }
    }

    fn dialect(&mut self, schema: &Value, place: &Place<'schema>) {
        if let Some(Value::String(dialect)) = schema.get("$schema")
            && dialect.trim_end_matches('#') != DIALECT
        {
            self.problem(&place.member("$schema"), format!("must be {DIALECT}"));
        }
    }

    /// An id further in would give the references below it another root.
    fn id(&mut self, schema: &Value, place: &Place<'schema>) {
        if schema.get("$id").is_some() && !place.is_root() {
            self.problem(
                &place.member("$id"),
                "may stand at the root alone; use `$anchor` or `$defs` to name a part",
            );
        }
    }

    fn anchors(&mut self, schema: &'schema Value, place: &Place<'schema>) {
        for keyword in keyword::ANCHORS {
            if let Some(Value::String(name)) = schema.get(keyword) {
                let named = self.found.anchors.insert(name, (schema, place.clone()));
                if named.is_some_and(|(other, _)| !ptr::eq(other, schema)) {
                    let message = format!("names a second schema `{name}`");
                    self.problem(&place.member(keyword), message);
                }
            }
        }
    }

    fn patterns(&mut self, schema: &'schema Value, place: &Place<'schema>) {
        if let Some(Value::String(pattern)) = schema.get("pattern") {
            self.pattern(pattern, &place.member("pattern"));
        }
        if let Some(Value::Object(members)) = schema.get("patternProperties") {
            let place = place.member("patternProperties");
            for pattern in members.keys() {
                self.pattern(pattern, &place.member(pattern.as_str()));
            }
        }
    }

    fn pattern(&mut self, pattern: &str, place: &Place<'schema>) {
        if self.found.problems.len() < MAX_PROBLEMS
            && let Err(message) = self.budget.compile(pattern)
        {
            self.problem(place, message);
        }
    }

    fn reference(&mut self, reference: &'schema str, place: &Place<'schema>) {
        if !reference.starts_with('#') {
            self.problem(
                place,
                "refers outside the schema; only references that start with `#` are followed",
            );
            return;
        }
        match keyword::resolve(self.root, &self.found.anchors, reference) {
            Some((target, place)) => self.waiting.push((target, place)),
            None => self.problem(place, "refers to nothing in this schema"),
        }
    }

    fn problem(&mut self, place: &Place<'schema>, message: impl Into<String>) {
        if self.found.problems.len() < MAX_PROBLEMS {
            self.found.problems.push(SchemaProblem::at(place, message));
        }
    }
}
