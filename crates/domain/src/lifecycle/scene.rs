//! What a decision is made over.

use std::cmp::Reverse;
use std::fmt;

use crate::credential::{Credential, CredentialStatus};
use crate::id::{CredentialId, RunId};
use crate::run::{Run, RunState, Waiting};
use crate::session::Session;
use crate::time::Timestamp;

/// What one command may change, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The session; None for a start that opens one.
    pub session: Option<Session>,
    /// Its runs that are not final, by id, or those among them that [`Scene::narrowed`] leaves; and
    /// the one that the command is about, where it is final: a repeated cancel or finish is
    /// answered again.
    pub runs: Vec<Run>,
    /// Whether more runs wait for the session than `runs` has.
    pub more_wait: bool,
    /// Its credential, where it has one that still exists.
    pub credential: Option<SceneCredential>,
    /// The worker that has the session; None until a decision asks for it.
    pub worker: Option<SceneWorker>,
}

/// How many of those that wait for a session, the first ones, a store knows at least when it narrows
/// a scene: one that may be next, one that the command may be about, and one to know that more wait.
pub const KNOWN_OF_LINE: u32 = 3;

impl Scene {
    /// The scene with what most decisions need, those `about` this run or about none: it leaves out
    /// who waits for the session behind the first of them, and reviews. A session that ends asks for
    /// all who wait ([`Missing::Waiting`]).
    ///
    /// It is good for one decision, since that may call the first that waits.
    #[must_use]
    pub fn narrowed(mut self, about: Option<RunId>) -> Self {
        let first = first_in_line(&self.runs).map(|run| run.id);
        let mut more_wait = self.more_wait;
        self.runs.retain(|run| match &run.state {
            RunState::Queued {
                waiting: Waiting::ForSession,
                ..
            } => {
                let stays = Some(run.id) == first || Some(run.id) == about;
                more_wait |= !stays;
                stays
            }
            RunState::ReviewRequired { .. }
            | RunState::Completed
            | RunState::Failed { .. }
            | RunState::Canceled => Some(run.id) == about,
            RunState::Queued {
                waiting: Waiting::ForWorker,
                ..
            }
            | RunState::Running { .. }
            | RunState::InteractionRequired { .. }
            | RunState::Canceling { .. } => true,
        });
        self.more_wait = more_wait;
        self
    }
}

/// Who gets the session's slot next: by priority, then by age.
pub(super) fn first_in_line<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Option<&'a Run> {
    let waiting = runs.into_iter().filter(|run| {
        let waits = Waiting::ForSession;
        matches!(&run.state, RunState::Queued { waiting, .. } if *waiting == waits)
    });
    waiting.min_by_key(|run| (Reverse(run.settings.priority), run.id))
}

/// What a decision reads and changes of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneCredential {
    /// Which.
    pub id: CredentialId,
    /// Where it stands.
    pub status: CredentialStatus,
    /// Counts its secrets.
    pub secrets_version: u32,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Credential> for SceneCredential {
    fn from(credential: &Credential) -> Self {
        Self {
            id: credential.id,
            status: credential.status,
            secrets_version: credential.secrets_version,
            updated_at: credential.updated_at,
        }
    }
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
    /// Every run that waits for the session.
    Waiting,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker => formatter.write_str("the session's worker"),
            Self::Waiting => formatter.write_str("every run that waits for the session"),
        }
    }
}
