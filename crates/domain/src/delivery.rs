//! Deliveries: one event to one destination, and when it is tried again.

use std::time::Duration;

use crate::destination::RetryProfile;
use crate::event::EventType;
use crate::id::{DeliveryId, DestinationId, EventId};
use crate::time::Timestamp;

/// One event to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// What is sent.
    pub event_id: EventId,
    /// The type of that event.
    pub event_type: EventType,
    /// Where to.
    pub destination_id: DestinationId,
    /// How it stands.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was made: with its event.
    pub created_at: Timestamp,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// The next attempt is due at this moment.
    Pending {
        /// When.
        next_attempt_at: Timestamp,
    },
    /// The receiver took it.
    Success {
        /// When.
        delivered_at: Timestamp,
    },
    /// No attempt is left; it can be sent again by hand until it is dropped.
    Parked {
        /// When it is dropped.
        until: Timestamp,
    },
}

/// A delivery as the event of its parking shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySummary {
    /// The delivery.
    pub id: DeliveryId,
    /// What was to be sent.
    pub event_id: EventId,
    /// The type of that event.
    pub event_type: EventType,
    /// Where to.
    pub destination_id: DestinationId,
    /// How many attempts were made.
    pub attempts: u32,
}

impl From<&Delivery> for DeliverySummary {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            destination_id: delivery.destination_id,
            attempts: delivery.attempts,
        }
    }
}

/// How one attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The receiver's status, if it answered.
    pub status_code: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// What went wrong, in a sentence; None is success.
    pub error: Option<String>,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing more to do.
    Delivered,
    /// Another attempt after this long.
    Retry {
        /// Counted from the end of the attempt.
        after: Duration,
    },
    /// No attempt is left.
    Park {
        /// Whether the destination is deactivated with it.
        deactivate: bool,
    },
}

/// What a destination's attempts have come to, since one succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them failed.
    pub since: Timestamp,
    /// How many failed; none succeeded.
    pub attempts: u32,
}

/// A destination is given up after so long of nothing but failures. Source: docs/events.md, "Retries".
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// And not before so many of them: who gets little has few.
const GIVEN_UP_ATTEMPTS: u32 = 20;

impl Failing {
    /// What they have come to with this attempt; None where it succeeded.
    pub fn after(before: Option<Self>, attempt: &Attempt) -> Option<Self> {
        attempt.error.as_ref()?;
        Some(match before {
            None => Self {
                since: attempt.at,
                attempts: 1,
            },
            Some(before) => Self {
                attempts: before.attempts.saturating_add(1),
                ..before
            },
        })
    }

    /// Whether the destination is given up at this moment.
    pub fn is_given_up(self, now: Timestamp) -> bool {
        self.attempts >= GIVEN_UP_ATTEMPTS && now.since(self.since) >= GIVEN_UP_AFTER
    }
}

/// Waits before the second, third, … attempt. Source: docs/events.md, "Retries".
const DURABLE: [u64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
];
const DECK: [u64; 3] = [5, 25, 125];

/// The most that a receiver's `Retry-After` moves an attempt, so that it cannot outlive the event.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How long after its event a parked delivery can be sent again by hand: as long as events are
/// kept. Source: docs/events.md, "Retries".
const PARKED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The status by which a receiver says that it is gone for good.
const GONE: u16 = 410;

impl Delivery {
    /// The delivery that is sent once more, due at once. What was tried stays known: where its retries
    /// are over, this is one attempt more.
    #[must_use]
    pub fn again(mut self, now: Timestamp) -> Self {
        self.state = DeliveryState::Pending {
            next_attempt_at: now,
        };
        self
    }

    /// The delivery after an attempt, when `next` follows from it.
    pub fn attempted(mut self, attempt: &Attempt, next: Next) -> Self {
        let over_at = attempt.at + attempt.duration;
        self.attempts += 1;
        self.state = match next {
            Next::Delivered => DeliveryState::Success {
                delivered_at: over_at,
            },
            Next::Retry { after } => DeliveryState::Pending {
                next_attempt_at: over_at + after,
            },
            Next::Park { .. } => DeliveryState::Parked {
                until: self.created_at + PARKED_FOR,
            },
        };
        self
    }
}

/// The most events of one replay: what one transaction makes and sends again.
pub const MAX_REPLAYED: u32 = 10_000;

/// What follows from the attempt that made `attempts` of them.
///
/// `jitter` lies in 0.0 to 1.0 and spreads the wait by ±20 %, so that receivers that failed
/// together are not asked together.
pub fn after_attempt(profile: RetryProfile, attempts: u32, attempt: &Attempt, jitter: f64) -> Next {
    if attempt.error.is_none() {
        return Next::Delivered;
    }
    if attempt.status_code == Some(GONE) {
        return Next::Park { deactivate: true };
    }
    let waits: &[u64] = match profile {
        RetryProfile::Durable => &DURABLE,
        RetryProfile::Deck => &DECK,
    };
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    match waits.get(index) {
        Some(seconds) => {
            let spread = 0.8 + 0.4 * jitter.clamp(0.0, 1.0);
            let wait = Duration::from_secs(*seconds).mul_f64(spread);
            let asked = attempt.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
            Next::Retry {
                after: wait.max(asked),
            }
        }
        // What is sent again by hand ends nothing more than itself.
        None => Next::Park {
            deactivate: profile == RetryProfile::Deck && index == waits.len(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status_code: Option<u16>, retry_after: Option<u64>) -> Attempt {
        Attempt {
            at: Timestamp::EPOCH,
            status_code,
            duration: Duration::from_millis(3),
            error: Some("The receiver answered 503.".to_owned()),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn after(profile: RetryProfile, attempts: u32) -> Next {
        after_attempt(profile, attempts, &failed(Some(503), None), 0.5)
    }

    #[test]
    fn a_durable_delivery_has_ten_attempts_and_is_then_parked() {
        assert_eq!(
            after(RetryProfile::Durable, 1),
            Next::Retry {
                after: Duration::from_secs(5)
            }
        );
        assert_eq!(
            after(RetryProfile::Durable, 9),
            Next::Retry {
                after: Duration::from_secs(24 * 3600)
            }
        );
        assert_eq!(
            after(RetryProfile::Durable, 10),
            Next::Park { deactivate: false }
        );
    }

    #[test]
    fn a_deck_delivery_has_four_attempts_and_ends_its_destination() {
        assert_eq!(
            after(RetryProfile::Deck, 3),
            Next::Retry {
                after: Duration::from_secs(125)
            }
        );
        assert_eq!(
            after(RetryProfile::Deck, 4),
            Next::Park { deactivate: true }
        );
    }

    #[test]
    fn what_is_sent_again_by_hand_ends_no_destination() {
        assert_eq!(
            after(RetryProfile::Deck, 5),
            Next::Park { deactivate: false }
        );
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_asked_again() {
        let next = after_attempt(RetryProfile::Durable, 1, &failed(Some(410), None), 0.5);

        assert_eq!(next, Next::Park { deactivate: true });
    }

    #[test]
    fn retry_after_moves_an_attempt_back_and_never_forward() {
        let later = after_attempt(RetryProfile::Durable, 1, &failed(Some(503), Some(60)), 0.5);
        let sooner = after_attempt(RetryProfile::Durable, 2, &failed(Some(503), Some(60)), 0.5);

        assert_eq!(
            later,
            Next::Retry {
                after: Duration::from_secs(60)
            }
        );
        assert_eq!(
            sooner,
            Next::Retry {
                after: Duration::from_secs(300)
            }
        );
    }

    #[test]
    fn waits_are_spread_by_a_fifth_either_way() {
        for (jitter, seconds) in [(0.0, 4.0), (1.0, 6.0)] {
            let next = after_attempt(RetryProfile::Durable, 1, &failed(None, None), jitter);
            assert_eq!(
                next,
                Next::Retry {
                    after: Duration::from_secs_f64(seconds)
                }
            );
        }
    }

    #[test]
    fn a_destination_is_given_up_after_five_days_and_twenty_failures() {
        let at = |days: u64| Timestamp::EPOCH + Duration::from_secs(days * 24 * 3600);
        let failing = |attempts| {
            (0..attempts).fold(None, |before, _| {
                Failing::after(before, &failed(Some(503), None))
            })
        };
        let many = failing(20).unwrap();
        let few = failing(19).unwrap();
        let succeeded = Attempt {
            error: None,
            ..failed(Some(200), None)
        };

        assert!(many.is_given_up(at(5)));
        assert!(!many.is_given_up(at(4)));
        assert!(!few.is_given_up(at(50)));
        assert_eq!(Failing::after(Some(many), &succeeded), None);
    }

    #[test]
    fn success_is_final() {
        let attempt = Attempt {
            error: None,
            ..failed(Some(200), None)
        };

        assert_eq!(
            after_attempt(RetryProfile::Deck, 4, &attempt, 0.5),
            Next::Delivered
        );
    }
}
