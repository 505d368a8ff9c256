//! What an operator allows each organization. Source: docs/operations.md, "Caps".

use super::Slot;

/// What an operator allows each organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// How many of its sessions may be live at once: each run that may be leased or is held by a
    /// worker has one.
    pub sessions: u32,
    /// How many of its runs may be `queued`.
    pub queued: u32,
    /// What becomes of a start that `sessions` leaves no room for.
    pub overflow: Overflow,
}

/// What becomes of a start that finds as many live sessions as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Its run waits in `queued`.
    Wait,
    /// It is refused.
    Refuse,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            sessions: 1_000,
            queued: 10_000,
            overflow: Overflow::Wait,
        }
    }
}

/// A start that is one too many. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// As many sessions are live as may be.
    #[error("the organization may have {cap} live sessions, and has them")]
    Sessions {
        /// How many may.
        cap: u32,
    },
    /// As many runs are queued as may be.
    #[error("the organization may have {cap} queued runs, and has them")]
    Queued {
        /// How many may.
        cap: u32,
    },
}

impl Caps {
    /// Whether a start may leave its organization with so many queued runs, its own among them.
    ///
    /// # Errors
    /// [`Exceeded::Queued`] where it may not.
    pub fn admit_queued(&self, queued: u32) -> Result<(), Exceeded> {
        if queued > self.queued {
            return Err(Exceeded::Queued { cap: self.queued });
        }
        Ok(())
    }

    /// Whether a start may leave its run waiting for this slot.
    ///
    /// # Errors
    /// [`Exceeded::Sessions`] where it may not.
    pub fn admit_waiting(&self, slot: Slot) -> Result<(), Exceeded> {
        match (slot, self.overflow) {
            (Slot::Organization, Overflow::Refuse) => {
                Err(Exceeded::Sessions { cap: self.sessions })
            }
            (Slot::Organization, Overflow::Wait) | (Slot::Credential | Slot::Source, _) => Ok(()),
        }
    }
}
