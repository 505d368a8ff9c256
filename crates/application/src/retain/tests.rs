//! In which order what is over is dropped.

use futures_util::stream;
use mockall::Sequence;
use windlass_domain::id::{OrganizationId, Random, StorageId};

use super::*;
use crate::fixture::{clock, now, organization};
use crate::ports::blobs::{BlobId, MockBlobs};
use crate::ports::retention::{MockRetention, Step};

fn file(at: Timestamp) -> (OrganizationId, BlobId) {
    let id = StorageId::new(at, Random([7; 10]));
    (organization().organization_id(), id.into())
}

fn nothing<Id>() -> Step<Id> {
    Step {
        dropped: 0,
        contents: Vec::new(),
        next: None,
    }
}

fn retain(retention: MockRetention, blobs: MockBlobs) -> Retain {
    let day = Duration::from_secs(24 * 3600);
    Retain {
        retention: Arc::new(retention),
        blobs: Arc::new(blobs),
        clock: clock(),
        periods: Periods {
            runs: 90 * day,
            files: 90 * day,
            screenshots: 15 * day,
            events: 30 * day,
        },
    }
}

fn expiring_nothing() -> MockRetention {
    let mut retention = MockRetention::new();
    retention
        .expect_expire()
        .returning(|_, _, _| Ok(Vec::new()));
    retention.expect_drop_answers().returning(|_| Ok(0));
    retention.expect_drop_deliveries().returning(|_, _| Ok(0));
    retention
}

#[tokio::test]
async fn a_content_is_deleted_once_its_row_says_that_it_is_gone() {
    let mut order = Sequence::new();
    let (mut retention, mut blobs) = (MockRetention::new(), MockBlobs::new());
    let content = file(now());
    retention
        .expect_expire()
        .withf(|what, before, _| {
            *what == Captured::Screenshots && *before == now() - Duration::from_secs(15 * 86_400)
        })
        .once()
        .in_sequence(&mut order)
        .returning(move |_, _, _| Ok(vec![content]));
    blobs
        .expect_delete()
        .withf(move |owner, id| (*owner, *id) == content)
        .once()
        .in_sequence(&mut order)
        .returning(|_, _| Ok(()));
    retention
        .expect_expire()
        .once()
        .in_sequence(&mut order)
        .returning(|_, _, _| Err(StoreError::Unavailable("gone".into())));

    retain(retention, blobs).pass().await;
}

#[tokio::test]
async fn runs_stay_while_events_are_shown_with_them() {
    let mut retention = expiring_nothing();
    retention
        .expect_drop_events()
        .once()
        .returning(|_, _| Err(StoreError::Unavailable("gone".into())));
    retention.expect_drop_runs().never();

    retain(retention, MockBlobs::new()).pass().await;
}

#[tokio::test]
async fn a_pass_goes_on_until_each_step_finds_less_than_it_might() {
    let mut retention = expiring_nothing();
    let mut events = [BATCH, BATCH, 3].into_iter();
    retention
        .expect_drop_events()
        .times(3)
        .returning(move |_, _| Ok(events.next().unwrap_or(0)));
    let mut steps = [Some(1), Some(2), None].into_iter();
    retention
        .expect_drop_runs()
        .times(3)
        .returning(move |_, _, _| {
            let next = steps.next().flatten();
            Ok(Step {
                dropped: 1,
                contents: Vec::new(),
                next: next.map(|byte| windlass_domain::id::RunId::new(now(), Random([byte; 10]))),
            })
        });
    retention
        .expect_drop_sessions()
        .once()
        .returning(|_, _, _| Ok(nothing()));
    retention
        .expect_drop_workers()
        .once()
        .returning(|_, _| Ok(0));

    retain(retention, MockBlobs::new()).pass().await;
}

#[tokio::test]
async fn a_content_without_a_row_is_an_orphan_after_a_day() {
    let (young, old) = (
        file(now() - Duration::from_secs(23 * 3600)),
        file(now() - Duration::from_secs(25 * 3600)),
    );
    let (mut retention, mut blobs) = (MockRetention::new(), MockBlobs::new());
    blobs
        .expect_all()
        .returning(move || stream::iter([Ok(young), Ok(old)]).boxed());
    retention
        .expect_orphans()
        .withf(move |contents| *contents == [old])
        .once()
        .returning(Ok);
    blobs
        .expect_delete()
        .withf(move |owner, id| (*owner, *id) == old)
        .once()
        .returning(|_, _| Ok(()));

    retain(retention, blobs).sweep_orphans().await;
}
