//! What went wrong with a run, as its row keeps it.

use serde::{Deserialize, Serialize};
use windlass_domain::run::{ErrorCode, RunError};

use crate::Impossible;

/// One error of a failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunErrorRecord {
    r#type: String,
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl From<&RunError> for RunErrorRecord {
    fn from(error: &RunError) -> Self {
        Self {
            r#type: error.code.error_type().as_str().to_owned(),
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            field: error.field.clone(),
        }
    }
}

impl TryFrom<RunErrorRecord> for RunError {
    type Error = Impossible;

    fn try_from(record: RunErrorRecord) -> Result<Self, Impossible> {
        let (error_type, code) = (record.r#type, record.code);
        let known = ErrorCode::parse(&error_type, &code);
        let code = known.ok_or_else(|| {
            Impossible::new(format!(
                "an error has a known code; it has `{error_type}/{code}`"
            ))
        })?;
        Ok(Self {
            code,
            message: record.message,
            field: record.field,
        })
    }
}
