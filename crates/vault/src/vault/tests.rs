//! What the vault promises of organizations and their keys.

use secrecy::ExposeSecret;
use windlass_domain::id::Random;
use windlass_domain::time::Timestamp;

use super::kept::Kept;
use super::*;

const INPUT: Place<'_> = Place {
    name: "run.input",
    row: "trun_1",
};

fn organization(byte: u8) -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
}

struct Fixture {
    kept: Arc<Kept>,
    master_key: MasterKey,
}

impl Fixture {
    fn new() -> Self {
        Self {
            kept: Arc::default(),
            master_key: MasterKey::generate(),
        }
    }

    /// A vault as a start of the server makes it: with nothing in memory yet.
    fn start(&self) -> KeyVault {
        KeyVault::new(
            &self.master_key,
            Arc::clone(&self.kept) as Arc<dyn DataKeys>,
        )
    }
}

fn refused(opened: Result<SecretSlice<u8>, VaultError>) -> String {
    opened.err().unwrap().to_string()
}

#[tokio::test]
async fn what_was_sealed_opens_after_a_restart() {
    let fixture = Fixture::new();
    let sealed = fixture
        .start()
        .of(organization(1))
        .await
        .unwrap()
        .seal(INPUT, b"hunter2");

    let after = fixture.start().of(organization(1)).await.unwrap();

    let opened = after.open(INPUT, &sealed).unwrap();
    assert_eq!(opened.expose_secret(), b"hunter2");
    assert!(!sealed.as_bytes().windows(7).any(|part| part == b"hunter2"));
}

#[tokio::test]
async fn moved_to_another_row_name_or_organization_it_does_not_open() {
    let vault = Fixture::new().start();
    let own = vault.of(organization(1)).await.unwrap();
    let foreign = vault.of(organization(2)).await.unwrap();
    let sealed = own.seal(INPUT, b"hunter2");

    let row = Place {
        row: "trun_2",
        ..INPUT
    };
    let name = Place {
        name: "run.answers",
        ..INPUT
    };

    assert!(refused(own.open(row, &sealed)).contains("run.input"));
    assert!(refused(own.open(name, &sealed)).contains("run.answers"));
    assert!(!refused(foreign.open(INPUT, &sealed)).contains("hunter2"));
    assert!(own.open(INPUT, &sealed).is_ok());
}

#[tokio::test]
async fn a_wrapped_key_moved_to_another_organization_does_not_open() {
    let fixture = Fixture::new();
    fixture.start().of(organization(1)).await.unwrap();
    let stolen = fixture.kept.list(organization(1)).await.unwrap().remove(0);
    fixture.kept.insert(organization(2), stolen).await.unwrap();

    let vault = fixture.start();

    assert!(matches!(
        vault.of(organization(2)).await.err(),
        Some(VaultError::DoesNotOpen { name: "data_key" })
    ));
}

#[tokio::test]
async fn under_another_master_key_no_data_key_opens() {
    let fixture = Fixture::new();
    fixture.start().of(organization(1)).await.unwrap();
    let other = MasterKey::generate();

    let vault = KeyVault::new(&other, Arc::clone(&fixture.kept) as Arc<dyn DataKeys>);

    assert!(matches!(
        vault.of(organization(1)).await.err(),
        Some(VaultError::DoesNotOpen { name: "data_key" })
    ));
    assert_eq!(fixture.kept.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn first_uses_at_the_same_time_make_one_key() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.start(), fixture.start());

    let (first, second, third) = tokio::join!(
        one.of(organization(1)),
        one.of(organization(1)),
        other.of(organization(1)),
    );

    let sealed = first.unwrap().seal(INPUT, b"hunter2");
    for vault in [second.unwrap(), third.unwrap()] {
        assert!(vault.open(INPUT, &sealed).is_ok());
    }
    assert_eq!(fixture.kept.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn opened_keys_stay_in_memory() {
    let fixture = Fixture::new();
    let vault = fixture.start();
    let sealed = vault
        .of(organization(1))
        .await
        .unwrap()
        .seal(INPUT, b"hunter2");
    fixture.kept.keys.lock().unwrap().clear();

    let again = vault.of(organization(1)).await.unwrap();

    assert!(again.open(INPUT, &sealed).is_ok(), "no new key was made");
    assert!(fixture.kept.keys.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_older_key_version_still_opens_and_the_newest_seals() {
    let fixture = Fixture::new();
    let vault = fixture.start();
    let before = vault
        .of(organization(1))
        .await
        .unwrap()
        .seal(INPUT, b"hunter2");
    let second = vault.fresh(organization(1), 2).await.unwrap();
    fixture.kept.insert(organization(1), second).await.unwrap();

    let after = fixture.start().of(organization(1)).await.unwrap();

    assert!(after.open(INPUT, &before).is_ok());
    assert_eq!(key_version(&before), Some(1));
    assert_eq!(key_version(&after.seal(INPUT, b"hunter2")), Some(2));
}

#[tokio::test]
async fn a_version_whose_moment_has_not_come_opens_and_does_not_seal() {
    let fixture = Fixture::new();
    let first = fixture.start();
    first.of(organization(1)).await.unwrap();
    let second = first.fresh(organization(1), 2).await.unwrap();
    fixture
        .kept
        .insert(organization(1), second.clone())
        .await
        .unwrap();
    let early = fixture.start().of(organization(1)).await.unwrap();
    let sealed = early.seal(INPUT, b"hunter2");
    let waiting = WrappedKey {
        seals: false,
        ..second
    };
    fixture
        .kept
        .keys
        .lock()
        .unwrap()
        .insert((organization(1), 2), waiting);

    let vault = fixture.start().of(organization(1)).await.unwrap();

    assert_eq!(key_version(&sealed), Some(2));
    assert!(vault.open(INPUT, &sealed).is_ok());
    assert_eq!(key_version(&vault.seal(INPUT, b"hunter2")), Some(1));
}

#[tokio::test]
async fn a_key_version_that_is_not_kept_does_not_open() {
    let fixture = Fixture::new();
    let vault = fixture.start().of(organization(1)).await.unwrap();
    let mut bytes = vault.seal(INPUT, b"hunter2").as_bytes().to_vec();
    bytes[4] = 9;

    let opened = vault.open(INPUT, &Sealed::from_bytes(bytes));

    assert!(matches!(opened, Err(VaultError::DoesNotOpen { .. })));
}
