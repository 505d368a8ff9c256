//! A small utility-billing website and a webhook receiver, for `windlass demo` and the system tests.
//!
//! [`DemoSite`] is the website of "Nordlys Kraft": a login with a code from the phone, invoices over
//! several pages, PDF downloads. [`WebhookReceiver`] keeps and verifies what is sent to it. Both listen
//! on a socket of their own, hold everything in bounded memory, and leave nothing when they stop.

mod invoice;
mod invoice_page;
mod login_page;
mod page;
mod pdf;
mod phone;
mod phone_page;
mod playbook;
mod receiver;
mod server;
mod session;
mod site;
mod user;
mod visit;

pub use phone::{Phone, TextMessage};
pub use playbook::{input_schema, output_schema, playbook};
pub use receiver::{NotReceived, Received, Unverified, WebhookReceiver};
pub use site::{DemoSite, DemoSiteBuilder};
pub use user::{FIRST_USERNAME, MAX_USERS, PASSWORD, User};
pub use visit::Visit;

/// The examples of the receivers' guide, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/receive-webhooks.md")]
struct ReceiversGuide;
