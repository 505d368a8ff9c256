//! Slots: how many runs may be live at once for a credential, at a source, in an organization.
//!
//! A run that has its session takes one slot of each kind that it needs, in one order, and only
//! then may be leased. Where one is taken by others it waits in front of that [`Gate`] and keeps
//! those before it. [`Passage`] says who goes through; a store counts, and moves rows.
//! Source: docs/lifecycle.md, "Slots".

mod caps;
mod gate;
mod passage;

pub use self::caps::{Caps, Exceeded, Overflow};
pub use self::gate::{Candidate, Gate, Need, Slot, takes_part};
pub use self::passage::{Closed, Leaving, MOST_LET_IN, Next, Passage, Turn};
