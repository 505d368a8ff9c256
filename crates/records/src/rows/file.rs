//! A file of a run in its row.

use windlass_domain::file::{Extraction, StoredFile};
use windlass_domain::id::{OrganizationId, RunId, StorageId};

use super::{Row, sha256};
use crate::Impossible;
use crate::columns::{At, Id};

row! {
    /// A row of `file`.
    #[derive(Debug)]
    pub struct FileRow {
        id: Id,
        organization_id: Id,
        run_id: Id,
        file_name: String,
        file_type: String,
        file_size: i64,
        sha256: Vec<u8>,
        metadata: Option<String>,
        extraction: Option<String>,
        extraction_failed: bool,
        fields_sha256: Option<Vec<u8>>,
        created_at: At,
        expired_at: Option<At>,
    }
}

impl Row for FileRow {
    type Kept = (OrganizationId, StoredFile);
    const TABLE: &'static str = "file";

    fn name(&self) -> String {
        StorageId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let metadata = self.metadata.as_deref();
        let extraction = extraction(self.extraction.as_deref(), self.extraction_failed)?;
        let file = StoredFile {
            id: StorageId::from_uuid(self.id.0),
            run_id: RunId::from_uuid(self.run_id.0),
            file_name: self.file_name,
            file_type: self.file_type,
            file_size: file_size(self.file_size)?,
            sha256: sha256(self.sha256)?,
            metadata: metadata.map(crate::read).transpose()?,
            extraction,
            fields_sha256: self.fields_sha256.map(sha256).transpose()?,
            created_at: self.created_at.0,
            expired_at: self.expired_at.map(|at| at.0),
        };
        Ok((OrganizationId::from_uuid(self.organization_id.0), file))
    }
}

fn extraction(data: Option<&str>, failed: bool) -> Result<Extraction, Impossible> {
    match (data, failed) {
        (None, false) => Ok(Extraction::None),
        (None, true) => Ok(Extraction::Failed),
        (Some(data), false) => Ok(Extraction::Taken(crate::read(data)?)),
        (Some(_), true) => Err(Impossible::new("an extraction that failed has no data")),
    }
}

/// The size of a file, in bytes.
pub(super) fn file_size(bytes: i64) -> Result<u64, Impossible> {
    u64::try_from(bytes).map_err(|_| Impossible::new("a file's size is not negative"))
}
