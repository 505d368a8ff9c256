//! What is wrong with a playbook, and where.

use std::fmt;

use serde_json::Value;

/// The longest type of a step in a problem's text, in characters: it is its author's.
const MAX_OPERATION_CHARACTERS: usize = 40;

/// One thing that is wrong with a playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: ProblemKind,
    /// Where: a JSON Pointer (RFC 6901), such as `/steps/3/parameters/fields/amount/as`; empty for
    /// the playbook as a whole.
    pub pointer: String,
    /// In which step, where it is in one.
    pub step: Option<StepName>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Kinds of wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Something required is absent, null, empty or blank.
    Missing,
    /// A wrong type, or a value that cannot be.
    Invalid,
    /// A name that means nothing here.
    Unknown,
}

/// How a step is called where its reader counts them: `step 4 (click)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// Counted from 1, as the Recorder and a run's timeline do.
    pub number: usize,
    /// Its type, or of a custom step the name; None where it has none.
    pub operation: Option<String>,
}

impl Problem {
    /// Its place in dotted names and positions, such as `steps.3.url`; empty for the whole playbook.
    pub fn path(&self) -> String {
        let names = self.pointer.split('/').skip(1).map(unescaped);
        names.collect::<Vec<_>>().join(".")
    }
}

impl StepName {
    /// The step that a place lies in.
    pub(crate) fn of(pointer: &str, playbook: &Value) -> Option<Self> {
        let inside = pointer.strip_prefix("/steps/")?;
        let position: usize = inside.split('/').next()?.parse().ok()?;
        let step = playbook.get("steps")?.get(position);
        let text = |name| step.and_then(|step| step.get(name)).and_then(Value::as_str);
        let operation = match text("type") {
            Some("customStep") => text("name").or(Some("customStep")),
            other => other,
        };
        Some(Self {
            number: position + 1,
            operation: operation
                .map(|operation| operation.chars().take(MAX_OPERATION_CHARACTERS).collect()),
        })
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operation {
            Some(operation) => write!(formatter, "step {} ({operation})", self.number),
            None => write!(formatter, "step {}", self.number),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(formatter, "{step}, ")?;
        }
        match self.pointer.as_str() {
            "" => write!(formatter, "the playbook {}", self.message),
            pointer => write!(formatter, "{pointer}: {}", self.message),
        }
    }
}

/// The place of `name` inside the place `pointer`.
pub(crate) fn inside(pointer: &str, name: impl fmt::Display) -> String {
    let name = name.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_a_pointer_and_can_be_dotted() {
        let pointer = inside(&inside(&inside("", "steps"), 3), "a/b~c");
        let problem = Problem {
            kind: ProblemKind::Invalid,
            step: StepName::of(
                &pointer,
                &json!({"steps": [0, 0, 0, {"type": "customStep", "name": "windlass.skip"}]}),
            ),
            pointer,
            message: "is wrong".to_owned(),
        };

        assert_eq!(problem.path(), "steps.3.a/b~c");
        let text = "step 4 (windlass.skip), /steps/3/a~1b~0c: is wrong";
        assert_eq!(problem.to_string(), text);
    }

    #[test]
    fn a_step_without_type_is_named_by_its_number() {
        let name = StepName::of("/steps/0", &json!({"steps": [7]})).unwrap();

        assert_eq!(name.to_string(), "step 1");
        assert_eq!(StepName::of("/title", &json!({})), None);
    }
}
