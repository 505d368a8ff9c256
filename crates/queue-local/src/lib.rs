//! Wake-ups, signals and limits inside one process. Nothing here outlives it, and nothing has to:
//! losing a wake-up costs time, never correctness.

mod bells;
mod limits;
mod queue;
mod signals;

pub use limits::LocalLimits;
pub use queue::LocalQueue;
pub use signals::LocalSignals;
