//! An entry of the audit in its row.

use windlass_application::audit::{AuditEntry, Link, LinkedEntry};
use windlass_domain::id::{OrganizationId, RequestId};

use super::{Row, sha256};
use crate::Impossible;
use crate::columns::{At, Id};

row! {
    /// A row of `unlinked_audit`.
    #[derive(Debug)]
    pub struct UnlinkedRow {
        id: i64,
        organization_id: Id,
        at: At,
        actor: String,
        request_id: Id,
        address: Option<String>,
        action: String,
        subject: String,
    }
}

row! {
    /// A row of `audit`.
    #[derive(Debug)]
    pub struct AuditRow {
        organization_id: Id,
        position: i64,
        hash: Vec<u8>,
        at: At,
        actor: String,
        request_id: Id,
        address: Option<String>,
        action: String,
        subject: String,
    }
}

impl Row for UnlinkedRow {
    type Kept = (i64, AuditEntry);
    const TABLE: &'static str = "unlinked_audit";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn kept(self) -> Result<(i64, AuditEntry), Impossible> {
        let entry = AuditEntry {
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            at: self.at.0,
            actor: self.actor,
            request_id: RequestId::from_uuid(self.request_id.0),
            address: self.address,
            action: self.action,
            subject: self.subject,
        };
        Ok((self.id, entry))
    }
}

impl Row for AuditRow {
    type Kept = LinkedEntry;
    const TABLE: &'static str = "audit";

    fn name(&self) -> String {
        self.position.to_string()
    }

    fn kept(self) -> Result<LinkedEntry, Impossible> {
        Ok(LinkedEntry {
            link: Link {
                position: u64::try_from(self.position)
                    .map_err(|_| Impossible::new("a position counts from 1"))?,
                hash: sha256(self.hash)?,
            },
            entry: AuditEntry {
                organization_id: OrganizationId::from_uuid(self.organization_id.0),
                at: self.at.0,
                actor: self.actor,
                request_id: RequestId::from_uuid(self.request_id.0),
                address: self.address,
                action: self.action,
                subject: self.subject,
            },
        })
    }
}
