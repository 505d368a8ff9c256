//! The order of what happens to a screenshot.

use mockall::Sequence;
use windlass_domain::run::{Epoch, Refusal, RunState};

use super::*;
use crate::fixture::{clock, now, view};
use crate::ports::WriteError;
use crate::ports::blobs::{BlobFacts, MockBlobs};
use crate::ports::runs::MockRuns;
use crate::ports::screenshots::{MockScreenshots, Tally};
use crate::worker::fixture::{canceling, commanded, held_runs, lease_call, running};

const CONTENT: &[u8] = b"<p>page</p>";

struct Ports {
    runs: MockRuns,
    blobs: MockBlobs,
    tally: Tally,
    /// What it is after the row was written.
    after: Tally,
}

impl Ports {
    /// The run is held in this state, and has no screenshot yet.
    fn new(state: RunState) -> Self {
        let mut runs = MockRuns::new();
        let run = view(state);
        runs.expect_get()
            .returning(move |_, _| Ok(Some(run.clone())));
        Self {
            runs,
            blobs: MockBlobs::new(),
            tally: Tally::default(),
            after: Tally::default(),
        }
    }

    fn content_is_stored(&mut self, sequence: &mut Sequence) {
        let put = self.blobs.expect_put().once().in_sequence(sequence);
        put.returning(|_, _, _, _| {
            Ok(BlobFacts {
                bytes: CONTENT.len() as u64,
                sha256: Sha256::digest(CONTENT).into(),
            })
        });
    }

    fn row_is_written(&mut self, sequence: &mut Sequence, then: RunState) {
        let command = self.runs.expect_command().once().in_sequence(sequence);
        command.returning(move |_, _, _, _| Ok(commanded(then.clone())));
    }

    fn content_is_dropped(&mut self, sequence: &mut Sequence) {
        let delete = self.blobs.expect_delete().once().in_sequence(sequence);
        delete.returning(|_, _| Ok(()));
    }

    async fn store(self, content: &'static [u8]) -> Result<ScreenshotKept, CallError> {
        let mut screenshots = MockScreenshots::new();
        for tally in [self.tally, self.after] {
            let told = screenshots.expect_tally().times(..=1);
            told.returning(move |_, _, _| Ok(tally));
        }
        let store = StoreScreenshot {
            held: held_runs(self.runs),
            screenshots: Arc::new(screenshots),
            blobs: Arc::new(self.blobs),
            clock: clock(),
        };
        let screenshot = CapturedScreenshot {
            file_name: "../step-03.html".to_owned(),
            file_type: "text/html; charset=utf-8".to_owned(),
            size: None,
            reasoning: Some("clicks\nNext".to_owned()),
            step: Some(3),
        };
        let content = stream::iter([Ok(Bytes::from_static(content))]).boxed();
        store.execute(&lease_call(), screenshot, content).await
    }
}

#[tokio::test]
async fn the_row_is_written_once_the_content_is_stored() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_is_stored(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .in_sequence(&mut sequence)
        .withf(|_, _, _, attachment| {
            let Some(Attachment::Screenshot(row)) = attachment else {
                return false;
            };
            (row.file_name.as_str(), row.step) == ("step-03.html", Some(3))
                && row.file_size == CONTENT.len() as u64
                && row.reasoning.as_deref() == Some("clicks Next")
        })
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store(CONTENT).await.unwrap();

    assert!(
        kept.screenshot_id
            .is_some_and(|id| id.created_at() == now())
    );
    assert!(!kept.cancel);
}

#[tokio::test]
async fn the_same_page_again_and_one_too_many_are_activities_alone() {
    let same = ScreenshotId::new(now(), random());
    for tally in [
        Tally {
            count: 1,
            newest: Some(same),
            same: Some(same),
        },
        Tally {
            count: MAX_SCREENSHOTS,
            newest: Some(same),
            same: None,
        },
    ] {
        let mut ports = Ports::new(running());
        ports.tally = tally;
        ports
            .runs
            .expect_command()
            .once()
            .withf(|_, _, _, attachment| attachment.is_none())
            .returning(|_, _, _, _| Ok(commanded(running())));

        let kept = ports.store(CONTENT).await.unwrap();

        assert_eq!(kept.screenshot_id, tally.same);
    }
}

#[tokio::test]
async fn the_same_page_by_another_call_at_the_same_moment_is_that_one() {
    let same = ScreenshotId::new(now(), random());
    let mut ports = Ports::new(running());
    ports.after.same = Some(same);
    let mut sequence = Sequence::new();
    ports.content_is_stored(&mut sequence);
    ports.row_is_written(&mut sequence, running());
    ports.content_is_dropped(&mut sequence);

    let kept = ports.store(CONTENT).await.unwrap();

    assert_eq!(kept.screenshot_id, Some(same));
}

#[tokio::test]
async fn no_two_of_a_run_have_the_same_moment() {
    let mut ports = Ports::new(running());
    ports.tally = Tally {
        count: 1,
        newest: Some(ScreenshotId::new(now(), random())),
        same: None,
    };
    let mut sequence = Sequence::new();
    ports.content_is_stored(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store(CONTENT).await.unwrap();

    assert!(kept.screenshot_id.is_some_and(|id| id.created_at() > now()));
}

#[tokio::test]
async fn what_is_too_long_is_refused_unwritten() {
    static LONG: [u8; MAX_SCREENSHOT_BYTES as usize + 1] =
        [b'a'; MAX_SCREENSHOT_BYTES as usize + 1];

    let refused = Ports::new(running()).store(&LONG).await;

    assert!(
        matches!(
            refused,
            Err(CallError::Blob(BlobError::TooLarge {
                limit: MAX_SCREENSHOT_BYTES
            }))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_is_stored_of_a_canceling_run() {
    let kept = Ports::new(canceling()).store(CONTENT).await.unwrap();

    assert_eq!(kept, ScreenshotKept::CANCELING);
}

#[tokio::test]
async fn the_content_is_dropped_where_the_row_is_not_written() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_is_stored(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _, _, _| {
            Err(WriteError::Refused(Refusal::LeaseLost {
                given: Epoch(1),
                current: Epoch(2),
            }))
        });
    ports.content_is_dropped(&mut sequence);

    let refused = ports.store(CONTENT).await;

    assert!(
        matches!(refused, Err(CallError::Refused(Refusal::LeaseLost { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_content_is_dropped_where_the_run_is_canceled_meanwhile() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_is_stored(&mut sequence);
    ports.row_is_written(&mut sequence, canceling());
    ports.content_is_dropped(&mut sequence);

    let kept = ports.store(CONTENT).await.unwrap();

    assert_eq!(kept, ScreenshotKept::CANCELING);
}
