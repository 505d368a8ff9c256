//! Event destinations: where events are sent.

use crate::edit::Edit;
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

/// What a caller changes of a destination; already checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DestinationEdit {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// Whether events are sent to it, where that changes.
    pub status: Option<DestinationStatus>,
    /// Which events are sent to it, where that changes.
    pub events: Option<EventFilter>,
    /// How they are sent.
    pub webhook: WebhookEdit,
}

/// What a caller changes of a webhook, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookEdit {
    /// Where to, where that changes.
    pub url: Option<String>,
    /// How often a failed attempt is repeated, where that changes.
    pub retry_profile: Option<RetryProfile>,
    /// The one signing secret from now on, sealed, where that changes.
    pub secret: Option<Sealed>,
    /// Further headers, sealed.
    pub custom_headers: Edit<Sealed>,
}

impl Destination {
    /// The destination after a change; None where that changes nothing.
    #[must_use]
    pub fn edited(&self, edit: &DestinationEdit, now: Timestamp) -> Option<Self> {
        let Configuration::Webhook(webhook) = &self.configuration;
        let changed = &edit.webhook;
        let webhook = Webhook {
            url: changed.url.clone().unwrap_or_else(|| webhook.url.clone()),
            retry_profile: changed.retry_profile.unwrap_or(webhook.retry_profile),
            secret: changed
                .secret
                .clone()
                .unwrap_or_else(|| webhook.secret.clone()),
            custom_headers: changed.custom_headers.over(&webhook.custom_headers),
        };
        let edited = Self {
            name: edit.name.clone().unwrap_or_else(|| self.name.clone()),
            status: edit.status.unwrap_or(self.status),
            events: edit.events.clone().unwrap_or_else(|| self.events.clone()),
            configuration: Configuration::Webhook(webhook),
            ..self.clone()
        };
        (edited != *self).then(|| Self {
            updated_at: now.following(self.updated_at),
            ..edited
        })
    }

    /// The event of a change that has led here; None where the status is as before.
    pub fn event_since(&self, before: &Self) -> Option<EventType> {
        match self.status {
            status if status == before.status => None,
            DestinationStatus::Active => Some(EventType::DestinationActivated),
            DestinationStatus::Inactive => Some(EventType::DestinationDeactivated),
            DestinationStatus::PendingVerification => None,
        }
    }
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
