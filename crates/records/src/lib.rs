//! What is stored, the same in every store: rows, their columns, the JSON shapes inside them, how
//! lists are cut into pages, and what a decision leaves to write. Source:
//! docs/decisions/0009-rows-are-written-down-once.md.
//!
//! A shape is a promise to the rows that exist: a field may be added with a default, and is never
//! renamed or dropped. Each shape turns into its domain type by saying which rule a row breaks;
//! what a row cannot hold is an error and never a default.

#[macro_use]
mod row;

mod audit;
pub mod columns;
mod decision;
mod event;
mod event_filter;
mod holder;
mod in_use;
mod interaction;
mod last_let_in;
mod last_look;
mod last_noted;
mod lease;
mod length;
mod moves;
mod new_event;
mod over;
pub mod page;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
pub mod rows;
mod run_change;
mod run_error;
mod run_state;
mod sealed;
mod sealed_rows;
mod sealed_state;
mod session_state;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod storage_settings;
mod task_settings;
mod turns;
mod webhook;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::audit::{Audited, OPERATOR, chain_end, linked, newest_of, position};
pub use self::decision::{EnteredStatuses, by_id, caller_of, credential_told, session_after};
pub use self::event::{EventDetail, RunFacts, SessionFacts};
pub use self::event_filter::EventFilterRecord;
pub use self::in_use::refuse_in_use;
pub use self::last_let_in::LastLetIn;
pub use self::last_look::{LastLook, Look, in_turn};
pub use self::last_noted::LastNoted;
pub use self::lease::{Equipment, Room, Told, lease, lease_again};
pub use self::moves::{MOST_BROKEN, MOST_OPENINGS, Move, Moved, Moves};
pub use self::new_event::{NewEvent, SubjectColumns, by_organization};
pub use self::over::{
    Aged, AgedRow, content_number, file_content, over, owned_content, screenshot_content,
};
pub use self::place::{PARKED_FOR_SESSION, Place, SWEPT_AGAIN_AFTER, deadline};
pub use self::query::Query;
pub use self::run_change::{RunChange, asked};
pub use self::run_state::RunStateRecord;
pub use self::sealed_rows::{
    SealedAnswerRow, found_in_answers, found_in_head, found_in_rows, found_in_states,
    sealed_row_number, sealed_row_texts,
};
pub use self::sealed_state::{is_sealed_before, sealed_in_state, sealed_text, version_bytes};
pub use self::session_state::SessionStateRecord;
pub use self::storage_settings::StorageSettingsRecord;
pub use self::task_settings::TaskSettingsRecord;
pub use self::turns::Turns;
pub use self::webhook::WebhookRecord;

/// What a row holds breaks a rule that it was written under.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Impossible {
    /// The rule, with what breaks it; holds nothing secret.
    pub rule: String,
}

impl Impossible {
    /// A broken rule, such as ``a priority is 0 to 9; it is 12``.
    pub fn new(rule: impl Into<String>) -> Self {
        Self { rule: rule.into() }
    }
}

/// The JSON to keep of a record.
///
/// # Panics
/// Never for the records of this crate and for plain JSON values: they have nothing that JSON
/// cannot say.
pub fn write<R: Serialize>(record: &R) -> String {
    serde_json::to_string(record).expect("records have text keys and no number but integers")
}

/// Reads a record from the JSON of a row.
///
/// # Errors
/// [`Impossible`] where it is not the JSON of such a record.
pub fn read<R: DeserializeOwned>(json: &str) -> Result<R, Impossible> {
    serde_json::from_str(json).map_err(|error| {
        // The library's text may quote what it found, so only the place is told.
        Impossible::new(format!(
            "the JSON has the shape of its column; it does not at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}
