//! What is wrong with a caller's request, all at once.

use std::borrow::Cow;

/// How much is told of a name or value that may be of any length. Names within these bounds are
/// shorter, and who sent a longer one knows it by its beginning.
const MAX_TOLD_CHARACTERS: usize = 200;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: ProblemKind,
    /// The field's name, dotted inside objects; a JSON Pointer inside a run's input or output.
    pub field: Option<String>,
    /// What is wrong, where, and what would be right, as a sentence.
    pub message: String,
}

/// Kinds of wrong; the API gives each its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// A required field is absent, null, empty or blank.
    Missing,
    /// A wrong type, a value out of range, a field that cannot go with another.
    Invalid,
    /// A field that does not exist.
    Unknown,
    /// A schema that a task must not have.
    SchemaInvalid,
    /// A source that does not exist, named in a body.
    SourceInvalid,
    /// An address that the egress policy refuses.
    SourceBlocked,
    /// Something else, named in a body, that does not exist.
    NotFound(Resource),
}

/// The resources of the API, by the names of their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An agent.
    Agent,
    /// A source.
    Source,
    /// A credential.
    Credential,
    /// A task.
    Task,
    /// A playbook.
    Playbook,
    /// A run.
    TaskRun,
    /// A session.
    Session,
    /// A stored file.
    Storage,
    /// An event.
    Event,
    /// An event destination.
    EventDestination,
    /// A delivery.
    EventDelivery,
    /// A worker, by its name.
    Worker,
}

impl Problem {
    /// A problem of one field.
    pub fn of(kind: ProblemKind, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            field: Some(field.into()),
            message: message.into(),
        }
    }
}

impl Resource {
    /// What a person calls it, such as `task run`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Source => "source",
            Self::Credential => "credential",
            Self::Task => "task",
            Self::Playbook => "playbook",
            Self::TaskRun => "task run",
            Self::Session => "session",
            Self::Storage => "stored file",
            Self::Event => "event",
            Self::EventDestination => "event destination",
            Self::EventDelivery => "event delivery",
            Self::Worker => "worker",
        }
    }

    /// One of it, such as `an agent`.
    pub fn one(self) -> String {
        with_article(self.noun())
    }
}

/// The name of a kind of thing with its article, such as `an agent`.
pub(crate) fn with_article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        _ if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

/// The text, or its beginning where it is long: what is told of a request must not be longer than it.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_TOLD_CHARACTERS) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// What is wrong with the form of a request, and after it what its rules say of other fields: of a
/// field whose form is wrong they were asked without it.
pub(crate) fn with_form(form: Vec<Problem>, rules: Vec<Problem>) -> Vec<Problem> {
    let mut all = form;
    let of_form = all.len();
    for problem in rules {
        let known = all[..of_form].iter().any(|form| form.covers(&problem));
        if !known {
            all.push(problem);
        }
    }
    all
}

impl Problem {
    /// Whether this speaks of the other's field, or of one that the other's lies in.
    fn covers(&self, other: &Self) -> bool {
        match (&self.field, &other.field) {
            (Some(field), Some(inside)) => inside
                .strip_prefix(field.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            (None, _) | (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_whose_form_is_wrong_is_told_once() {
        let of = |field: &str, message: &str| Problem::of(ProblemKind::Invalid, field, message);
        let form = vec![of("website", "form"), of("name", "form")];
        let rules = vec![
            of("name", "rule"),
            of("website.url", "rule"),
            of("names", "rule"),
            of("metadata", "rule"),
            of("metadata", "another rule"),
        ];

        let told: Vec<String> = with_form(form, rules)
            .into_iter()
            .map(|problem| format!("{} {}", problem.field.unwrap_or_default(), problem.message))
            .collect();

        assert_eq!(
            told,
            [
                "website form",
                "name form",
                "names rule",
                "metadata rule",
                "metadata another rule",
            ]
        );
    }
}
