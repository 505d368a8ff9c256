//! An exhaustive search over `decide`: everything that may happen within small bounds, in every
//! order, from an empty world on. Each state is visited once, and each step is checked against
//! the promises of docs/lifecycle.md.
//!
//! The world is as bad as it can be. A worker may say anything under any of its leases, at any
//! time, twice or never, so that every message is lost, late and doubled somewhere; any clock that
//! runs may run out; any worker may be gone. What `decide` cannot tell apart is one state: moments
//! and versions start anew with each step, leases are the present one or an old one, and workers
//! are renamed in the order in which a scene names them.
//!
//! The system under search is a parameter, and `mutants` breaks it on purpose: a search that finds
//! nothing wrong in a broken system proves nothing.

mod bounds;
mod explore;
mod holds;
mod mutants;
mod normal;
mod promise;
mod state;
mod step;
mod told;
mod world;

use windlass_domain::Timestamp;
use windlass_domain::lifecycle::{Changes, Command, Scene};
use windlass_domain::run::Refusal;

/// What is searched: `decide`, or a broken one.
pub(super) type System = fn(&Scene, Command, Timestamp) -> Result<Changes, Refusal>;
