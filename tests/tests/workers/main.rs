//! Workers of somebody else's, as processes of their own beside the built binary: those of
//! `examples/`, and the calls of `docs/workers.md` as they stand there.

mod by_hand;
mod client;
mod examples;
mod page;
mod process;
mod processes;
mod website;
mod worker;
