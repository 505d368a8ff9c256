//! Wake-ups and rate counters across replicas, on Redis.
//!
//! [`Redis`] stands before the ports of one process: those who wait here are woken by them, at once
//! and without Redis, and Redis carries the news to the other replicas. It holds nothing that is
//! needed. While it is away each replica works as if it were alone, and whoever waits elsewhere looks
//! by itself, as it does anyway. Source: docs/operations.md, "Redis".

mod link;
mod message;
mod ports;
mod rate;

pub use ports::{Local, NotAnAddress, Redis};
