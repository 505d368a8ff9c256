//! What of a run a store writes again. Most changes are touches and renewals, which move clocks
//! alone: they write neither the run's row nor any index.

use windlass_domain::run::{Interaction, Run, RunState};

use crate::Place;
use crate::rows::differ_in_clocks_alone;

/// What of a run is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunChange {
    /// Nothing.
    Nothing,
    /// Its clocks where a worker holds it.
    Clocks,
    /// Its clocks where a worker holds it, and its row.
    ClocksAndRow,
    /// Where it stands, and its row.
    PlaceAndRow,
}

impl RunChange {
    /// What is to be written of a run that has changed so.
    pub fn of(before: &Run, after: &Run) -> Self {
        let is_live = |run: &Run| Place::of(&run.state) == Place::Live;
        if before == after {
            Self::Nothing
        } else if enters_a_status(before, after) || !is_live(before) || !is_live(after) {
            Self::PlaceAndRow
        } else if differ_in_clocks_alone(before, after) {
            Self::Clocks
        } else {
            Self::ClocksAndRow
        }
    }
}

/// What a run asks a person now and did not ask before.
pub fn asked<'a>(before: &Run, after: &'a Run) -> Option<&'a Interaction> {
    match &after.state {
        RunState::InteractionRequired { interaction, .. } => {
            enters_a_status(before, after).then_some(interaction)
        }
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

fn enters_a_status(before: &Run, after: &Run) -> bool {
    before.version != after.version
}
