//! What a `SELECT` brings, one struct a table or join, read alike in every store.
//!
//! Texts, flags and bytes stand as they are, ids, moments and counts as [`crate::columns`] has
//! them. A row turns into what it keeps, or says which rule it breaks.

mod agent;
mod audit;
mod credential;
mod data_key;
mod delivery;
mod destination;
mod event;
mod failing;
mod file;
mod gate;
mod idempotency;
mod key;
mod organization;
mod playbook;
mod run;
mod screenshot;
mod session;
mod source;
mod task;
mod timeline;
mod token;
mod worker;

use std::fmt;
use std::time::Duration;

pub use self::agent::{AgentRow, AgentTaskRow, with_tasks};
pub use self::audit::{AuditRow, UnlinkedRow};
pub use self::credential::CredentialRow;
pub use self::data_key::{DataKeyRow, OwnedDataKeyRow};
pub use self::delivery::{AttemptRow, DeliveryMoments, DeliveryRow, with_attempts};
pub use self::destination::{
    ActiveDestination, ActiveDestinationRow, DestinationRow, is_of_its_parking,
};
pub use self::event::{EventPlaceRow, EventRow};
pub use self::failing::FailingColumns;
pub use self::file::FileRow;
pub use self::gate::GateRow;
pub use self::idempotency::{FORGOTTEN_AT_ONCE, IdempotencyRow, REMEMBERED_FOR, Remembered};
pub use self::key::{KeyRow, minute_of_use};
pub use self::organization::OrganizationRow;
pub use self::playbook::{PlaybookRow, playbook_name};
pub(crate) use self::run::differ_in_clocks_alone;
pub use self::run::{RunRow, ViewRow, WaitingRow, active_at, shows_output};
pub use self::screenshot::{ScreenshotRow, tally};
pub use self::session::{SceneCredentialRow, SessionRow};
pub use self::source::SourceRow;
pub use self::task::TaskRow;
pub use self::timeline::{LineKind, LineRow, MAX_LINES};
pub use self::token::TokenRow;
pub(crate) use self::worker::NOTED_EVERY;
pub use self::worker::{Worker, WorkerRow, is_to_be_noted};
use windlass_application::ports::StoreError;
use windlass_domain::id::MalformedId;

use crate::Impossible;

/// A row as a `SELECT` brings it.
pub trait Row: Sized {
    /// What it keeps.
    type Kept;

    /// The table that it is of.
    const TABLE: &'static str;

    /// Which row it is, for whoever must mend it.
    fn name(&self) -> String;

    /// What it keeps.
    ///
    /// # Errors
    /// [`Impossible`] names the rule that the row breaks.
    fn kept(self) -> Result<Self::Kept, Impossible>;
}

/// What a row keeps, or which rule it breaks.
///
/// # Errors
/// `Corrupt` where it breaks one.
pub fn read<R: Row>(row: R) -> Result<R::Kept, StoreError> {
    let name = row.name();
    row.kept().map_err(|rule| corrupt(R::TABLE, &name, &rule))
}

/// A row that breaks a rule that it was written under.
pub fn corrupt(table: &'static str, row: &dyn fmt::Display, rule: &dyn fmt::Display) -> StoreError {
    StoreError::Corrupt {
        table,
        row: row.to_string(),
        rule: rule.to_string(),
    }
}

impl From<MalformedId> for Impossible {
    fn from(error: MalformedId) -> Self {
        Self::new(error.to_string())
    }
}

/// The value of a text in a column, where it has one.
fn known<T>(
    column: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Impossible> {
    parse(text)
        .ok_or_else(|| Impossible::new(format!("its {column} is a known one; it is `{text}`")))
}

/// The bytes of a SHA-256.
fn sha256(bytes: Vec<u8>) -> Result<[u8; 32], Impossible> {
    bytes
        .try_into()
        .map_err(|_| Impossible::new("a SHA-256 has 32 bytes"))
}

/// The length of time in a column of milliseconds.
fn length(millis: i64) -> Result<Duration, Impossible> {
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| Impossible::new("a length of time is not negative"))
}
