//! What `cargo xtask bench` measures. Source: docs/performance.md.
//!
//! A row is what one target is held against. [`ROWS`] has them all: a new one is a file with a function
//! that measures, and a line there. Everything stands on loopback: the built binary as a user starts it
//! (`server`), and a website that costs next to nothing (`site`).

mod drain;
mod floor;
mod http_tier;
mod idle;
mod machine;
mod memory;
mod no_op_worker;
mod pick_up;
mod process;
mod row;
mod runs;
mod server;
mod site;
mod tier_alone;
mod waits;
mod walk;
mod world;

pub use self::machine::machine;
pub use self::no_op_worker::NoOpWorker;
pub use self::row::{Figure, Programs, ROWS, Row, Size};
