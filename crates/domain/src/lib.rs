//! The rules of agent task runs, as pure functions over data.
//!
//! No I/O, no clock, no randomness, no async: time comes in as [`Timestamp`], randomness as
//! [`id::Random`]. What a command does to a run, its session and its credential is decided by
//! [`lifecycle::decide`]; stores load, ask it, and save what it says.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod agent;
pub mod credential;
pub mod delivery;
pub mod destination;
pub mod edit;
pub mod event;
pub mod file;
pub mod id;
pub mod key;
pub mod lifecycle;
pub mod organization;
pub mod playbook;
pub mod pool;
pub mod run;
pub mod schema;
pub mod screenshot;
pub mod sealed;
pub mod session;
pub mod slot;
pub mod source;
pub mod task;
pub mod text;
pub mod time;
pub mod token;

pub use crate::time::Timestamp;
