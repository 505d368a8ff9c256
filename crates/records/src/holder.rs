//! One start of a worker, as the rows of what it holds keep it.

use serde::{Deserialize, Serialize};
use windlass_domain::id::WorkerId;
use windlass_domain::run::Holder;

use crate::Impossible;

/// One start of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HolderRecord {
    worker_id: String,
    incarnation: u32,
}

impl From<Holder> for HolderRecord {
    fn from(holder: Holder) -> Self {
        Self {
            worker_id: holder.worker_id.to_string(),
            incarnation: holder.incarnation,
        }
    }
}

impl TryFrom<HolderRecord> for Holder {
    type Error = Impossible;

    fn try_from(record: HolderRecord) -> Result<Self, Impossible> {
        let worker_id = WorkerId::parse(&record.worker_id).map_err(|_| {
            let found = &record.worker_id;
            Impossible::new(format!("a holder is a worker's id; it is `{found}`"))
        })?;
        Ok(Self {
            worker_id,
            incarnation: record.incarnation,
        })
    }
}
