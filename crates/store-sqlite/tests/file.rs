//! What the file itself promises: what is kept in it, what is not, and who may have it open.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use windlass_application::Written;
use windlass_application::ports::runs::Leased;
use windlass_application::ports::{Clock, Organizations};
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::stage::{Stage, seconds};
use windlass_conformance::store::{Fixture, Ports, done};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::sealed::Sealed;
use windlass_store_sqlite::{OpenError, SqliteStore};

struct Opened {
    fixture: Fixture,
    store: Arc<SqliteStore>,
    folder: TempDir,
}

impl Opened {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Arc::new(VirtualClock::default());
        let store = open(folder.path(), &clock).await.expect("a new file");
        let store = Arc::new(store);
        Self {
            fixture: Fixture::new(Ports::of(&store), clock).await,
            store,
            folder,
        }
    }

    /// A look into the file from outside.
    fn outside(&self) -> Connection {
        Connection::open(self.folder.path().join("windlass.db")).expect("the file")
    }
}

fn first(outside: &Connection, statement: &str) -> i64 {
    let value = outside.query_row(statement, [], |row| row.get(0));
    value.expect("a row")
}

async fn open(folder: &Path, clock: &Arc<VirtualClock>) -> Result<SqliteStore, OpenError> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    SqliteStore::open(&folder.join("windlass.db"), clock).await
}

#[tokio::test]
async fn a_file_that_was_closed_opens_with_all_of_it() {
    let opened = Opened::new().await;
    let agent = opened.fixture.agent("agt_billing").await;
    opened.store.close().await;

    let again = open(opened.folder.path(), &opened.fixture.clock).await;

    let ports = Ports::of(&Arc::new(again.expect("the file")));
    let read = ports
        .agents
        .get(opened.fixture.organization, &agent.id)
        .await;
    assert_eq!(read.expect("a read").map(|read| read.agent), Some(agent));
}

#[tokio::test]
async fn two_stores_may_write_to_one_file_at_the_same_time() {
    let opened = Opened::new().await;
    let fixture = &opened.fixture;
    let second = open(opened.folder.path(), &fixture.clock).await;
    let second = Ports::of(&Arc::new(second.expect("the same file")));
    // With a key, a write reads before it writes: the other store must not come in between.
    let create = async |ports: &Ports, from: u32| {
        for number in from..from + 20 {
            let id = format!("agt_{number}");
            let write = fixture.write_once(&id, "body");
            let created = ports.agents.create(write, fixture.new_agent(&id)).await;
            done(created.expect("both may write"));
        }
    };

    tokio::join!(create(&fixture.ports, 0), create(&second, 100));

    let events = fixture.events_of(fixture.organization).await;
    let mut sequences: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_two_stores_one_acts_on_an_idempotency_key() {
    let opened = Opened::new().await;
    let fixture = &opened.fixture;
    let second = open(opened.folder.path(), &fixture.clock).await;
    let second = Ports::of(&Arc::new(second.expect("the same file")));
    let mut made = 0;

    for number in 0..20 {
        let create = async |ports: &Ports, store: &str| {
            let write = fixture.write_once(&format!("key-{number}"), "body");
            let agent = fixture.new_agent(&format!("agt_{store}_{number}"));
            let written = ports.agents.create(write, agent).await;
            matches!(written.expect("none is refused"), Written::Done(_))
        };
        let both = tokio::join!(create(&fixture.ports, "a"), create(&second, "b"));
        assert!(both.0 != both.1, "one acts: {both:?}");
        made += 1;
    }

    let events = fixture.events_of(fixture.organization).await;
    assert_eq!(events.len(), made);
}

#[tokio::test]
async fn stores_that_open_a_new_file_at_the_same_time_migrate_it_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let clock = Arc::new(VirtualClock::default());

    let (first, second) = tokio::join!(open(folder.path(), &clock), open(folder.path(), &clock));

    let (first, second) = (
        first.expect("one migrates"),
        second.expect("one finds it done"),
    );
    assert_eq!(first.list().await.expect("a list"), []);
    assert_eq!(second.list().await.expect("a list"), []);
}

#[tokio::test]
async fn a_file_that_a_newer_program_migrated_further_is_used() {
    let opened = Opened::new().await;
    let inserted = opened
        .outside()
        .execute_batch("INSERT INTO migration (version, statements) VALUES (9999, 'newer')");
    inserted.expect("a row of a newer program");
    opened.store.close().await;

    let store = open(opened.folder.path(), &opened.fixture.clock).await;

    store.expect("it opens").close().await;
}

#[tokio::test]
async fn a_file_whose_migration_was_another_is_refused() {
    let opened = Opened::new().await;
    let updated = opened
        .outside()
        .execute_batch("UPDATE migration SET statements = 'another'");
    updated.expect("another migration");
    opened.store.close().await;

    let refused = open(opened.folder.path(), &opened.fixture.clock).await;

    let Err(error @ OpenError::Migrate { .. }) = refused else {
        panic!("it is refused");
    };
    assert!(error.to_string().contains("windlass.db"), "{error}");
}

#[tokio::test]
async fn forgotten_idempotency_records_go_away_with_new_ones() {
    let opened = Opened::new().await;
    let fixture = &opened.fixture;
    let create = async |number: u32| {
        let write = fixture.write_once(&format!("key-{number}"), "body");
        let agent = fixture.new_agent(&format!("agt_{number}"));
        done(
            fixture
                .ports
                .agents
                .create(write, agent)
                .await
                .expect("it is new"),
        );
    };
    for number in 0..10 {
        create(number).await;
    }
    fixture
        .clock
        .advance(std::time::Duration::from_secs(24 * 3600));

    for number in 10..15 {
        create(number).await;
    }

    let kept = first(&opened.outside(), "SELECT count(*) FROM idempotency");
    assert_eq!(kept, 5);
}

#[tokio::test]
async fn a_poll_that_brings_nothing_takes_no_lock_and_writes_nothing() {
    let opened = Opened::new().await;
    let stage = Stage::new(&opened.fixture).await;
    let outside = opened.outside();
    let lock = outside.execute_batch("BEGIN IMMEDIATE");
    lock.expect("nobody writes");

    for _ in 0..10 {
        opened.fixture.clock.advance(seconds(1));
        let leased = stage.lease(stage.lease_request()).await;
        assert_eq!(leased, Leased::default());
    }
}

#[tokio::test]
async fn a_worker_that_only_waits_is_noted_now_and_then() {
    let opened = Opened::new().await;
    let stage = Stage::new(&opened.fixture).await;
    let outside = opened.outside();
    let mut seen = std::collections::BTreeSet::new();

    for _ in 0..60 {
        opened.fixture.clock.advance(seconds(1));
        stage.lease(stage.lease_request()).await;
        let at = first(&outside, "SELECT last_seen_at FROM worker");
        assert!(opened.fixture.now().millis() - at <= 15_000);
        seen.insert(at);
    }

    assert!(seen.len() <= 5, "{seen:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_a_file_that_was_made_here() {
    use std::os::unix::fs::PermissionsExt;

    let opened = Opened::new().await;
    opened.fixture.agent("agt_billing").await;

    let mut modes = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(opened.folder.path()).expect("the folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        modes.insert(entry.file_name(), mode);
    }
    assert!(modes.len() >= 2, "the database and its log: {modes:?}");
    assert!(modes.values().all(|mode| *mode == 0o600), "{modes:?}");
}

#[tokio::test]
async fn an_erased_secret_leaves_no_bytes_in_the_file() {
    const SENTINEL: &[u8] = b"SENTINEL-OF-A-SEALED-SECRET";
    let opened = Opened::new().await;
    let fixture = &opened.fixture;
    let source = fixture.source("src_power").await;
    let mut view = fixture.new_credential(&source.id);
    // Longer than a page, so that it has overflow pages of its own.
    view.credential.secret = Some(Sealed::from_bytes(SENTINEL.repeat(1000)));
    let id = view.credential.id;
    let created = fixture
        .ports
        .credentials
        .create(fixture.write(), view)
        .await;
    done(created.expect("it is new"));
    let deleted = fixture.ports.credentials.delete(fixture.write(), id).await;
    done(deleted.expect("it is there"));
    let read = fixture
        .ports
        .credentials
        .get(fixture.organization, id)
        .await;
    let read = read.expect("a read").expect("it is there");
    assert_eq!(read.status, CredentialStatus::Deleted);

    opened.store.close().await;

    for entry in std::fs::read_dir(opened.folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        let found = bytes
            .windows(SENTINEL.len())
            .any(|window| window == SENTINEL);
        assert!(!found, "{}", path.display());
    }
}
