//! Who changed what, as the audit shows it.

use std::fmt;

use windlass_domain::id::{KeyId, RequestId};

use crate::columns::Id;

/// A change, as the audit shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Resource and verb: `agent.create`.
    pub action: &'static str,
    /// The id of what was changed.
    pub subject: String,
}

impl Audited {
    /// Such as `agent.create` of this id.
    pub fn new(action: &'static str, subject: &impl fmt::Display) -> Self {
        Self {
            action,
            subject: subject.to_string(),
        }
    }
}

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A caller.
    Caller {
        /// The key that it showed.
        key_id: KeyId,
        /// By which request.
        request_id: RequestId,
    },
    /// An operator at the command line.
    Operator,
}

impl By {
    /// The key and the request, as their columns have them.
    pub fn columns(self) -> (Option<Id>, Option<Id>) {
        match self {
            Self::Caller { key_id, request_id } => {
                (Some(Id(key_id.uuid())), Some(Id(request_id.uuid())))
            }
            Self::Operator => (None, None),
        }
    }
}
