//! Gates, and what a run needs to come to the queue.

use std::cmp::Reverse;

use super::Caps;
use crate::id::{OrganizationId, RunId};
use crate::run::{Holder, Run, RunState, Waiting};
use crate::task::Priority;

/// Kinds of slots, in the order in which a run takes them. Its session's comes before all of them,
/// and is decided with the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Of its credential: parallel logins of one person break what asks for a code.
    Credential,
    /// At its source, which may block who comes too often.
    Source,
    /// Among the live sessions of its organization.
    Organization,
}

impl Slot {
    /// Every kind, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Credential, Self::Source, Self::Organization];

    /// Its name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Source => "source",
            Self::Organization => "organization",
        }
    }

    /// The kind of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.as_str() == text)
    }
}

/// Where slots of one kind are counted. Gates sort in the order in which a store locks them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gate {
    /// Of which kind.
    pub slot: Slot,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// Whose slots they are: the text of its id.
    pub of: String,
}

/// A slot that a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Where it is counted.
    pub gate: Gate,
    /// How many runs may have one at once, in this run's eyes.
    pub limit: u32,
}

/// A run on its way to the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The run.
    pub run: Run,
    /// The start of a worker that keeps the run's session and alone may take it.
    pub kept_by: Option<Holder>,
    needs: Vec<Need>,
}

/// Whether a run in this state takes part in slots: it has its session, and is not over.
pub fn takes_part(state: &RunState) -> bool {
    match state {
        RunState::Queued { waiting, .. } => *waiting == Waiting::ForWorker,
        RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::Canceling { .. } => true,
        RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => false,
    }
}

impl Candidate {
    /// A run that has its session, with the slots that it needs besides.
    pub fn new(run: Run, kept_by: Option<Holder>, caps: &Caps) -> Self {
        Self {
            needs: needs(&run, caps),
            run,
            kept_by,
        }
    }

    /// What it needs at this gate; None where nothing.
    pub(super) fn need_at(&self, gate: &Gate) -> Option<&Need> {
        self.needs.iter().find(|need| need.gate == *gate)
    }

    /// The first gate that it comes to after the slots of this kind; the very first for None.
    pub(super) fn gate_after(&self, slot: Option<Slot>) -> Option<&Gate> {
        self.needs
            .iter()
            .map(|need| &need.gate)
            .find(|gate| Some(gate.slot) > slot)
    }

    /// Who goes first: the highest priority, then the oldest.
    pub(super) fn rank(&self) -> (Reverse<Priority>, RunId) {
        (Reverse(self.run.settings.priority), self.run.id)
    }
}

/// The slots that a run needs, in the order in which it takes them. They never change: its
/// settings are those of its task version.
pub(super) fn needs(run: &Run, caps: &Caps) -> Vec<Need> {
    let gate = |slot, of: String| Gate {
        slot,
        organization_id: run.organization_id,
        of,
    };
    let concurrency = run.settings.concurrency;
    let credential = run
        .credential_id
        .zip(concurrency.and_then(|it| it.per_credential))
        .map(|(id, limit)| (gate(Slot::Credential, id.to_string()), limit));
    let source = run
        .source_id
        .as_ref()
        .zip(concurrency.and_then(|it| it.per_source))
        .map(|(id, limit)| (gate(Slot::Source, id.as_str().to_owned()), limit));
    let organization_id = run.organization_id.to_string();
    let organization = (gate(Slot::Organization, organization_id), caps.sessions);
    [credential, source, Some(organization)]
        .into_iter()
        .flatten()
        .map(|(gate, limit)| Need { gate, limit })
        .collect()
}
