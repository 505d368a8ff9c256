//! A screenshot of a run in its row.

use windlass_application::ports::screenshots::Tally;
use windlass_domain::id::{OrganizationId, RunId, ScreenshotId};
use windlass_domain::screenshot::Screenshot;

use super::file::file_size;
use super::{Row, sha256};
use crate::Impossible;
use crate::columns::{At, Count, Id};

row! {
    /// A row of `screenshot`.
    #[derive(Debug)]
    pub struct ScreenshotRow {
        id: Id,
        organization_id: Id,
        run_id: Id,
        file_name: String,
        file_type: String,
        file_size: i64,
        width: Option<Count>,
        height: Option<Count>,
        reasoning: Option<String>,
        step: Option<Count>,
        sha256: Vec<u8>,
        created_at: At,
        expired_at: Option<At>,
    }
}

impl Row for ScreenshotRow {
    type Kept = (OrganizationId, Screenshot);
    const TABLE: &'static str = "screenshot";

    fn name(&self) -> String {
        ScreenshotId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let screenshot = Screenshot {
            id: ScreenshotId::from_uuid(self.id.0),
            run_id: RunId::from_uuid(self.run_id.0),
            file_name: self.file_name,
            file_type: self.file_type,
            file_size: file_size(self.file_size)?,
            width: self.width.map(|width| width.0),
            height: self.height.map(|height| height.0),
            reasoning: self.reasoning,
            step: self.step.map(|step| step.0),
            sha256: sha256(self.sha256)?,
            created_at: self.created_at.0,
            expired_at: self.expired_at.map(|at| at.0),
        };
        Ok((
            OrganizationId::from_uuid(self.organization_id.0),
            screenshot,
        ))
    }
}

/// What a run has of screenshots, whose ids and contents these are, oldest first; and whether this
/// content is among it.
pub fn tally(kept: &[(Id, Vec<u8>)], sha256: [u8; 32]) -> Tally {
    let same = kept.iter().find(|(_, kept)| *kept == sha256);
    Tally {
        count: u32::try_from(kept.len()).unwrap_or(u32::MAX),
        newest: kept.last().map(|(id, _)| ScreenshotId::from_uuid(id.0)),
        same: same.map(|(id, _)| ScreenshotId::from_uuid(id.0)),
    }
}
