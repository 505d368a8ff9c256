//! What every adapter of a port must pass.
//!
//! Each promise is a function whose name says it. An adapter of the store lists them all by
//! [`store_promises!`] and [`run_promises!`], one that lasts by [`keeping_promises!`] too, and so cannot
//! leave one out.

pub mod agents;
pub mod at_once;
pub mod audit;
pub mod blobs;
pub mod catalog;
pub mod changed_secrets;
pub mod changes;
pub mod clock;
pub mod credentials;
pub mod data_keys;
pub mod deliveries;
pub mod destinations;
pub mod dice;
pub mod events;
pub mod files;
pub mod gone_workers;
pub mod idempotency;
pub mod in_use;
pub mod keeping;
mod keeping_promises;
pub mod keys;
pub mod limits;
pub mod lists;
pub mod lost_answers;
pub mod organizations;
pub mod playbooks;
mod promises;
pub mod retention;
pub mod run_activities;
pub mod run_caps;
pub mod run_commands;
pub mod run_history;
pub mod run_leases;
mod run_promises;
pub mod run_reads;
pub mod run_slot_history;
pub mod run_slots;
pub mod run_starts;
pub mod run_sweeps;
pub mod runs_at_once;
pub mod saved_logins;
pub mod screenshots;
pub mod sealed_values;
pub mod sent_again;
pub mod sessions;
pub mod sessions_at_once;
pub mod signals;
pub mod sources;
pub mod stage;
pub mod store;
pub mod strict;
pub mod tasks;
pub mod tokens;
pub mod workers;
