//! What Windlass can do: use cases, and the ports that they need.
//!
//! A use case is a file named for its verb. A port is a trait in [`ports`]; each of its writing
//! methods is one transaction. Decisions stand in `windlass-domain`, technology in adapters.

pub mod page;
pub mod ports;
pub mod problem;
pub mod random;
pub mod write;

pub use page::{Created, Key, Page, PageRequest, Position};
pub use problem::{Problem, ProblemKind};
pub use write::{
    Actor, Caller, IdempotencyRequest, KeptAnswer, OrganizationContext, Outcome, Write, Written,
};
