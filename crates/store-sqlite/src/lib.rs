//! The stores of Windlass on SQLite: every port whose rows must survive a crash.
//!
//! [`SqliteStore`] is the front door; each port has a file of its name. What all of them share:
//! `store` opens the file, `migration` makes its tables, `transaction` is what changes them, `event_log`
//! writes events and their deliveries, `write` keeps idempotency records and the audit.
//! One `connection` writes (`writer`), on a thread of its own, so that changes follow one another: each is a
//! closure that is done there as a whole. A few others read (`readers`), and one folds the log into the file
//! (`checkpoints`).
//!
//! A limit is written `LIMIT ? + 0`. SQLite looks at the value of a bare parameter there while it plans,
//! and so plans the statement anew whenever one is bound.

mod agents;
mod audit;
mod checkpoints;
mod clock;
mod connection;
mod credentials;
mod data_keys;
mod deliveries;
mod destinations;
mod error;
mod event_log;
mod events;
mod files;
mod keys;
mod migration;
mod noted;
mod organizations;
#[cfg(test)]
mod plans;
mod playbooks;
mod query;
mod readers;
mod retention;
mod runs;
mod screenshots;
mod sealed_values;
mod sessions;
mod sources;
mod store;
mod tasks;
mod tokens;
mod transaction;
mod undelivered;
mod workers;
mod write;
mod writer;

pub use self::clock::SystemClock;
pub use self::migration::MigrateError;
pub use self::store::{OpenError, SqliteStore};
