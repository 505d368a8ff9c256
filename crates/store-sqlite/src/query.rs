//! A query that is put together: of a list, whose text depends on what is asked for.

use std::fmt::{self, Write as _};

use rusqlite::types::Value;
use windlass_records::columns::{At, Id};

/// A query with its values.
pub(crate) struct Query {
    /// Texts of ours, with a `?` for each value.
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Query {
    /// One that begins so.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds text of ours.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a value.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) {
        self.text.push('?');
        self.values.push(value.into());
    }
}

impl windlass_records::Query for Query {
    fn push(&mut self, text: fmt::Arguments<'_>) {
        // Memory takes every text.
        let _ = self.text.write_fmt(text);
    }

    fn push_id(&mut self, id: Id) {
        self.push_bind(id);
    }

    fn push_at(&mut self, at: At) {
        self.push_bind(at);
    }

    fn push_number(&mut self, number: i64) {
        self.push_bind(number);
    }

    fn push_text(&mut self, text: String) {
        self.push_bind(text);
    }
}
