//! What whole-system tests need: the built binary as a process, a client of its API, a website and a
//! receiver of webhooks, and a check of what the receiver was told.

pub mod calls;
pub mod client;
pub mod ground;
pub mod history;
pub mod outside;
pub mod server;
pub mod table;
pub mod world;

pub use calls::{Asked, Calls};
pub use client::{Answer, Client};
pub use ground::{Backend, Ground};
pub use server::Server;
pub use world::World;
