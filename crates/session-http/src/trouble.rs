//! What can go wrong while a step is played.

use windlass_domain::run::{ErrorCode, RunError};
use windlass_worker::{RunFailure, Stopped};

use crate::page::TooMuch;

/// What went wrong. No message holds a value that was filled in.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The run fails with this; the player adds which step it was.
    Error(RunError),
    /// The run ends as it says.
    Run(RunFailure),
}

impl Trouble {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Error(RunError::new(code, message))
    }

    /// The playbook does not fit the page, or this tier.
    pub(crate) fn task(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TaskFailed, message)
    }

    /// The same, which says what it is about: one of several.
    pub(crate) fn about(self, what: &str) -> Self {
        match self {
            Self::Error(error) => {
                let message = format!("{what}: {}", error.message);
                Self::Error(RunError { message, ..error })
            }
            Self::Run(failure) => Self::Run(failure),
        }
    }

    pub(crate) fn source(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::SourceError, message)
    }
}

impl From<TooMuch> for Trouble {
    fn from(too_much: TooMuch) -> Self {
        let code = match too_much {
            TooMuch::Together => ErrorCode::ApiError,
            TooMuch::Depth | TooMuch::Nodes | TooMuch::Time | TooMuch::Broken => {
                ErrorCode::SourceError
            }
        };
        Self::new(code, too_much.message())
    }
}

impl From<RunFailure> for Trouble {
    fn from(failure: RunFailure) -> Self {
        Self::Run(failure)
    }
}

impl From<Stopped> for Trouble {
    fn from(stopped: Stopped) -> Self {
        Self::Run(stopped.into())
    }
}
