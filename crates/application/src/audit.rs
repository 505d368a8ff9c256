//! The audit: who changed what, when and from where. Each organization's entries are links of one
//! chain, in which nothing can be changed, taken out or put in without a trace.
//! Source: docs/decisions/0021-the-audit-is-a-chain-with-a-sealed-head.md.

use std::sync::Arc;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, RequestId};
use windlass_domain::sealed::Sealed;

use crate::contents::AUDIT_HEAD;
use crate::ports::vault::{OrganizationVault, Place, VaultError};

/// What an entry's bytes begin with: the version of their form.
const FORM: u8 = 1;

/// One change, as the audit shows it. Names and ids alone: nothing of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose rows were changed.
    pub organization_id: OrganizationId,
    /// When.
    pub at: Timestamp,
    /// Who: the id of the key that a caller showed, or `operator`.
    pub actor: String,
    /// By which request, or which one act of an operator.
    pub request_id: RequestId,
    /// Where the request came from; the name of an operator's machine.
    pub address: Option<String>,
    /// Resource and verb: `agent.create`.
    pub action: String,
    /// The id of what was changed.
    pub subject: String,
}

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedEntry {
    /// Its place, and the hash of all up to it, as they were kept.
    pub link: Link,
    /// The entry.
    pub entry: AuditEntry,
}

/// An entry with its place, where it has one already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// None for the second or so until it is linked.
    pub position: Option<u64>,
    /// The entry.
    pub entry: AuditEntry,
}

/// A place in a chain: the first entry's is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How many entries there are up to here.
    pub position: u64,
    /// SHA-256 over the link before and this place's entry.
    pub hash: [u8; 32],
}

/// How long a chain is, and what it must end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainHead {
    /// The last link, sealed as `audit.head`: who has the database alone can neither read nor make
    /// one. None where nothing is linked yet.
    pub sealed: Option<Sealed>,
    /// How many entries wait to be linked.
    pub unlinked: u64,
}

impl Link {
    /// Where a chain begins.
    pub const START: Self = Self {
        position: 0,
        hash: [0; 32],
    };

    /// The link of the entry that follows.
    #[must_use]
    pub fn next(self, entry: &AuditEntry) -> Self {
        let position = self.position + 1;
        let mut hash = Sha256::new();
        hash.update([FORM]);
        hash.update(self.hash);
        hash.update(position.to_be_bytes());
        hash.update(entry.organization_id.uuid().as_bytes());
        hash.update(entry.at.millis().to_be_bytes());
        hash.update(entry.request_id.uuid().as_bytes());
        let texts = [&entry.actor, &entry.action, &entry.subject];
        for text in texts.into_iter().chain(&entry.address) {
            // Its length before it, so that two entries never have the same bytes.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Self {
            position,
            hash: hash.finalize().into(),
        }
    }

    fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&self.position.to_be_bytes());
        bytes[8..].copy_from_slice(&self.hash);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (position, hash) = bytes.split_first_chunk()?;
        Some(Self {
            position: u64::from_be_bytes(*position),
            hash: hash.try_into().ok()?,
        })
    }
}

/// Seals and opens the head of an organization's chain. A store asks it inside the transaction that
/// links, so that the chain goes on from what was sealed and from nothing else.
#[derive(Clone)]
pub struct HeadSeal {
    row: String,
    vault: Arc<dyn OrganizationVault>,
}

impl HeadSeal {
    /// That of this organization, with its vault.
    pub fn new(organization_id: OrganizationId, vault: Arc<dyn OrganizationVault>) -> Self {
        Self {
            row: organization_id.to_string(),
            vault,
        }
    }

    /// The head to keep.
    pub fn seal(&self, link: Link) -> Sealed {
        self.vault.seal(self.place(), &link.to_bytes())
    }

    /// The link that was sealed.
    ///
    /// # Errors
    /// It is not what was sealed for this organization.
    pub fn open(&self, sealed: &Sealed) -> Result<Link, VaultError> {
        let opened = self.vault.open(self.place(), sealed)?;
        Link::from_bytes(opened.expose_secret()).ok_or(VaultError::DoesNotOpen { name: AUDIT_HEAD })
    }

    fn place(&self) -> Place<'_> {
        Place {
            name: AUDIT_HEAD,
            row: &self.row,
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::Random;

    use super::*;

    fn entry() -> AuditEntry {
        let at = Timestamp::parse("2026-01-05T10:00:00.000Z").unwrap();
        AuditEntry {
            organization_id: OrganizationId::new(at, Random([1; 10])),
            at,
            actor: "key_1".to_owned(),
            request_id: RequestId::new(at, Random([2; 10])),
            address: Some("192.0.2.1".to_owned()),
            action: "agent.create".to_owned(),
            subject: "agt_1".to_owned(),
        }
    }

    #[test]
    fn every_part_of_an_entry_and_its_place_change_its_link() {
        let (entry, other) = (entry(), Timestamp::EPOCH);
        let changes: [fn(&mut AuditEntry); 8] = [
            |it| it.organization_id = OrganizationId::new(Timestamp::EPOCH, Random([1; 10])),
            |it| it.at = Timestamp::EPOCH,
            |it| it.actor = "operator".to_owned(),
            |it| it.request_id = RequestId::new(Timestamp::EPOCH, Random([2; 10])),
            |it| it.address = None,
            |it| it.address = Some(String::new()),
            |it| it.action = "agent.delete".to_owned(),
            |it| it.subject = "agt_2".to_owned(),
        ];
        let first = Link::START.next(&entry);

        let mut links = vec![first, first.next(&entry), Link::START.next(&entry)];
        links.dedup();
        for change in changes {
            let mut changed = entry.clone();
            change(&mut changed);
            links.push(Link::START.next(&changed));
        }

        let mut hashes: Vec<_> = links.iter().map(|link| link.hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 10, "{other}");
    }

    #[test]
    fn what_moves_between_two_texts_changes_the_link() {
        let mut moved = entry();
        moved.action = "agent.createagt".to_owned();
        moved.subject = "_1".to_owned();

        assert_ne!(Link::START.next(&moved), Link::START.next(&entry()));
    }

    #[test]
    fn a_link_reads_back_as_it_was_written() {
        let link = Link::START.next(&entry());

        assert_eq!(Link::from_bytes(&link.to_bytes()), Some(link));
        assert_eq!(Link::from_bytes(&link.to_bytes()[1..]), None);
    }
}
