//! Interactions: what a source asks a person for while a run waits.

use crate::id::InteractionId;
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// What a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Its id.
    pub id: InteractionId,
    /// `mfa`, `security_question`, `account_selection`, …: an open set.
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for.
    pub fields: Vec<Field>,
    /// Numbers the interactions of one lease, from 1: a wrong code is asked for again.
    pub attempt: u32,
    /// When it was raised.
    pub created_at: Timestamp,
    /// When the run fails unless it was answered.
    pub expires_at: Timestamp,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The key of its answer.
    pub name: String,
    /// `string`, `select`, …: an open set.
    pub kind: String,
    /// What the person reads.
    pub label: String,
    /// What may be chosen, where it is a choice.
    pub options: Option<Vec<FieldOption>>,
    /// Whether it must be answered.
    pub required: bool,
}

/// One choice of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOption {
    /// What is answered.
    pub value: String,
    /// What the person reads; None shows the value.
    pub label: Option<String>,
}

/// The last interaction of a lease that is running again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What was asked.
    pub interaction: Interaction,
    /// The answers, sealed; None where the worker withdrew the question.
    pub answers: Option<Sealed>,
}
