//! A wrapped data key in its row.

use windlass_application::ports::vault::WrappedKey;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;

use super::Row;
use crate::Impossible;
use crate::columns::{Count, Id};

row! {
    /// A row of `data_key`.
    #[derive(Debug)]
    pub struct DataKeyRow {
        version: Count,
        wrapped: Vec<u8>,
        seals: bool,
    }
}

row! {
    /// A row of `data_key`, with its organization.
    #[derive(Debug)]
    pub struct OwnedDataKeyRow {
        organization_id: Id,
        version: Count,
        wrapped: Vec<u8>,
        seals: bool,
    }
}

impl Row for OwnedDataKeyRow {
    type Kept = (OrganizationId, WrappedKey);
    const TABLE: &'static str = "data_key";

    fn name(&self) -> String {
        format!("version {}", self.version.0)
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let organization_id = OrganizationId::from_uuid(self.organization_id.0);
        let key = WrappedKey {
            version: self.version.0,
            wrapped: Sealed::from_bytes(self.wrapped),
            seals: self.seals,
        };
        Ok((organization_id, key))
    }
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
            seals: self.seals,
        })
    }
}
