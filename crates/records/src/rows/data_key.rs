//! A wrapped data key in its row.

use sqlx::FromRow;
use windlass_application::ports::vault::WrappedKey;
use windlass_domain::sealed::Sealed;

use super::Row;
use crate::Impossible;
use crate::columns::Count;

/// A row of `data_key`.
#[derive(Debug, FromRow)]
pub struct DataKeyRow {
    version: Count,
    wrapped: Vec<u8>,
}

impl Row for DataKeyRow {
    type Kept = WrappedKey;
    const TABLE: &'static str = "data_key";

    fn name(&self) -> String {
        format!("version {}", self.version.0)
    }

    fn kept(self) -> Result<WrappedKey, Impossible> {
        Ok(WrappedKey {
            version: self.version.0,
            wrapped: Sealed::from_bytes(self.wrapped),
        })
    }
}
