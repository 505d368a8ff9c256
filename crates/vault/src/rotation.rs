//! Wraps everything with another master key, while servers that know both go on.
//! Source: docs/decisions/0024-keys-are-rotated-while-all-goes-on.md.

use windlass_application::Operator;
use windlass_application::ports::error::StoreError;
use windlass_application::ports::vault::{DataKeys, WrappedKey};
use windlass_domain::id::OrganizationId;

use crate::canary;
use crate::master_key::MasterKey;
use crate::vault::wrapped_key;

/// Why a rotation stopped. Repeating goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum NotRotated {
    /// Neither key opens it.
    #[error("{what} opens with neither of the two master keys")]
    NeitherOpens {
        /// What.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Wraps the data keys of all organizations with `to` that are wrapped with `from`, and seals the
/// canary with it last; how many keys. What is done already is left alone, so that this may be
/// repeated, also after a crash.
///
/// # Errors
/// [`NotRotated`] says what stopped it.
pub async fn rotate_master(
    from: &MasterKey,
    to: &MasterKey,
    keys: &dyn DataKeys,
    operator: impl Fn() -> Operator,
) -> Result<u64, NotRotated> {
    let mut rewrapped = 0;
    for (organization_id, key) in keys.all().await? {
        if rewrap(from, to, keys, operator(), organization_id, key).await? {
            rewrapped += 1;
        }
    }
    let sealed = keys
        .canary()
        .await?
        .ok_or_else(|| NotRotated::NeitherOpens {
            what: "no canary is there that".to_owned(),
        })?;
    if !canary::opens(to, &sealed) {
        if !canary::opens(from, &sealed) {
            return Err(NotRotated::NeitherOpens {
                what: "the canary".to_owned(),
            });
        }
        // One that another rotation was first with is as good.
        keys.replace_canary(sealed, canary::sealed_with(to)).await?;
    }
    Ok(rewrapped)
}

async fn rewrap(
    from: &MasterKey,
    to: &MasterKey,
    keys: &dyn DataKeys,
    operator: Operator,
    organization_id: OrganizationId,
    key: WrappedKey,
) -> Result<bool, NotRotated> {
    let belonging = wrapped_key(organization_id, key.version);
    if to.cipher().open(belonging, &key.wrapped).is_ok() {
        return Ok(false);
    }
    let opened = from.cipher().open(belonging, &key.wrapped);
    let opened = opened.map_err(|_| NotRotated::NeitherOpens {
        what: format!("version {} of the key of {organization_id}", key.version),
    })?;
    let wrapped = to
        .cipher()
        .seal(belonging, secrecy::ExposeSecret::expose_secret(&opened));
    Ok(keys.rewrap(operator, organization_id, key, wrapped).await?)
}

#[cfg(test)]
mod tests;
