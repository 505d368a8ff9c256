//! A kept answer to an idempotency key in its row.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::{IdempotencyRequest, KeptAnswer};
use windlass_domain::sealed::Sealed;

use super::Row;
use crate::Impossible;
use crate::columns::Count;

/// How long an idempotency key is remembered. Source: docs/api.md, "Idempotency".
pub const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);

/// How many forgotten records each new one takes away: more than one, so that their number falls.
pub const FORGOTTEN_AT_ONCE: i64 = 2;

row! {
    /// A row of `idempotency`.
    #[derive(Debug)]
    pub struct IdempotencyRow {
        path: String,
        body_hash: Vec<u8>,
        status: Count,
        answer: Vec<u8>,
    }
}

/// A request that was answered, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    body_hash: Vec<u8>,
    answer: KeptAnswer,
}

impl Row for IdempotencyRow {
    type Kept = Remembered;
    const TABLE: &'static str = "idempotency";

    fn name(&self) -> String {
        self.path.clone()
    }

    fn kept(self) -> Result<Remembered, Impossible> {
        let status = u16::try_from(self.status.0)
            .map_err(|_| Impossible::new("a status has three digits"))?;
        Ok(Remembered {
            body_hash: self.body_hash,
            answer: KeptAnswer {
                status,
                body: Sealed::from_bytes(self.answer),
            },
        })
    }
}

impl Remembered {
    /// The answer to this request, which has the same key.
    ///
    /// # Errors
    /// `IdempotencyKeyReused` where it has another body.
    pub fn answer_to(self, request: &IdempotencyRequest) -> Result<KeptAnswer, WriteError> {
        if self.body_hash == request.body_hash {
            Ok(self.answer)
        } else {
            Err(WriteError::IdempotencyKeyReused)
        }
    }
}
