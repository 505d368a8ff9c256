//! The canary: a known value, sealed with the master key, that every start opens before anything
//! is served. A wrong key stops the start instead of failing run by run.

use std::sync::Arc;

use secrecy::ExposeSecret;
use windlass_application::ports::error::StoreError;
use windlass_application::ports::vault::DataKeys;
use windlass_domain::sealed::Sealed;

use crate::cipher::Belonging;
use crate::master_key::MasterKey;
use crate::master_keys::MasterKeys;

const VALUE: &[u8] = b"windlass";

const BELONGING: Belonging<'_> = Belonging {
    name: "canary",
    organization_id: None,
    row: "",
    key_version: 1,
};

/// Nothing may be served with this key.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// The database was made with another key.
    #[error(
        "this is not the master key of this database: give the one that it was first started with"
    )]
    WrongKey,
    /// The canary cannot be had.
    #[error("the master key cannot be checked against the database")]
    Store(#[source] StoreError),
}

/// Opens the database's canary with one of the keys, and says which; a new database gets its canary
/// first, sealed with the newest.
///
/// # Errors
/// [`CanaryError::WrongKey`] where none opens it.
pub async fn prove(
    master_keys: &MasterKeys,
    keys: &dyn DataKeys,
) -> Result<Arc<MasterKey>, CanaryError> {
    let newest = master_keys.known().into_iter().next();
    let newest = newest.ok_or(CanaryError::WrongKey)?;
    let canary = match keys.canary().await.map_err(CanaryError::Store)? {
        Some(canary) => canary,
        // Another start may have planted one meanwhile: whichever stays has to open.
        None => keys
            .plant_canary(sealed_with(&newest))
            .await
            .map_err(CanaryError::Store)?,
    };
    opened_by(master_keys, &canary).ok_or(CanaryError::WrongKey)
}

/// The key that a canary is sealed with.
pub(crate) fn opened_by(master_keys: &MasterKeys, canary: &Sealed) -> Option<Arc<MasterKey>> {
    let (key, opened) = master_keys.open(BELONGING, canary)?;
    (opened.expose_secret() == VALUE).then_some(key)
}

/// A canary of this key.
pub(crate) fn sealed_with(master_key: &MasterKey) -> Sealed {
    master_key.cipher().seal(BELONGING, VALUE)
}

/// Whether a canary is sealed with this key.
pub(crate) fn opens(master_key: &MasterKey, canary: &Sealed) -> bool {
    match master_key.cipher().open(BELONGING, canary) {
        Ok(opened) => opened.expose_secret() == VALUE,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::kept::Kept;

    fn generated() -> MasterKeys {
        MasterKeys::given(MasterKey::generate(), None)
    }

    #[tokio::test]
    async fn the_key_of_the_first_start_is_taken_again() {
        let (kept, key) = (Kept::default(), generated());

        prove(&key, &kept).await.unwrap();
        let planted = kept.canary().await.unwrap();
        prove(&key, &kept).await.unwrap();

        assert!(planted.is_some());
        assert_eq!(kept.canary().await.unwrap(), planted);
    }

    #[tokio::test]
    async fn another_key_is_refused_and_changes_nothing() {
        let kept = Kept::default();
        prove(&generated(), &kept).await.unwrap();
        let planted = kept.canary().await.unwrap();

        let refused = prove(&generated(), &kept).await.map(|_| ());

        assert!(matches!(refused, Err(CanaryError::WrongKey)), "{refused:?}");
        assert_eq!(kept.canary().await.unwrap(), planted);
    }

    #[tokio::test]
    async fn a_damaged_canary_is_refused() {
        let (kept, key) = (Kept::default(), generated());
        let damaged = Sealed::from_bytes(b"hunter2".to_vec());
        kept.plant_canary(damaged).await.unwrap();

        let refused = prove(&key, &kept).await.map(|_| ());

        assert!(matches!(refused, Err(CanaryError::WrongKey)), "{refused:?}");
    }

    #[tokio::test]
    async fn of_two_first_starts_with_two_keys_one_is_refused() {
        let kept = Kept::default();
        let (one, other) = (generated(), generated());

        let outcomes = tokio::join!(prove(&one, &kept), prove(&other, &kept));

        let proven = [outcomes.0.is_ok(), outcomes.1.is_ok()];
        assert_eq!(proven.into_iter().filter(|proven| *proven).count(), 1);
    }
}
