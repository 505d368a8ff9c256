//! Workers of somebody else's, as processes of their own beside the built binary: the one of
//! `examples/worker-rust`, and the calls of `docs/workers.md` as they stand there.

mod client;
mod page;
mod processes;
mod website;
mod worker;
