//! The ports on a real Redis: what every adapter promises, what replicas hear of each other, and what
//! is left while Redis is away.

mod away;
mod conformance;
mod replica;
mod together;
