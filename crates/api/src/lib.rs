//! The HTTP surface of Windlass.
//!
//! Handlers are thin: extractors read the request (`json`, `query`, `path`, `change`), one use case
//! or port works, one body of `windlass-wire` answers. What may be wrong with a call stands in one
//! table, `error_code`. Source: docs/api.md.

mod agents;
mod authentication;
mod call_limits;
mod change;
mod credentials;
mod cursor;
mod deliveries;
mod destinations;
mod docs;
mod drain;
mod error;
mod error_code;
mod error_table;
mod event_stream;
mod events;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
mod kept;
mod listed;
mod openapi;
mod ops;
mod page_token;
mod path;
mod patient;
mod playbooks;
mod query;
mod request;
mod router;
mod run_replies;
mod run_story;
mod runs;
mod screenshots;
mod serve;
mod sessions;
mod signing_key;
mod sources;
mod spellings;
mod state;
mod storage;
mod suggestion;
mod tasks;
mod test_key;
mod tokens;
mod unknown_fields;
mod wait;
mod worker;

pub use self::call_limits::CallLimits;
pub use self::drain::Drain;
pub use self::error_table::error_tables;
pub use self::ops::{Ops, install_metrics, ops_router};
pub use self::router::{document, router};
pub use self::serve::{ServeLimits, serve};
pub use self::signing_key::SigningKey;
pub use self::state::ApiConfig;
pub use self::unknown_fields::UnknownFields;
