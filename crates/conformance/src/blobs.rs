//! What blobs promise.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use windlass_application::ports::blobs::{BlobError, BlobId, Blobs};
use windlass_domain::id::{OrganizationId, Random, StorageId};
use windlass_domain::time::Timestamp;

const LIMIT: u64 = 16 * 1024 * 1024;

/// Everything that [`Blobs`] promise. Each check takes ids of its own.
pub async fn check(blobs: &dyn Blobs) {
    a_content_reads_back_as_it_was_stored(blobs).await;
    a_range_is_cut_to_what_there_is(blobs).await;
    the_limit_is_the_last_length_that_is_taken(blobs).await;
    a_broken_stream_stores_nothing(blobs).await;
    a_broken_stream_leaves_what_was_there(blobs).await;
    a_second_content_takes_the_place_of_the_first(blobs).await;
    another_organization_has_other_contents(blobs).await;
    deleting_is_done_once_or_twice(blobs).await;
    puts_at_the_same_time_do_not_mix(blobs).await;
    all_that_is_stored_is_listed(blobs).await;
}

async fn a_content_reads_back_as_it_was_stored(blobs: &dyn Blobs) {
    for (number, length) in [0, 1, 65_536, 3_000_001].into_iter().enumerate() {
        let (id, content) = (file(1, number as u8), pattern(length));

        let facts = blobs
            .put(organization(1), id, pieces(&content, 7_001), LIMIT)
            .await
            .expect("a content within its limit is stored");

        assert_eq!(facts.bytes, length as u64);
        let sha256: [u8; 32] = Sha256::digest(&content).into();
        assert_eq!(facts.sha256, sha256);
        assert_eq!(read(blobs, organization(1), id, None).await, content);
    }
}

async fn all_that_is_stored_is_listed(blobs: &dyn Blobs) {
    let (kept, deleted) = (file(90, 0), file(90, 1));
    for (owner, id) in [(1, kept), (2, kept), (1, deleted)] {
        store(blobs, organization(owner), id, b"content").await;
    }
    let gone = blobs.delete(organization(1), deleted).await;
    gone.expect("it is there");

    let listed: Vec<_> = blobs.all().try_collect().await.expect("a list");

    let of = |id| listed.iter().filter(|(_, listed)| *listed == id).count();
    assert_eq!((of(kept), of(deleted)), (2, 0));
    assert!(listed.contains(&(organization(1), kept)), "{listed:?}");
    assert!(listed.contains(&(organization(2), kept)), "{listed:?}");
}

async fn a_range_is_cut_to_what_there_is(blobs: &dyn Blobs) {
    let (id, content) = (file(2, 0), pattern(200_000));
    store(blobs, organization(1), id, &content).await;

    for range in [0..1, 0..200_000, 100..70_000, 199_999..200_000] {
        let expected = &content[range.start as usize..range.end as usize];
        let part = read(blobs, organization(1), id, Some(range.clone())).await;
        assert_eq!(part, expected, "{range:?}");
    }
    let over = read(blobs, organization(1), id, Some(199_990..400_000)).await;
    assert_eq!(over, content[199_990..]);
    for range in [5..5, 200_000..200_001, 300_000..400_000] {
        let nothing = read(blobs, organization(1), id, Some(range.clone())).await;
        assert_eq!(nothing, b"", "{range:?}");
    }
}

async fn the_limit_is_the_last_length_that_is_taken(blobs: &dyn Blobs) {
    let content = pattern(1_000);

    let taken = blobs
        .put(organization(1), file(3, 0), pieces(&content, 300), 1_000)
        .await;
    let refused = blobs
        .put(organization(1), file(3, 1), pieces(&content, 300), 999)
        .await;

    assert!(taken.is_ok(), "{taken:?}");
    assert!(
        matches!(refused, Err(BlobError::TooLarge { limit: 999 })),
        "{refused:?}"
    );
    assert_gone(blobs, organization(1), file(3, 1)).await;
}

async fn a_broken_stream_stores_nothing(blobs: &dyn Blobs) {
    let id = file(4, 0);

    let outcome = blobs.put(organization(1), id, broken(), LIMIT).await;

    assert!(
        matches!(outcome, Err(BlobError::Interrupted(_))),
        "{outcome:?}"
    );
    assert_gone(blobs, organization(1), id).await;
}

async fn a_broken_stream_leaves_what_was_there(blobs: &dyn Blobs) {
    let (id, content) = (file(5, 0), pattern(10_000));
    store(blobs, organization(1), id, &content).await;

    let outcome = blobs.put(organization(1), id, broken(), LIMIT).await;

    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(read(blobs, organization(1), id, None).await, content);
}

async fn a_second_content_takes_the_place_of_the_first(blobs: &dyn Blobs) {
    let id = file(6, 0);
    store(blobs, organization(1), id, &pattern(10_000)).await;

    store(blobs, organization(1), id, b"shorter").await;

    assert_eq!(read(blobs, organization(1), id, None).await, b"shorter");
}

async fn another_organization_has_other_contents(blobs: &dyn Blobs) {
    let id = file(7, 0);
    store(blobs, organization(1), id, b"one").await;
    assert_gone(blobs, organization(2), id).await;
    store(blobs, organization(2), id, b"two").await;

    blobs
        .delete(organization(2), id)
        .await
        .expect("what is there is deleted");

    assert_eq!(read(blobs, organization(1), id, None).await, b"one");
}

async fn deleting_is_done_once_or_twice(blobs: &dyn Blobs) {
    let id = file(8, 0);
    store(blobs, organization(1), id, b"gone soon").await;

    for attempt in 1..=2 {
        let outcome = blobs.delete(organization(1), id).await;
        assert!(outcome.is_ok(), "attempt {attempt}: {outcome:?}");
    }

    assert_gone(blobs, organization(1), id).await;
    let never = blobs.delete(organization(3), id).await;
    assert!(never.is_ok(), "{never:?}");
}

async fn puts_at_the_same_time_do_not_mix(blobs: &dyn Blobs) {
    let contents: Vec<Vec<u8>> = (0..8).map(|byte| vec![byte; 300_000]).collect();
    let puts = contents.iter().enumerate().map(|(number, content)| {
        let id = file(9, number as u8);
        async move { store(blobs, organization(1), id, content).await }
    });

    futures_util::future::join_all(puts).await;

    for (number, content) in contents.iter().enumerate() {
        let id = file(9, number as u8);
        assert_eq!(&read(blobs, organization(1), id, None).await, content);
    }
}

async fn store(blobs: &dyn Blobs, organization_id: OrganizationId, id: BlobId, content: &[u8]) {
    let outcome = blobs
        .put(organization_id, id, pieces(content, 4_096), LIMIT)
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

async fn read(
    blobs: &dyn Blobs,
    organization_id: OrganizationId,
    id: BlobId,
    range: Option<Range<u64>>,
) -> Vec<u8> {
    let content = blobs.get(organization_id, id, range).await;
    let content = content.unwrap_or_else(|error| panic!("{id} cannot be read: {error:?}"));
    let pieces: Vec<Bytes> = content
        .try_collect()
        .await
        .unwrap_or_else(|error| panic!("{id} breaks off: {error:?}"));
    pieces.concat()
}

async fn assert_gone(blobs: &dyn Blobs, organization_id: OrganizationId, id: BlobId) {
    for range in [None, Some(0..1)] {
        let content = blobs.get(organization_id, id, range).await;
        assert!(
            matches!(content, Err(BlobError::NotFound)),
            "{id} is not there"
        );
    }
}

/// Bytes of which no two stretches look alike, so that a misplaced piece is seen.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(length)
        .collect()
}

fn pieces(content: &[u8], length: usize) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces: Vec<_> = content
        .chunks(length)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

fn broken() -> BoxStream<'static, io::Result<Bytes>> {
    let end = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    pieces(&pattern(1_000_000), 65_536)
        .chain(stream::iter([end]))
        .boxed()
}

fn organization(byte: u8) -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
}

fn file(check: u8, number: u8) -> BlobId {
    let mut random = [check; 10];
    random[9] = number;
    StorageId::new(Timestamp::EPOCH, Random(random)).into()
}
