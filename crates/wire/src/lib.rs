//! What goes over the wire: bodies, the event envelope, the worker protocol.
//!
//! Bodies of requests only say which form a request has; what their texts and numbers may be is a
//! rule of `windlass-application`. Bodies of answers are made from the domain's types and hold
//! every field that a resource has, null where it has no value. Source: docs/api.md.

pub mod agent;
pub mod answer;
pub mod credential;
pub mod delivery;
pub mod destination;
mod edit;
pub mod event;
pub mod parameters;
pub mod playbook;
pub mod run;
pub mod session;
pub mod source;
pub mod storage;
pub mod task;
pub mod token;
pub mod worker;
