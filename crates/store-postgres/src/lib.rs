//! The stores of Windlass on PostgreSQL: every port whose rows many replicas share.
//!
//! [`PostgresStore`] is the front door; each port has a file of its name. What all of them share:
//! `store` connects, `migrate` brings the tables to their shape, `open` is a transaction of the
//! database and `transaction` one of the store, `event_log` writes events and their deliveries,
//! `write` keeps idempotency records and the audit, `retry` runs again what a deadlock ended and
//! waits for the `rollbacks` of what was refused.
//!
//! Locks are taken in one order: a session, then a credential, then where runs stand, then the
//! organization's counter, which is held from there to the commit. Reads and changes of what a
//! caller set up run under the tenant's role, which sees one organization alone; what speaks of
//! runs runs as the owner of the tables and names the organization in each statement.

mod agents;
mod audit;
mod clock;
mod credentials;
mod data_keys;
mod deliveries;
mod destinations;
mod error;
mod event_log;
mod events;
mod files;
mod first_start;
mod keys;
mod migrate;
mod open;
mod organizations;
mod playbooks;
mod retention;
mod retry;
mod rollbacks;
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

pub use self::first_start::FirstStart;
pub use self::migrate::MigrateError;
pub use self::store::{ConnectError, PostgresStore};
