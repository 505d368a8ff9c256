//! A deterministic simulation of leasing, sweeping and dispatching: the real use cases of several
//! replicas over a store in memory, in virtual time, with seeded faults. No sockets, no SQL, no
//! threads: one seed is one history. Source: docs/testing.md.

mod chaos;
mod check;
mod executor;
mod pacer;
mod random;
pub mod store;
mod world;

pub use self::world::{Broken, Report, Sabotage, play};
