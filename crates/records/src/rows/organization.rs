//! An organization in its row.

use windlass_domain::id::OrganizationId;
use windlass_domain::organization::{Environment, Organization};

use super::{Row, known};
use crate::Impossible;
use crate::columns::{At, Id};

row! {
    /// A row of `organization`; also what a key's row is joined with.
    #[derive(Debug)]
    pub struct OrganizationRow {
        pub(super) id: Id,
        pub(super) name: String,
        pub(super) environment: String,
        pub(super) suspended: bool,
        pub(super) created_at: At,
    }
}

impl Row for OrganizationRow {
    type Kept = Organization;
    const TABLE: &'static str = "organization";

    fn name(&self) -> String {
        OrganizationId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Organization, Impossible> {
        Ok(Organization {
            id: OrganizationId::from_uuid(self.id.0),
            name: self.name,
            environment: known("environment", &self.environment, Environment::parse)?,
            suspended: self.suspended,
            created_at: self.created_at.0,
        })
    }
}
