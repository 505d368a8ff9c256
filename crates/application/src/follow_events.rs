//! Follows the events of organizations as they commit, for any number of readers.
//!
//! One loop looks for what is new, in one query for all organizations that somebody follows: when it
//! is told that something happened, and once a second, so that what nobody told costs a second. What
//! it finds is shared by the readers of an organization. None has a buffer of its own: a reader is a
//! place in the order of events, and one that fell behind what is shared reads from the store.

mod tail;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};

use self::tail::{Kept, Tail};
use crate::error::{CallError, chain};
use crate::ports::error::StoreError;
use crate::ports::events::{EventFilter, EventPlace};
use crate::ports::signals::Topic;
use crate::ports::{Events, Signals};
use crate::problem::Resource;
use crate::write::OrganizationContext;

/// How often is looked for events that nobody told of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause between two looks: what happens meanwhile is found by one.
const PACE: Duration = Duration::from_millis(10);

/// How many organizations one query looks at.
const ORGANIZATIONS_A_LOOK: usize = 500;

/// How many new events of an organization one query brings; more come with the next.
const EVENTS_A_LOOK: u32 = 64;

/// How many events are shared on the whole: beyond it readers read from the store.
const MAX_SHARED: usize = 16_384;

/// How many events a reader is given at once.
const EVENTS_A_READ: u32 = 16;

/// Follows the events of organizations.
pub struct FollowEvents {
    events: Arc<dyn Events>,
    signals: Arc<dyn Signals>,
    followed: Mutex<HashMap<OrganizationId, Followed>>,
    /// Somebody came to follow, or knows that something happened.
    stirred: Notify,
}

/// An organization with at least one reader.
struct Followed {
    readers: usize,
    tail: Arc<Tail>,
}

/// Follows the events of one organization from a place on.
pub struct EventReader {
    all: Arc<FollowEvents>,
    organization: OrganizationContext,
    filter: EventFilter,
    tail: Arc<Tail>,
    moved: watch::Receiver<u64>,
    at: EventPlace,
}

impl FollowEvents {
    pub(crate) fn new(events: Arc<dyn Events>, signals: Arc<dyn Signals>) -> Self {
        Self {
            events,
            signals,
            followed: Mutex::default(),
            stirred: Notify::new(),
        }
    }

    /// A reader of what the filter lets through, behind the event `after`; without one, of what
    /// commits from now on.
    ///
    /// # Errors
    /// `NotFound` where the organization has, or keeps, no such event.
    pub async fn execute(
        self: &Arc<Self>,
        organization: OrganizationContext,
        filter: EventFilter,
        after: Option<EventId>,
    ) -> Result<EventReader, CallError> {
        let newest = self.events.end_of_events(organization).await?;
        let at = match after {
            None => newest,
            Some(id) => {
                let event = self.events.get(organization, id).await?;
                let event = event.ok_or(CallError::NotFound(Resource::Event))?;
                EventPlace::behind(&event)
            }
        };
        let organization_id = organization.organization_id();
        let tail = {
            let mut followed = self.lock();
            let of_organization = followed.entry(organization_id).or_insert_with(|| Followed {
                readers: 0,
                tail: Arc::new(Tail::at(newest)),
            });
            of_organization.readers += 1;
            Arc::clone(&of_organization.tail)
        };
        // It may be the first, for whom nobody listens yet.
        self.stir();
        Ok(EventReader {
            all: Arc::clone(self),
            organization,
            filter,
            moved: tail.watch(),
            tail,
            at,
        })
    }

    /// Something has happened here of which no signal tells: looks soon.
    pub fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Looks for new events until `stop`.
    pub async fn look_until(&self, stop: &CancellationToken) {
        let looking = async {
            let mut told = self.signals.listen(&[Topic::Events]);
            let mut looked_at = Instant::now();
            loop {
                tokio::select! {
                    () = told.heard(), if self.is_followed() => {}
                    () = self.stirred.notified() => {}
                    () = sleep_until(looked_at + LOOK_EVERY) => self.forget_what_is_old(),
                }
                sleep_until(looked_at + PACE).await;
                match self.look().await {
                    Ok(()) => {}
                    Err(error) => {
                        warn!("could not look for new events: {}", chain(&error));
                        sleep(LOOK_EVERY).await;
                    }
                }
                looked_at = Instant::now();
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    /// Finds all that is new, and tells the readers.
    async fn look(&self) -> Result<(), StoreError> {
        let mut places = self.places();
        while !places.is_empty() {
            let mut there_is_more = Vec::new();
            for some in places.chunks(ORGANIZATIONS_A_LOOK) {
                for (organization_id, events) in self.events.news(some, EVENTS_A_LOOK).await? {
                    // One whose events cannot be read must not keep them from the others.
                    let told = events.map(|events| self.tell(organization_id, events));
                    match told {
                        Ok(Some(next)) => there_is_more.push(next),
                        Ok(None) => {}
                        Err(error) => warn!(
                            organization.id = %organization_id,
                            "could not read the new events of an organization: {}",
                            chain(&error)
                        ),
                    }
                }
            }
            places = there_is_more;
        }
        Ok(())
    }

    /// Shares what is new of an organization. Where to go on, if there may be more.
    fn tell(
        &self,
        organization_id: OrganizationId,
        events: Vec<Event>,
    ) -> Option<(OrganizationId, u64)> {
        let is_full = events.len() == usize::try_from(EVENTS_A_LOOK).ok()?;
        let tail = Arc::clone(&self.lock().get(&organization_id)?.tail);
        let head = tail.append(events);
        is_full.then_some((organization_id, head))
    }

    /// The organizations that are followed, and how far each is known.
    fn places(&self) -> Vec<(OrganizationId, u64)> {
        let followed = self.lock();
        let places = followed
            .iter()
            .map(|(id, it)| (*id, it.tail.head().sequence));
        places.collect()
    }

    /// What is shared is for readers that keep up. Once a second what all of them have had time for
    /// goes, and all of it where it has become too much.
    fn forget_what_is_old(&self) {
        let followed = self.lock();
        let shared = followed.values().map(|it| it.tail.forget_what_is_old());
        if shared.sum::<usize>() > MAX_SHARED {
            followed.values().for_each(|it| it.tail.forget_all());
        }
    }

    fn is_followed(&self) -> bool {
        !self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Followed>> {
        // Each change is one insert, count or remove, which a panic cannot have left half done.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventReader {
    /// The next events, once there are some: in the order of commits, none left out, none twice.
    /// May be dropped while it waits.
    ///
    /// # Errors
    /// The store cannot be read. The place stays, so that it may be tried again.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, StoreError> {
        loop {
            // Before the look, so that nothing falls between the two.
            self.moved.mark_unchanged();
            let head = match self.tail.after(self.at, &self.filter, EVENTS_A_READ) {
                Kept::Nothing => {
                    // The tail, which tells, lives as long as the reader.
                    let _lives = self.moved.changed().await;
                    continue;
                }
                Kept::Events(events, at) => {
                    self.at = at;
                    if !events.is_empty() {
                        return Ok(events);
                    }
                    continue;
                }
                Kept::NoMore { head } => head,
            };
            let events = self.read(head).await?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }

    /// Reads from the store, which has all up to `head`.
    async fn read(&mut self, head: EventPlace) -> Result<Vec<Arc<Event>>, StoreError> {
        let filter = self.filter.clone();
        let events = &self.all.events;
        let events = events
            .after(self.organization, filter, self.at.sequence, EVENTS_A_READ)
            .await?;
        let last = events.last().map(EventPlace::behind);
        let was_all = u32::try_from(events.len()).is_ok_and(|count| count < EVENTS_A_READ);
        // What the filter leaves out is passed, too.
        let passed = was_all.then_some(head);
        let furthest = last.into_iter().chain(passed).max_by_key(|it| it.sequence);
        self.at = furthest.unwrap_or(self.at);
        Ok(events.into_iter().map(Arc::new).collect())
    }

    /// The last event that it has passed, given or left out by its filter: a reader that begins
    /// behind it misses nothing that this one has not had. None where there was none yet.
    pub fn passed(&self) -> Option<EventId> {
        self.at.id
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let organization_id = self.organization.organization_id();
        let mut followed = self.all.lock();
        if let Some(of_organization) = followed.get_mut(&organization_id) {
            of_organization.readers -= 1;
            if of_organization.readers == 0 {
                followed.remove(&organization_id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
