//! The Agent and Protocol traits, for workers of every kind.
