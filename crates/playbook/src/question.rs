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
    pub options: Option<QuestionOptions>,
    /// Whether it must be answered.
    pub required: bool,
}

/// Where the choices come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionOptions {
    /// The playbook names them.
    Given(Vec<QuestionOption>),
    /// The page shows them.
    OnPage(PageOptions),
}

/// Choices that are read from the page: each match is one, and the person reads what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOptions {
    /// The matches.
    pub selector: Selector,
    /// The attribute that is answered; None answers what it is called.
    pub attribute: Option<String>,
}

impl Interact {
    pub(crate) fn selectors(&self) -> Vec<&Selector> {
        let on_page = self.fields.iter().filter_map(|field| match &field.options {
            Some(QuestionOptions::OnPage(on_page)) => Some(&on_page.selector),
            Some(QuestionOptions::Given(_)) | None => None,
        });
        self.when.iter().chain(on_page).collect()
    }
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionOption {
    /// What is answered.
    pub value: String,
    /// What the person reads; None shows the value.
    pub label: Option<String>,
}
