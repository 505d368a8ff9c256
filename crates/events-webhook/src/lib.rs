//! Delivers events by webhook, signed after Standard Webhooks. Source: docs/events.md, "Deliveries".

mod failure;
mod headers;
mod retry_after;
mod sender;
mod signature;

pub use sender::WebhookSender;
pub use signature::{Signature, sign};
