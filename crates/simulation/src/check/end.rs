//! What must hold when all is over.

use std::collections::{BTreeMap, BTreeSet};

use windlass_domain::Timestamp;
use windlass_domain::delivery::DeliveryState;
use windlass_domain::destination::{Destination, DestinationStatus};
use windlass_domain::event::{Event, EventData};
use windlass_domain::id::{EventId, OrganizationId, RunId};
use windlass_domain::run::{Run, Status};
use windlass_domain::session::SessionStatus;

use super::may_follow;
use crate::store::{KeptDelivery, State};
use crate::world::{Outside, url};

/// # Errors
/// The first promise that the history breaks.
pub(crate) fn end(state: &State, accepted: &[RunId], outside: &Outside) -> Result<(), String> {
    accepted_runs_are_there(state, accepted)?;
    all_is_final(state)?;
    numbers_rise(state)?;
    for kept in state.runs.values() {
        events_tell_its_path(state, kept.run())?;
    }
    each_event_is_delivered(state, outside)
}

/// Every run that a caller was told of is there, and no request made two.
fn accepted_runs_are_there(state: &State, accepted: &[RunId]) -> Result<(), String> {
    if let Some(lost) = accepted.iter().find(|id| !state.runs.contains_key(id)) {
        return Err(format!("{lost} was accepted and is lost"));
    }
    let mut requests = BTreeSet::new();
    for kept in state.runs.values() {
        let run = kept.run();
        let request = (run.organization_id, kept.view.metadata.get("start"));
        if !requests.insert(request) {
            return Err(format!("{} is the second run of one request", run.id));
        }
    }
    Ok(())
}

fn all_is_final(state: &State) -> Result<(), String> {
    for kept in state.runs.values() {
        let (run, output) = (kept.run(), &kept.view.output);
        if !run.status().is_final() {
            return Err(format!("{} is stuck in {}", run.id, run.status()));
        }
        if output.is_some() != (run.status() == Status::Completed) {
            return Err(format!(
                "{} is {} with output {output:?}",
                run.id,
                run.status()
            ));
        }
    }
    let mut sessions = state.sessions.values();
    match sessions.find(|session| {
        !matches!(
            session.status(),
            SessionStatus::Completed | SessionStatus::Failed
        )
    }) {
        Some(session) => Err(format!("{} is left {}", session.id, session.status())),
        None => Ok(()),
    }
}

/// The numbers of an organization's events rise in the order of commits.
fn numbers_rise(state: &State) -> Result<(), String> {
    let mut last: BTreeMap<OrganizationId, u64> = BTreeMap::new();
    for (owner, event) in &state.events {
        let before = last.insert(*owner, event.sequence);
        if before.is_some_and(|before| before >= event.sequence) {
            return Err(format!("event {} comes after {before:?}", event.sequence));
        }
    }
    Ok(())
}

/// Every status that a run entered is one event, and together they are a way through the table.
fn events_tell_its_path(state: &State, run: &Run) -> Result<(), String> {
    let of_run = state
        .events
        .iter()
        .filter_map(|(_, event)| match &event.data {
            EventData::Run(summary) if summary.id == run.id => Some((event, summary)),
            EventData::Run(_)
            | EventData::Session(_)
            | EventData::Credential(_)
            | EventData::Agent(_)
            | EventData::Source(_)
            | EventData::Task(_)
            | EventData::File(_)
            | EventData::Destination(_)
            | EventData::Delivery(_) => None,
        });
    let (mut status, mut version, mut at) = (None, 0, Timestamp::EPOCH);
    for (event, summary) in of_run {
        let is_next = summary.version == version + 1 && event.created_at > at;
        if !is_next || !may_follow(status, summary.status) {
            let (id, next) = (run.id, summary.status);
            return Err(format!("the events of {id} go from {status:?} to {next}"));
        }
        (status, version, at) = (Some(summary.status), summary.version, event.created_at);
    }
    if (status, version) != (Some(run.status()), run.version) {
        let (id, now) = (run.id, run.status());
        return Err(format!("{id} is {now}, and its events end at {status:?}"));
    }
    Ok(())
}

/// Every event has reached each destination that wanted it while it was active, or is parked.
fn each_event_is_delivered(state: &State, outside: &Outside) -> Result<(), String> {
    let mut deliveries: BTreeMap<_, &KeptDelivery> = BTreeMap::new();
    for kept in state.deliveries.values() {
        let delivery = &kept.view.delivery;
        let key = (delivery.destination_id, delivery.event_id);
        if deliveries.insert(key, kept).is_some() {
            return Err(format!(
                "{} has two deliveries to one place",
                delivery.event_id
            ));
        }
    }
    for (owner, destination) in state.destinations.values() {
        let ended_at = deactivation(state, destination);
        for (of, event) in &state.events {
            let is_wanted = of == owner
                && destination.events.matches(event.event_type)
                && ended_at.is_none_or(|ended_at| event.sequence < ended_at)
                && !is_about(event, destination);
            if !is_wanted {
                continue;
            }
            let kept = deliveries.get(&(destination.id, event.id));
            let kept = kept.ok_or_else(|| format!("{} has no delivery", event.id))?;
            has_come(kept, destination, event.id, outside)?;
        }
    }
    Ok(())
}

fn has_come(
    kept: &KeptDelivery,
    destination: &Destination,
    event_id: EventId,
    outside: &Outside,
) -> Result<(), String> {
    let to = url(destination);
    match kept.view.delivery.state {
        DeliveryState::Success { .. } if !outside.has_received(to, event_id) => Err(format!(
            "{event_id} never came to {to}, and is said to have"
        )),
        DeliveryState::Pending { .. } if destination.status == DestinationStatus::Active => {
            Err(format!("{event_id} was never sent to {to}"))
        }
        DeliveryState::Success { .. }
        | DeliveryState::Pending { .. }
        | DeliveryState::Parked { .. } => Ok(()),
    }
}

/// The number of the event that says that a destination was given up.
fn deactivation(state: &State, destination: &Destination) -> Option<u64> {
    let mut events = state.events.iter();
    let told = events.find(|(_, event)| match &event.data {
        EventData::Destination(ended) => ended.id == destination.id,
        EventData::Run(_)
        | EventData::Session(_)
        | EventData::Credential(_)
        | EventData::Agent(_)
        | EventData::Source(_)
        | EventData::Task(_)
        | EventData::File(_)
        | EventData::Delivery(_) => false,
    });
    told.map(|(_, event)| event.sequence)
}

fn is_about(event: &Event, destination: &Destination) -> bool {
    matches!(&event.data, EventData::Delivery(parked) if parked.destination_id == destination.id)
}
