//! What a decision is made over.

use std::fmt;

use crate::credential::CredentialStatus;
use crate::id::CredentialId;
use crate::run::Run;
use crate::session::Session;
use crate::time::Timestamp;

/// What one command may change, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The session; None for a start that opens one.
    pub session: Option<Session>,
    /// Its runs that are not final, by id; and the one that the command is about, where it is
    /// final: a repeated cancel or finish is answered again.
    pub runs: Vec<Run>,
    /// Its credential, where it has one that still exists.
    pub credential: Option<SceneCredential>,
    /// The worker that has the session; None until a decision asks for it.
    pub worker: Option<SceneWorker>,
}

/// What a decision reads and changes of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneCredential {
    /// Which.
    pub id: CredentialId,
    /// Where it stands.
    pub status: CredentialStatus,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a decision reads of the start of a worker that has the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SceneWorker {
    /// It leases runs.
    Stays,
    /// It leases nothing any more: it drains, or a later start has taken its place.
    Leaves,
}

/// What a decision needs of a scene that was loaded without it. A store loads it, and asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The worker that has the session, which must not begin to drain before the decision is saved.
    Worker,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker => formatter.write_str("the session's worker"),
        }
    }
}
