//! What goes over the wire: bodies, the event envelope, the worker protocol.

pub mod event;
