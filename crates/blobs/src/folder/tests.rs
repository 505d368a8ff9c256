//! What lies in the folder, and what does not.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use windlass_domain::id::{Random, StorageId};
use windlass_domain::time::Timestamp;

use super::*;

const LIMIT: u64 = 10 * 1024 * 1024;

fn organization() -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([1; 10]))
}

fn file(byte: u8) -> BlobId {
    StorageId::new(Timestamp::EPOCH, Random([byte; 10])).into()
}

/// A content of a megabyte that comes in pieces, then `end`.
fn long(end: impl Into<Option<io::Error>>) -> BoxStream<'static, io::Result<Bytes>> {
    let piece = Bytes::from(vec![7; 64 * 1024]);
    let pieces = stream::iter((0..16).map(move |_| Ok(piece.clone())));
    pieces.chain(stream::iter(end.into().map(Err))).boxed()
}

/// Every file in the folder, however deep.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Waits for the store to remove what was dropped, which it does beside the caller.
async fn nothing_left(folder: &Path) {
    for _ in 0..500 {
        if files(folder).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("left behind: {:?}", files(folder));
}

#[tokio::test]
async fn a_content_lies_under_its_organization_and_id() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();

    folder
        .put(organization(), file(1), long(None), LIMIT)
        .await
        .unwrap();

    let path = place
        .path()
        .join(organization().to_string())
        .join(file(1).to_string());
    assert_eq!(files(place.path()), std::slice::from_ref(&path));
    assert_eq!(fs::read(path).unwrap(), vec![7; 1024 * 1024]);
}

#[tokio::test]
async fn a_short_content_in_pieces_lies_there_whole() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    for (number, pieces) in [vec![], vec!["a"], vec!["a", "", "bc"]]
        .into_iter()
        .enumerate()
    {
        let id = file(u8::try_from(number).unwrap());
        let whole = pieces.concat();
        let content = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece)))).boxed();

        let facts = folder
            .put(organization(), id, content, LIMIT)
            .await
            .unwrap();

        let path = place
            .path()
            .join(organization().to_string())
            .join(id.to_string());
        assert_eq!(fs::read_to_string(path).unwrap(), whole);
        assert_eq!(facts.bytes, whole.len() as u64);
        let sha256: [u8; 32] = Sha256::digest(whole.as_bytes()).into();
        assert_eq!(facts.sha256, sha256);
    }
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("a/new/folder");

    Folder::open(&path).unwrap();

    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_nothing() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);

    let outcome = folder
        .put(organization(), file(1), long(broken), LIMIT)
        .await;

    assert!(
        matches!(outcome, Err(BlobError::Interrupted(_))),
        "{outcome:?}"
    );
    nothing_left(place.path()).await;
}

#[tokio::test]
async fn what_is_too_long_leaves_nothing() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();

    let outcome = folder
        .put(organization(), file(1), long(None), 1_000_000)
        .await;

    assert!(
        matches!(outcome, Err(BlobError::TooLarge { limit: 1_000_000 })),
        "{outcome:?}"
    );
    nothing_left(place.path()).await;
}

#[tokio::test]
async fn a_put_that_is_dropped_half_way_leaves_nothing() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let stalled = long(None).chain(stream::pending()).boxed();

    let put = folder.put(organization(), file(1), stalled, LIMIT);
    let outcome = tokio::time::timeout(Duration::from_millis(200), put).await;

    assert!(outcome.is_err(), "it waits for the rest");
    nothing_left(place.path()).await;
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_removed_at_the_next_open() {
    let place = TempDir::new().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    folder
        .put(organization(), file(1), long(None), LIMIT)
        .await
        .unwrap();
    let whole = files(place.path());
    let (under_way, wait) = stalled();
    let mut put = Box::pin(folder.put(organization(), file(2), under_way, LIMIT));
    tokio::select! {
        _ = &mut put => panic!("it waits for the rest"),
        () = wait => {}
    }
    // Not dropped, as a process that is killed drops nothing.
    std::mem::forget(put);
    let all = files(place.path());
    let half = all.iter().find(|file| !whole.contains(file)).unwrap();

    Folder::open(place.path()).unwrap();
    assert_eq!(files(place.path()), all, "another replica may be at it");
    // What was on its way to the disk still gets there, and is no hour old then.
    let gives_up = Instant::now() + Duration::from_secs(20);
    while files(place.path()) != whole {
        assert!(Instant::now() < gives_up, "it is still there");
        let long_ago = SystemTime::now() - 2 * ABANDONED_AFTER;
        let opened = fs::File::options().write(true).open(half).unwrap();
        opened.set_modified(long_ago).unwrap();
        Folder::open(place.path()).unwrap();
        tokio::task::yield_now().await;
    }
}

/// A content that stalls after some pieces, and what is done when it has come so far.
fn stalled() -> (
    BoxStream<'static, io::Result<Bytes>>,
    impl Future<Output = ()>,
) {
    let (reached, wait) = tokio::sync::oneshot::channel();
    let end = stream::once(async move {
        reached.send(()).unwrap();
        std::future::pending().await
    });
    let wait = async { wait.await.unwrap() };
    (long(None).chain(end).boxed(), wait)
}
