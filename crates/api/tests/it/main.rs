//! The router in process, on a real store in a folder of its own.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, also where clippy does not see it as such"
)]

mod authorization;
mod bad_input;
mod call_limits;
mod caps;
mod changes;
mod destinations;
mod document;
mod documented;
mod event_stream;
mod file_addresses;
mod fixture;
mod held;
mod hostile;
mod idempotency;
mod later;
mod lists;
mod page;
mod page_tokens;
mod reviews;
mod runs;
mod serving;
mod shapes;
mod tables;
mod tenancy;
mod unknown_fields;
mod work;
mod worker_contents;
mod worker_finishes;
mod worker_questions;
mod worker_refusals;
mod workers;
mod working;
