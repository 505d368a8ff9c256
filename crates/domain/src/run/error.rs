//! What may be wrong with a run that failed. Source: docs/api.md, "Errors".

/// One thing that went wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// Type and code.
    pub code: ErrorCode,
    /// What is wrong, where, and what would be right, as a sentence.
    pub message: String,
    /// JSON Pointer into the output, where a part of it is to blame.
    pub field: Option<String>,
}

impl RunError {
    /// An error that no field is to blame for.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
        }
    }
}

/// Whose matter an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The server.
    Api,
    /// The credential.
    Auth,
    /// The person who was asked.
    Interaction,
    /// The session.
    Session,
    /// The website.
    Source,
    /// The file store.
    Storage,
    /// The task.
    Task,
}

macro_rules! codes {
    ($($variant:ident = $type:ident, $name:literal, $description:literal;)+) => {
        /// The codes of a failed run's errors; each belongs to one type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $description] $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its type.
            pub fn error_type(self) -> ErrorType {
                match self { $(Self::$variant => ErrorType::$type),+ }
            }

            /// Its name on the wire, without the type.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it means, in a sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),+ }
            }

            /// The code of this type and name.
            pub fn parse(error_type: &str, code: &str) -> Option<Self> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|known| known.error_type().as_str() == error_type && known.as_str() == code)
            }
        }
    };
}

codes! {
    SessionTimeout = Session, "timeout", "No worker took the run in time.";
    SessionLost = Session, "session_lost", "The worker that held the run was lost.";
    SessionFailed = Session, "session_failed", "The session that the run was to run in is gone.";
    SourceError = Source, "source_error", "The source answered with an error of its own.";
    SourceInvalid = Source, "source_invalid", "The source is not what the task expects.";
    SourceNotFound = Source, "source_not_found", "The source's start page does not exist.";
    SourceNotAvailable = Source, "source_not_available", "The source cannot be reached.";
    SourceBlocked = Source, "source_blocked", "The source, or the server's egress policy, refuses access.";
    AuthInvalid = Auth, "auth_invalid", "The source refused the credential.";
    AuthRequired = Auth, "auth_required", "The source asks for a credential that the run does not have.";
    InteractionTimeout = Interaction, "interaction_timeout", "Nobody answered in time.";
    InteractionDeclined = Interaction, "interaction_declined", "The user declined to answer.";
    TaskTimeout = Task, "timeout", "The run took too long.";
    OutputInvalid = Task, "output_invalid", "The output breaks the task's output schema.";
    TaskFailed = Task, "task_failed", "The agent could not do the task.";
    ReviewRejected = Task, "review_rejected", "The review rejected the output.";
    ReviewTimeout = Task, "review_timeout", "Nobody reviewed the output in time.";
    StorageError = Storage, "storage_error", "A file could not be kept.";
    ApiError = Api, "api_error", "The server failed.";
}

impl ErrorType {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Auth => "auth",
            Self::Interaction => "interaction",
            Self::Session => "session",
            Self::Source => "source",
            Self::Storage => "storage",
            Self::Task => "task",
        }
    }
}
