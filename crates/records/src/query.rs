//! A query that is put together, in whatever database.

use std::fmt;

use crate::columns::{At, Id};

/// A query whose text depends on what is asked for: texts of ours, and values of the caller's between
/// them.
pub trait Query {
    /// Adds text of ours.
    fn push(&mut self, text: fmt::Arguments<'_>);

    /// Adds an id as a value.
    fn push_id(&mut self, id: Id);

    /// Adds a moment as a value.
    fn push_at(&mut self, at: At);

    /// Adds a number as a value.
    fn push_number(&mut self, number: i64);

    /// Adds a text as a value.
    fn push_text(&mut self, text: String);
}
