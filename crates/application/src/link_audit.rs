//! Links the audit's entries into each organization's chain. Any replica may do it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;
use windlass_domain::id::OrganizationId;

use crate::audit::HeadSeal;
use crate::error::chain;
use crate::ports::vault::VaultError;
use crate::ports::{Audit, StoreError, Vault};

/// Between two looks for new entries: they are linked within a second.
const PAUSE: Duration = Duration::from_millis(500);

/// How many entries one transaction links: some hundredths of a second on either store.
const BATCH: u32 = 500;

/// Links entries into chains.
pub struct LinkAudit {
    audit: Arc<dyn Audit>,
    vault: Arc<dyn Vault>,
}

/// Why an organization's entries were not linked.
#[derive(Debug, thiserror::Error)]
enum NotLinked {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl LinkAudit {
    /// A chainer over these ports.
    pub fn new(audit: Arc<dyn Audit>, vault: Arc<dyn Vault>) -> Self {
        Self { audit, vault }
    }

    /// Links until `stop`. What the store refuses is tried again.
    pub async fn run_until(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if !self.link().await {
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// Links a batch of each organization that has new entries; whether there may be more at once.
    pub async fn link(&self) -> bool {
        let organizations = match self.audit.unlinked().await {
            Ok(organizations) => organizations,
            Err(error) => {
                error!("entries of the audit are linked later: {}", chain(&error));
                return false;
            }
        };
        let mut more = false;
        for organization_id in organizations {
            match self.link_of(organization_id).await {
                Ok(linked) => more |= linked == BATCH,
                Err(error) => error!(
                    organization.id = %organization_id,
                    "entries of the audit of {organization_id} are not linked: {}",
                    chain(&error)
                ),
            }
        }
        more
    }

    async fn link_of(&self, organization_id: OrganizationId) -> Result<u32, NotLinked> {
        let vault = self.vault.of(organization_id).await?;
        let seal = HeadSeal::new(organization_id, vault);
        Ok(self.audit.link(organization_id, BATCH, seal).await?)
    }
}
