//! Event destinations: where events are sent.

use crate::event::EventType;
use crate::id::DestinationId;
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// Where events of an organization are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its id.
    pub id: DestinationId,
    /// 1 to 255 characters.
    pub name: String,
    /// Whether events are sent to it.
    pub status: DestinationStatus,
    /// Which events are sent to it.
    pub events: EventFilter,
    /// How they are sent.
    pub configuration: Configuration,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether events are sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DestinationStatus {
    /// It waits for its test message.
    PendingVerification,
    /// Each matching event makes a delivery.
    Active,
    /// No event makes a delivery.
    Inactive,
}

impl DestinationStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::PendingVerification, Self::Active, Self::Inactive];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingVerification => "pending_verification",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// The status of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Which events are sent to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFilter {
    /// Every event: `*` on the wire.
    All,
    /// These, by type or family, as the caller gave them; never empty.
    Some(Vec<EventPattern>),
}

/// One entry of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventPattern {
    /// One type.
    Type(EventType),
    /// Every type of a resource, such as `task_run.*`. Holds the part before the dot.
    Family(&'static str),
}

impl EventFilter {
    /// Whether an event of this type is sent.
    pub fn matches(&self, event_type: EventType) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) => patterns.iter().any(|pattern| match pattern {
                EventPattern::Type(wanted) => *wanted == event_type,
                EventPattern::Family(family) => event_type.family() == *family,
            }),
        }
    }
}

/// How events are sent to a destination; one variant per type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configuration {
    /// By HTTP, signed.
    Webhook(Webhook),
}

impl Configuration {
    /// The type's name on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
        }
    }
}

/// How events are sent by webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to; http or https, absolute.
    pub url: String,
    /// How often a failed attempt is repeated.
    pub retry_profile: RetryProfile,
    /// The signing secrets, newest first, sealed.
    pub secret: Sealed,
    /// Further headers, sealed: they often hold a token.
    pub custom_headers: Option<Sealed>,
}

/// How often a failed attempt is repeated. Source: docs/events.md, "Retries".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryProfile {
    /// Ten attempts over three days.
    Durable,
    /// Four attempts within three minutes.
    Deck,
}

impl RetryProfile {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::Durable, Self::Deck];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Deck => "deck",
        }
    }

    /// The profile of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == text)
    }
}
