//! What a playbook asks a person: `windlass.interact`.

use crate::selector::Selector;

/// A question to the person that the run works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interact {
    /// `mfa`, `security_question`, `account_selection`, `approval`, …
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What is asked for; empty where a yes is all.
    pub fields: Vec<Question>,
    /// What must show for the question to be asked; without it, it always is.
    pub when: Option<Selector>,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name of its answer: `{{interaction.NAME}}`.
    pub name: String,
    /// `string`, `select`, …
    pub kind: String,
    /// What the person reads.
    pub label: String,
    /// What may be chosen, where it is a choice.
    pub options: Option<Vec<QuestionOption>>,
    /// Whether it must be answered.
    pub required: bool,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionOption {
    /// What is answered.
    pub value: String,
    /// What the person reads; None shows the value.
    pub label: Option<String>,
}
