//! What retention drops of the runs and sessions that it looks at.

use windlass_application::ports::blobs::{BlobId, OwnedBlob};
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, ScreenshotId, StorageId};
use windlass_domain::run::Status;
use windlass_domain::session::SessionStatus;

use crate::Impossible;
use crate::columns::{At, Id};
use crate::rows::Row;

row! {
    /// A run or session as retention looks at it.
    #[derive(Debug)]
    pub struct AgedRow {
        id: Id,
        organization_id: Id,
        status: String,
        updated_at: At,
    }
}

/// A run or session as retention looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aged {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// When it ended, where it has.
    pub ended_at: Option<Timestamp>,
}

impl Row for AgedRow {
    type Kept = Aged;
    const TABLE: &'static str = "run or session";

    fn name(&self) -> String {
        self.id.0.to_string()
    }

    fn kept(self) -> Result<Aged, Impossible> {
        let run = Status::parse(&self.status).map(Status::is_final);
        let session = SessionStatus::parse(&self.status).map(|status| match status {
            SessionStatus::Completed | SessionStatus::Failed => true,
            SessionStatus::Queued
            | SessionStatus::Running
            | SessionStatus::Idle
            | SessionStatus::Completing => false,
        });
        // A name that both have means the same of both.
        let has_ended = run.or(session).ok_or_else(|| {
            Impossible::new(format!(
                "its status is a known one; it is `{}`",
                self.status
            ))
        })?;
        Ok(Aged {
            id: self.id,
            organization_id: self.organization_id,
            ended_at: has_ended.then_some(self.updated_at.0),
        })
    }
}

/// Those that had ended before this moment, and where the next step goes on: after the last of a
/// whole step.
pub fn over(aged: &[Aged], before: Timestamp, limit: u32) -> (Vec<Aged>, Option<Id>) {
    let is_over = |aged: &&Aged| aged.ended_at.is_some_and(|ended_at| ended_at < before);
    let over = aged.iter().filter(is_over).copied().collect();
    let is_whole = aged.len() >= limit as usize;
    (over, aged.last().filter(|_| is_whole).map(|aged| aged.id))
}

/// A file or a screenshot, and whose it is.
pub fn owned_content(organization_id: Id, id: BlobId) -> OwnedBlob {
    (OrganizationId::from_uuid(organization_id.0), id)
}

/// The content of the file of this id.
pub fn file_content(id: Id) -> BlobId {
    StorageId::from_uuid(id.0).into()
}

/// The content of the screenshot of this id.
pub fn screenshot_content(id: Id) -> BlobId {
    ScreenshotId::from_uuid(id.0).into()
}

/// The number of a file or a screenshot in its column.
pub fn content_number(id: BlobId) -> Id {
    Id(match id {
        BlobId::File(id) => id.uuid(),
        BlobId::Screenshot(id) => id.uuid(),
    })
}
