//! Gives an event destination a new signing secret; the old one signs for a day beside it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use windlass_domain::Timestamp;
use windlass_domain::destination::{Configuration, Destination};
use windlass_domain::id::DestinationId;
use windlass_domain::sealed::Sealed;

use crate::contents::{self, SigningSecret};
use crate::error::CallError;
use crate::ports::vault::VaultError;
use crate::ports::{Destinations, OrganizationVault, StoreError, Vault};
use crate::problem::Resource;
use crate::signing_secret;
use crate::write::{Write, Written};

/// How long an old secret signs beside the new one. Source: docs/events.md,
/// "Destinations".
const OLD_FOR: Duration = Duration::from_secs(24 * 3600);

/// The most secrets that sign at once: each makes the header of every delivery longer.
const MAX_SECRETS: usize = 8;

/// Rotates the signing secret of a destination.
pub struct RotateSecret {
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) vault: Arc<dyn Vault>,
}

impl RotateSecret {
    /// A fresh secret. Asked for before [`RotateSecret::execute`], since the answer that is kept for a
    /// retry shows it.
    pub fn secret() -> SecretString {
        signing_secret::generate()
    }

    /// Makes `secret` the one that signs, beside the old ones for a day.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        id: DestinationId,
        secret: SecretString,
    ) -> Result<Written<Destination>, CallError> {
        let vault = self.vault.of(write.organization.organization_id()).await?;
        let rotate = move |destination: &Destination, now: Timestamp| {
            rotated(&*vault, destination, secret.clone(), now)
        };
        let destinations = &self.destinations;
        let written = destinations
            .rotate_secret(write, id, Arc::new(rotate))
            .await;
        written.map_err(|error| CallError::of_write(error, Resource::EventDestination))
    }
}

fn rotated(
    vault: &dyn OrganizationVault,
    destination: &Destination,
    secret: SecretString,
    now: Timestamp,
) -> Result<Sealed, StoreError> {
    let Configuration::Webhook(webhook) = &destination.configuration;
    let id = destination.id;
    let old = contents::open_signing_secrets(vault, id, &webhook.secret, now);
    let old = old.map_err(|error| match error {
        VaultError::Keys(error) => error,
        VaultError::DoesNotOpen { .. } => StoreError::Corrupt {
            table: "destination",
            row: id.to_string(),
            rule: error.to_string(),
        },
    })?;
    let old = old.into_iter().map(|it| SigningSecret {
        ends_at: Some(it.ends_at.unwrap_or(now + OLD_FOR)),
        ..it
    });
    let new = SigningSecret::present(secret);
    let secrets: Vec<SigningSecret> = [new].into_iter().chain(old).take(MAX_SECRETS).collect();
    Ok(contents::seal_signing_secrets(vault, id, &secrets))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use windlass_domain::destination::{DestinationStatus, EventFilter, RetryProfile, Webhook};
    use windlass_domain::id::Random;

    use super::*;
    use crate::fixture::{OpenVault, now};

    fn destination(secret: Sealed) -> Destination {
        Destination {
            id: id(),
            name: "Billing".to_owned(),
            status: DestinationStatus::Active,
            events: EventFilter::All,
            configuration: Configuration::Webhook(Webhook {
                url: "https://hooks.bolig.example/".to_owned(),
                retry_profile: RetryProfile::Durable,
                secret,
                custom_headers: None,
            }),
            created_at: now(),
            updated_at: now(),
        }
    }

    fn id() -> DestinationId {
        DestinationId::new(now(), Random([7; 10]))
    }

    fn signing(sealed: &Sealed, at: Timestamp) -> Vec<String> {
        let secrets = contents::open_signing_secrets(&OpenVault, id(), sealed, at).unwrap();
        let texts = secrets
            .iter()
            .map(|it| it.secret.expose_secret().to_owned());
        texts.collect()
    }

    #[test]
    fn an_old_secret_signs_for_a_day_beside_the_new_one() {
        let first = [SigningSecret::present(SecretString::from("one"))];
        let first = contents::seal_signing_secrets(&OpenVault, id(), &first);

        let second = rotated(&OpenVault, &destination(first), "two".into(), now()).unwrap();
        let later = now() + OLD_FOR / 2;
        let third = rotated(
            &OpenVault,
            &destination(second.clone()),
            "three".into(),
            later,
        );
        let third = third.unwrap();

        assert_eq!(signing(&second, now()), ["two", "one"]);
        assert_eq!(signing(&second, now() + OLD_FOR), ["two"]);
        assert_eq!(signing(&third, later), ["three", "two", "one"]);
        assert_eq!(signing(&third, now() + OLD_FOR), ["three", "two"]);
        assert_eq!(signing(&third, later + OLD_FOR), ["three"]);
    }
}
