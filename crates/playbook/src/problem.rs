//! What is wrong with a playbook.

use std::fmt;

/// One thing that is wrong with a playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: ProblemKind,
    /// Where: dotted names and positions, such as `steps.3.parameters.fields.amount.as`; empty for
    /// the playbook as a whole.
    pub path: String,
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

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
}
