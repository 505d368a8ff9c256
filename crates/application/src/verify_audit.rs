//! Verifies an organization's chain of the audit, and says which link is the first that is broken.

use std::sync::Arc;

use windlass_domain::id::OrganizationId;

use crate::audit::{HeadSeal, Link};
use crate::ports::vault::VaultError;
use crate::ports::{Audit, StoreError, Vault};

/// How many links are read at once.
const PAGE: u32 = 1000;

/// Verifies chains.
pub struct VerifyAudit {
    audit: Arc<dyn Audit>,
    vault: Arc<dyn Vault>,
}

/// What was found of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The last link that is as it was made.
    pub link: Link,
    /// How many entries waited to be linked when the walk began; it may have come by them since.
    pub unlinked: u64,
    /// What is wrong, where anything is.
    pub broken: Option<Broken>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There is nothing at all: the making of an organization is the first entry of its chain.
    #[error("it has no entry: the first is gone")]
    Empty,
    /// The place is empty.
    #[error("entry {position} is gone")]
    Gone {
        /// Which.
        position: u64,
    },
    /// What stands there is not what was linked.
    #[error(
        "entry {position} is not the one that was linked here: it was changed, moved or put in"
    )]
    Changed {
        /// Which.
        position: u64,
    },
    /// The end is cut off.
    #[error("entry {position} and what follows are gone: {last} is the last that was linked")]
    Cut {
        /// The first that is gone.
        position: u64,
        /// The last there was.
        last: u64,
    },
    /// Entries follow that Windlass has not linked.
    #[error("entry {position} was not linked by Windlass: the chain ends before it")]
    Added {
        /// The first of them.
        position: u64,
    },
    /// The head is gone.
    #[error("its head is gone, which says where it ends")]
    HeadGone,
    /// The head was not made with this installation's keys, or for another organization.
    #[error("its head, which says where it ends, is not the one that was sealed")]
    HeadForged,
    /// It does not go through a link that it went through before.
    #[error("entry {position} is not the one that the anchor names: the chain was written anew")]
    NotAnchored {
        /// Which.
        position: u64,
    },
}

/// Why nothing can be said of a chain.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The organization's keys cannot be had.
    #[error(transparent)]
    Keys(VaultError),
}

/// What a walk along a chain has seen.
struct Walk<'a> {
    audit: &'a dyn Audit,
    organization_id: OrganizationId,
    /// The last link that is as it was made.
    link: Link,
    /// What it must come by: an anchor of the caller's, and the head of before the walk.
    milestones: Vec<(Link, Milestone)>,
}

#[derive(Clone, Copy)]
enum Milestone {
    Anchor,
    Head,
}

impl VerifyAudit {
    /// A verifier over these ports.
    pub fn new(audit: Arc<dyn Audit>, vault: Arc<dyn Vault>) -> Self {
        Self { audit, vault }
    }

    /// Walks along an organization's chain, also while it grows, and past `anchor`: a link of it that
    /// was noted before, elsewhere.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn execute(
        &self,
        organization_id: OrganizationId,
        anchor: Option<Link>,
    ) -> Result<Verified, NotVerified> {
        let vault = self.vault.of(organization_id).await;
        let seal = HeadSeal::new(organization_id, vault.map_err(NotVerified::Keys)?);
        let mut walk = Walk {
            audit: &*self.audit,
            organization_id,
            link: Link::START,
            milestones: anchor
                .map(|link| (link, Milestone::Anchor))
                .into_iter()
                .collect(),
        };
        // Before the walk: what is linked while it goes on would be in neither count otherwise.
        let unlinked = self.audit.head(organization_id).await?.unlinked;
        let broken = walk.broken(&seal).await?;
        let broken = match broken {
            // Its entries may be about to be linked for the first time.
            Some(Broken::Empty) if unlinked > 0 => None,
            broken => broken,
        };
        Ok(Verified {
            link: walk.link,
            unlinked,
            broken,
        })
    }
}

impl Walk<'_> {
    async fn broken(&mut self, seal: &HeadSeal) -> Result<Option<Broken>, StoreError> {
        let head = match self.head(seal).await? {
            Ok(head) => head,
            Err(broken) => return Ok(Some(broken)),
        };
        self.milestones.push((head, Milestone::Head));
        if let Some(broken) = self.walk_on().await? {
            return Ok(Some(broken));
        }
        let passed = self.link.position;
        let missed = self
            .milestones
            .iter()
            .find(|(link, _)| link.position > passed);
        if let Some((link, _)) = missed {
            return Ok(Some(Broken::Cut {
                position: passed + 1,
                last: link.position,
            }));
        }
        // What was linked meanwhile moved the head on with it.
        Ok(match self.head(seal).await? {
            Ok(now) if now.position < passed => Some(Broken::Added {
                position: now.position + 1,
            }),
            Ok(_) => None,
            Err(broken) => Some(broken),
        })
    }

    async fn head(&self, seal: &HeadSeal) -> Result<Result<Link, Broken>, StoreError> {
        let Some(sealed) = self.audit.head(self.organization_id).await?.sealed else {
            let first = self.audit.chain(self.organization_id, 0, 1).await?;
            return Ok(Err(match first.is_empty() {
                true => Broken::Empty,
                false => Broken::HeadGone,
            }));
        };
        Ok(seal.open(&sealed).map_err(|_| Broken::HeadForged))
    }

    /// Walks on while the links are what they were made, and come by the milestones.
    async fn walk_on(&mut self) -> Result<Option<Broken>, StoreError> {
        loop {
            let after = self.link.position;
            let page = self.audit.chain(self.organization_id, after, PAGE).await?;
            if page.is_empty() {
                return Ok(None);
            }
            for found in page {
                let next = self.link.next(&found.entry);
                let position = next.position;
                if found.link.position > position {
                    return Ok(Some(Broken::Gone { position }));
                }
                let belongs = found.entry.organization_id == self.organization_id;
                if found.link != next || !belongs {
                    return Ok(Some(Broken::Changed { position }));
                }
                let here = self
                    .milestones
                    .iter()
                    .find(|(link, _)| link.position == position);
                match here {
                    Some((link, Milestone::Anchor)) if *link != next => {
                        return Ok(Some(Broken::NotAnchored { position }));
                    }
                    // A chain that was written anew up to here.
                    Some((link, Milestone::Head)) if *link != next => {
                        return Ok(Some(Broken::Changed { position }));
                    }
                    Some(_) | None => self.link = next,
                }
            }
        }
    }
}
