//! Deliveries: the outbox.

use std::time::Duration;

use async_trait::async_trait;
use windlass_application::ports::deliveries::{
    DeliveryFilter, DeliveryStatus, DeliveryView, DueDelivery, Replay,
};
use windlass_application::ports::{Deliveries, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::delivery::{
    Attempt, Delivery, DeliveryState, DeliverySummary, Failing, MAX_REPLAYED, Next,
};
use windlass_domain::destination::DestinationStatus;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::{DeliveryId, DestinationId};

use super::event_log::is_about;
use super::page;
use super::write::Change;
use super::{MemoryStore, State};

#[async_trait]
impl Deliveries for MemoryStore {
    async fn lease(
        &self,
        limit: u32,
        per_destination: u32,
        busy: &[DestinationId],
        length: Duration,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        self.transact("Deliveries::lease", |state, now| {
            let mut turns = state.with_due(now);
            turns.retain(|id| !busy.contains(id));
            // From the first destination above the one where the last look ended, and around.
            let (_, ended_at) = state.last_look;
            let turn = turns.partition_point(|id| ended_at.is_some_and(|ended_at| *id <= ended_at));
            turns.rotate_left(turn);
            let mut leased = Vec::new();
            for id in turns {
                let room = limit.saturating_sub(u32::try_from(leased.len()).unwrap_or(u32::MAX));
                if room == 0 {
                    break;
                }
                let room = usize::try_from(room.min(per_destination)).unwrap_or(usize::MAX);
                leased.extend(state.lease_of(id, room, now, length));
                state.last_look.1 = Some(id);
            }
            state.last_look.0 = now;
            Ok(leased)
        })
        .await
    }

    async fn record(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        let recorded = self.transact("Deliveries::record", |state, now| {
            state.record(id, attempt, next, now);
            Ok::<_, StoreError>(())
        });
        recorded.await?;
        // Whoever waits for the next delivery must know of this one.
        self.shared.deliveries_written.notify_one();
        Ok(())
    }

    async fn replay(&self, write: Write, replay: Replay) -> Result<Written<u32>, WriteError> {
        let act = |change: Change<'_>| {
            let destination = change.destination(replay.destination_id)?;
            let types = replay.types(&destination.events);
            let owner = change.organization_id;
            let events = change.state.events.iter().filter(|(of, event)| {
                *of == owner
                    && types.contains(&event.event_type)
                    && replay.after < event.created_at
                    && event.created_at < replay.before
            });
            let events: Vec<Event> = events.map(|(_, event)| event.clone()).collect();
            if events.len() > usize::try_from(MAX_REPLAYED).unwrap_or(usize::MAX) {
                return Err(WriteError::TooMuch { most: MAX_REPLAYED });
            }
            let mut sent = 0;
            for event in events {
                if is_about(&event.data, destination.id) {
                    continue;
                }
                let mut kept = change.state.deliveries.values();
                let known = kept.find(|kept| {
                    let delivery = &kept.view.delivery;
                    delivery.destination_id == destination.id && delivery.event_id == event.id
                });
                match known.map(|kept| kept.view.delivery.clone()) {
                    Some(delivery) if due_at(&delivery.state).is_some() => continue,
                    Some(delivery) => {
                        let id = delivery.id;
                        change.state.move_on(id, delivery.again(change.at).state);
                    }
                    None => change
                        .state
                        .deliver(owner, &event, destination.id, change.at),
                }
                sent += 1;
            }
            Ok(sent)
        };
        let written = self
            .write("Deliveries::replay", write, act, |sent| {
                Outcome::Replayed(sent)
            })
            .await;
        self.shared.deliveries_written.notify_one();
        written
    }

    async fn redeliver(
        &self,
        write: Write,
        id: DeliveryId,
    ) -> Result<Written<DeliveryView>, WriteError> {
        let act = |change: Change<'_>| {
            let kept = change.state.deliveries.get(&id);
            let kept = kept.filter(|kept| kept.organization_id == change.organization_id);
            let mut view = kept.ok_or(WriteError::NotFound)?.view.clone();
            let destination_id = view.delivery.destination_id;
            if change.destination(destination_id).is_err() {
                let what = Resource::EventDestination;
                return Err(WriteError::ReferenceGone { what });
            }
            view.delivery = view.delivery.again(change.at);
            change.state.move_on(id, view.delivery.state);
            Ok(view)
        };
        let written = self
            .write("Deliveries::redeliver", write, act, |view| {
                Outcome::Delivery(view)
            })
            .await;
        self.shared.deliveries_written.notify_one();
        written
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DeliveryId,
    ) -> Result<Option<DeliveryView>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Deliveries::get", |state| {
            let kept = state.deliveries.get(&id);
            let own = kept.filter(|kept| kept.organization_id == organization_id);
            own.map(|kept| kept.view.clone())
        })
        .await
    }

    async fn due(&self, at_most: Duration) {
        let now = self.shared.clock.now();
        let next = self.look(|state| {
            let (seen, _) = state.last_look;
            state.attempts().map(|(at, _)| at).find(|at| *at > seen)
        });
        let wait = next.map_or(at_most, |next| next.since(now).min(at_most));
        let woken = self.shared.deliveries_written.notified();
        // Either way something may be due: whoever waited looks.
        let _ = tokio::time::timeout(wait, woken).await;
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        destination_id: DestinationId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryView>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Deliveries::list", |state| {
            let all = state.deliveries.values();
            let wanted = all.filter(|kept| {
                let delivery = &kept.view.delivery;
                let status = DeliveryStatus::from(&delivery.state);
                kept.organization_id == organization_id
                    && delivery.destination_id == destination_id
                    && (filter.statuses.is_empty() || filter.statuses.contains(&status))
                    && (filter.types.is_empty() || filter.types.contains(&delivery.event_type))
            });
            let wanted = wanted.map(|kept| kept.view.clone());
            let key = |view: &DeliveryView| {
                let id = view.delivery.id;
                (id.created_at(), id.to_string())
            };
            page::newest_first(wanted, key, filter.created, &page)
        })
        .await
    }
}

impl State {
    /// The active destinations that have something due, in the order of their ids.
    fn with_due(&self, now: Timestamp) -> Vec<DestinationId> {
        let due = self.attempts().take_while(|(at, _)| *at <= now);
        let mut ids: Vec<DestinationId> =
            due.map(|(_, delivery)| delivery.destination_id).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    fn is_active(&self, id: DestinationId) -> bool {
        let kept = self.destinations.get(&id);
        kept.is_some_and(|(_, it)| it.status == DestinationStatus::Active)
    }

    /// When the first delivery to an active destination is due.
    pub fn next_delivery(&self) -> Option<Timestamp> {
        self.attempts().map(|(at, _)| at).next()
    }

    /// The deliveries to active destinations that are not over, the earliest first.
    fn attempts(&self) -> impl Iterator<Item = (Timestamp, &Delivery)> {
        let due = self.due.iter().filter_map(|(at, id)| {
            let delivery = &self.deliveries.get(id)?.view.delivery;
            Some((*at, delivery))
        });
        due.filter(|(_, delivery)| self.is_active(delivery.destination_id))
    }

    /// What is due at one destination, the earliest first; due again after `length`.
    fn lease_of(
        &mut self,
        id: DestinationId,
        room: usize,
        now: Timestamp,
        length: Duration,
    ) -> Vec<DueDelivery> {
        let due = self.attempts().take_while(|(at, _)| *at <= now);
        let due = due.filter(|(_, delivery)| delivery.destination_id == id);
        let due: Vec<Delivery> = due.take(room).map(|(_, it)| it.clone()).collect();
        let mut leased = Vec::new();
        for delivery in due {
            self.move_on(
                delivery.id,
                DeliveryState::Pending {
                    next_attempt_at: now + length,
                },
            );
            let mut events = self.events.iter();
            let event = events.find(|(_, event)| event.id == delivery.event_id);
            if let (Some((_, event)), Some((owner, destination))) =
                (event, self.destinations.get(&id))
            {
                leased.push(DueDelivery {
                    organization_id: *owner,
                    delivery,
                    event: event.clone(),
                    destination: destination.clone(),
                });
            }
        }
        leased
    }

    /// How a delivery stands from now on.
    fn move_on(&mut self, id: DeliveryId, state: DeliveryState) {
        let Some(kept) = self.deliveries.get_mut(&id) else {
            return;
        };
        let delivery = &mut kept.view.delivery;
        self.due.extend(due_at(&state).map(|at| (at, id)));
        if let Some(before) = due_at(&delivery.state).filter(|at| Some(*at) != due_at(&state)) {
            self.due.remove(&(before, id));
        }
        delivery.state = state;
    }

    fn record(&mut self, id: DeliveryId, attempt: Attempt, next: Next, now: Timestamp) {
        // Its destination was deleted while it was under way, or whoever had it next was heard.
        let Some(kept) = self.deliveries.get_mut(&id) else {
            return;
        };
        let view = &mut kept.view;
        if due_at(&view.delivery.state).is_none() {
            return;
        }
        let organization_id = kept.organization_id;
        let delivery = view.delivery.clone().attempted(&attempt, next);
        let said = attempt.clone();
        view.attempt_log.push(attempt);
        view.delivery.attempts = delivery.attempts;
        self.move_on(id, delivery.state);
        let destination_id = delivery.destination_id;
        let before = self.failing.remove(&destination_id);
        let failing = Failing::after(before, &said);
        self.failing
            .extend(failing.map(|failing| (destination_id, failing)));
        let is_given_up = failing.is_some_and(|failing| failing.is_given_up(now))
            || next == (Next::Park { deactivate: true });
        // Who is given up hears no more of it, and the others hear both.
        let deactivated = is_given_up.then(|| self.deactivate(destination_id, now));
        if let Next::Park { .. } = next {
            let data = EventData::Delivery(DeliverySummary::from(&delivery));
            self.emit(organization_id, EventType::DeliveryParked, (now, now), data);
        }
        if let Some(Some((at, data))) = deactivated {
            let event_type = EventType::DestinationDeactivated;
            self.emit(organization_id, event_type, (at, now), data);
        }
    }

    /// Ends a destination's deliveries; None where that was done already.
    fn deactivate(&mut self, id: DestinationId, now: Timestamp) -> Option<(Timestamp, EventData)> {
        let (_, destination) = self.destinations.get_mut(&id)?;
        if destination.status != DestinationStatus::Active {
            return None;
        }
        destination.status = DestinationStatus::Inactive;
        destination.updated_at = now.following(destination.updated_at);
        let data = EventData::Destination(destination.clone());
        Some((destination.updated_at, data))
    }
}

/// When a delivery is tried next; None where it is over.
fn due_at(state: &DeliveryState) -> Option<Timestamp> {
    match state {
        DeliveryState::Pending { next_attempt_at } => Some(*next_attempt_at),
        DeliveryState::Success { .. } | DeliveryState::Parked { .. } => None,
    }
}
