//! Sends the events of a period once more to one destination.

use std::sync::Arc;

use windlass_domain::Timestamp;
use windlass_domain::id::DestinationId;

use crate::create_destination::event_filter;
use crate::error::CallError;
use crate::ports::Deliveries;
use crate::ports::deliveries::Replay;
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::write::{Write, Written};

/// A period to replay, as its caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewReplay {
    /// Events after this moment.
    pub created_after: String,
    /// Events before this moment.
    pub created_before: String,
    /// Types, families or `*` alone; all that the destination wants where left out.
    pub types: Option<Vec<String>>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Replays events.
pub struct ReplayEvents {
    pub(crate) deliveries: Arc<dyn Deliveries>,
}

impl ReplayEvents {
    /// Answers how many events are sent.
    ///
    /// # Errors
    /// All that is wrong with the period, also where it has too many events; `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        destination_id: DestinationId,
        new: NewReplay,
    ) -> Result<Written<u32>, CallError> {
        let mut problems = Vec::new();
        let after = moment("created_after", &new.created_after, &mut problems);
        let before = moment("created_before", &new.created_before, &mut problems);
        if after > before && before.is_some() {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "created_before",
                "`created_before` must not be earlier than `created_after`.",
            ));
        }
        let types = event_filter("types", new.types.as_deref(), &mut problems);
        let problems = with_form(new.wrong, problems);
        let (Some(after), Some(before), Some(types), true) =
            (after, before, types, problems.is_empty())
        else {
            return Err(CallError::Invalid(problems));
        };
        let replay = Replay {
            destination_id,
            after,
            before,
            types,
        };
        let written = self.deliveries.replay(write, replay).await;
        written.map_err(|error| CallError::of_write(error, Resource::EventDestination))
    }
}

fn moment(field: &str, given: &str, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let kind = if given.trim().is_empty() {
        ProblemKind::Missing
    } else {
        ProblemKind::Invalid
    };
    Timestamp::parse(given)
        .map_err(|_| {
            let message = format!("`{field}` must be a moment such as `2026-01-05T10:00:00.000Z`.");
            problems.push(Problem::of(kind, field, message));
        })
        .ok()
}
