//! What is wrong with a caller's request, all at once.

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
        }
    }
}
