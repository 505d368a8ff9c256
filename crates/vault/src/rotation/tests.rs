//! Servers go on while the master key is rotated, and a rotation goes on after it was killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use windlass_application::ports::vault::{Place, Vault};
use windlass_domain::id::Random;
use windlass_domain::sealed::Sealed;
use windlass_domain::time::Timestamp;

use super::*;
use crate::vault::kept::Kept;
use crate::{KeyVault, MasterKeys, canary, key_file};

const PLACE: Place<'_> = Place {
    name: "run.input",
    row: "trun_1",
};

fn organization(byte: u8) -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
}

fn operator() -> Operator {
    Operator::now(Timestamp::EPOCH, None)
}

fn vault(keys: MasterKeys, kept: &Arc<Kept>) -> KeyVault {
    KeyVault::of_keys(Arc::new(keys), Arc::clone(kept) as Arc<dyn DataKeys>)
}

async fn sealed(vault: &KeyVault, byte: u8) -> Sealed {
    vault
        .of(organization(byte))
        .await
        .unwrap()
        .seal(PLACE, b"hunter2")
}

async fn opens(vault: &KeyVault, byte: u8, sealed: &Sealed) -> bool {
    match vault.of(organization(byte)).await {
        Ok(vault) => vault.open(PLACE, sealed).is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_rotation_that_was_killed_goes_on_and_servers_that_know_both_keys_never_notice() {
    let (kept, from, to) = (
        Arc::new(Kept::default()),
        MasterKey::generate(),
        MasterKey::generate(),
    );
    canary::prove(&MasterKeys::given(from.again(), None), &*kept)
        .await
        .unwrap();
    let before = vault(MasterKeys::given(from.again(), None), &kept);
    let values = [
        sealed(&before, 1).await,
        sealed(&before, 2).await,
        sealed(&before, 3).await,
    ];
    let both = || vault(MasterKeys::given(to.again(), Some(from.again())), &kept);

    kept.stop_after.store(1, Ordering::Relaxed);
    let killed = rotate_master(&from, &to, &*kept, operator).await;
    assert!(matches!(killed, Err(NotRotated::Store(_))), "{killed:?}");
    for (byte, value) in [1, 2, 3].into_iter().zip(&values) {
        assert!(opens(&both(), byte, value).await);
    }
    // An organization that is made now is wrapped with the key that every server still knows.
    let made_meanwhile = sealed(&both(), 4).await;
    kept.stop_after.store(u32::MAX, Ordering::Relaxed);
    let rewrapped = rotate_master(&from, &to, &*kept, operator).await.unwrap();
    let again = rotate_master(&from, &to, &*kept, operator).await.unwrap();

    assert_eq!((rewrapped, again), (3, 0));
    let after = vault(MasterKeys::given(to.again(), None), &kept);
    for (byte, value) in [1, 2, 3, 4]
        .into_iter()
        .zip(values.iter().chain([&made_meanwhile]))
    {
        assert!(opens(&both(), byte, value).await);
        assert!(opens(&after, byte, value).await);
    }
    assert!(
        canary::prove(&MasterKeys::given(to, None), &*kept)
            .await
            .is_ok()
    );
    let old = MasterKeys::given(from, None);
    assert!(canary::prove(&old, &*kept).await.is_err());
}

#[tokio::test]
async fn a_server_reads_a_key_file_again_that_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let kept = Arc::new(Kept::default());
    let from = key_file::open(&path, key_file::Database::New)
        .unwrap()
        .remove(0);
    canary::prove(&MasterKeys::given(from.again(), None), &*kept)
        .await
        .unwrap();
    let server = vault(MasterKeys::of_file(path.clone(), vec![from.again()]), &kept);
    let value = sealed(&server, 1).await;
    let to = MasterKey::generate();

    key_file::replace(&path, &[&to, &from]).unwrap();
    rotate_master(&from, &to, &*kept, operator).await.unwrap();
    key_file::replace(&path, &[&to]).unwrap();

    let server = vault(MasterKeys::of_file(path, vec![from]), &kept);
    assert!(opens(&server, 1, &value).await);
}

#[tokio::test]
async fn a_key_that_neither_opens_stops_the_rotation() {
    let (kept, from) = (Arc::new(Kept::default()), MasterKey::generate());
    canary::prove(&MasterKeys::given(from.again(), None), &*kept)
        .await
        .unwrap();
    sealed(&vault(MasterKeys::given(from, None), &kept), 1).await;
    let (other, to) = (MasterKey::generate(), MasterKey::generate());

    let refused = rotate_master(&other, &to, &*kept, operator).await;

    assert!(
        matches!(refused, Err(NotRotated::NeitherOpens { .. })),
        "{refused:?}"
    );
}
