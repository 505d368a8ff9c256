//! The worker protocol on the wire: what workers ask, and what they are answered.
//!
//! Both sides of it are made from these bodies, except for a lease, which holds resources as other
//! calls answer them. Source: docs/workers.md.

pub mod activity;
pub mod credential;
pub mod finish;
pub mod lease;
pub mod question;
pub mod start;
