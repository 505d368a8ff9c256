//! What screenshots promise: they are kept with the activity that brings them or not at all, and
//! are their organization's alone.

use futures_util::future::join_all;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{Attachment, TimelineKind};
use windlass_application::ports::screenshots::Tally;
use windlass_application::random::random;
use windlass_application::{Created, Key, PageRequest, Position};
use windlass_domain::id::{RunId, ScreenshotId};
use windlass_domain::run::{Epoch, Refusal, Run, WorkerCommand};
use windlass_domain::screenshot::Screenshot;

use crate::stage::{Stage, cancel, seconds};
use crate::store::{Fixture, first_page};

/// A screenshot is kept with the activity that brings it, once however often it is sent, and is a
/// line of the timeline; it has no event of its own.
pub async fn a_screenshot_is_kept_with_its_activity(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let events = stage.events().await;
    stage.pass(seconds(1));
    let screenshot = new_screenshot(&stage, run.id, 3);

    for _ in 0..2 {
        keep(&stage, &run, &screenshot).await;
    }

    assert_eq!(stage.run(run.id).await.attempts, 1, "it has begun");
    assert_eq!(stage.events().await, events);
    let kept = screenshots(&stage, run.id).await;
    assert_eq!(kept, std::slice::from_ref(&screenshot));
    let runs = &fixture.ports.runs;
    let timeline = runs.timeline(fixture.organization, run.id).await;
    let timeline = timeline.expect("the store reads");
    let line = timeline.last().expect("the screenshot is a line");
    assert_eq!(line.kind, TimelineKind::Screenshot);
    assert_eq!(
        (line.at, line.message.as_deref(), line.step),
        (screenshot.created_at, Some("clicks Next"), Some(3))
    );
}

/// What comes under an old epoch is not kept, nor is what a canceling run brings.
pub async fn a_screenshot_without_its_activity_is_not_kept(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let lost = stage.leased().await;
    stage.say(&lost, WorkerCommand::Release).await;
    let run = stage.next().await.expect("it waits again").run;
    let bring = || Some(Attachment::Screenshot(new_screenshot(&stage, run.id, 1)));

    let late = stage.try_say(run.id, lost.epoch, WorkerCommand::Touch, bring());
    let late = late.await;
    let is_lost = matches!(
        late,
        Err(WriteError::Refused(Refusal::LeaseLost {
            given: Epoch(1),
            current: Epoch(2)
        }))
    );
    assert!(is_lost, "{late:?}");
    let canceled = stage.command(run.id, cancel()).await;
    canceled.expect("it is running");
    let touched = stage.try_say(run.id, run.epoch, WorkerCommand::Touch, bring());
    touched.await.expect("the worker is told to stop");

    assert_eq!(screenshots(&stage, run.id).await, []);
}

/// They are listed oldest first, page by page, a run's own alone.
pub async fn screenshots_are_listed_oldest_first(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (run, other) = (stage.leased().await, stage.leased().await);
    let mut expected = Vec::new();
    for step in 1..=3 {
        stage.pass(seconds(1));
        let screenshot = new_screenshot(&stage, run.id, step);
        keep(&stage, &run, &screenshot).await;
        expected.push(screenshot);
    }
    keep(&stage, &other, &new_screenshot(&stage, other.id, 1)).await;

    let port = &fixture.ports.screenshots;
    let all = Created::default();
    let two = |position| PageRequest { limit: 2, position };
    let organization = fixture.organization;
    let first = port.list(organization, run.id, all, two(Position::Start));
    let first = first.await.expect("the store reads");
    let last = &first.items[1];
    let place = Key {
        created_at: last.created_at,
        id: last.id.to_string(),
    };
    let second = port.list(organization, run.id, all, two(Position::After(place)));
    let second = second.await.expect("the store reads");

    assert_eq!(first.items, expected[..2]);
    assert!(first.has_more);
    assert_eq!(second.items, expected[2..]);
    assert!(!second.has_more);
    let late = Created {
        after: Some(expected[1].created_at),
        before: None,
    };
    let late = port.list(organization, run.id, late, first_page()).await;
    assert_eq!(late.expect("the store reads").items, expected[2..]);
}

/// Another organization sees none of them; whoever shows a signed address learns whose one is.
pub async fn screenshots_are_their_organizations_alone(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let screenshot = new_screenshot(&stage, run.id, 1);
    keep(&stage, &run, &screenshot).await;
    let port = &fixture.ports.screenshots;
    let sha256 = screenshot.sha256;

    let strange = port.list(fixture.stranger, run.id, Created::default(), first_page());
    assert_eq!(strange.await.expect("the store reads").items, []);
    let strange = port.tally(fixture.stranger, run.id, sha256).await;
    assert_eq!(strange.expect("the store reads"), Tally::default());
    let found = port.find(screenshot.id).await.expect("the store reads");
    let owner = fixture.organization.organization_id();
    assert_eq!(found, Some((owner, screenshot)));
    let unknown = ScreenshotId::new(fixture.now(), random());
    assert_eq!(port.find(unknown).await.expect("the store reads"), None);
}

/// A run's screenshots are counted, and the one of a content is found.
pub async fn a_runs_screenshots_are_counted(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let (first, second) = (
        new_screenshot(&stage, run.id, 1),
        new_screenshot(&stage, run.id, 2),
    );
    keep(&stage, &run, &first).await;
    keep(&stage, &run, &second).await;
    let newest = Some(first.id.max(second.id));
    let port = &fixture.ports.screenshots;

    for (sha256, same) in [(second.sha256, Some(second.id)), ([9; 32], None)] {
        let tally = port.tally(fixture.organization, run.id, sha256).await;
        let expected = Tally {
            count: 2,
            newest,
            same,
        };
        assert_eq!(tally.expect("the store reads"), expected);
    }
}

/// The same content twice in a run is one screenshot, however many calls bring it at the same
/// moment; in another run it is another.
pub async fn a_page_is_kept_once_in_a_run(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (run, other) = (stage.begun().await, stage.begun().await);
    let same: Vec<Screenshot> = (0..8).map(|_| new_screenshot(&stage, run.id, 1)).collect();
    let of_other = new_screenshot(&stage, other.id, 1);

    join_all(same.iter().map(|screenshot| keep(&stage, &run, screenshot))).await;
    keep(&stage, &other, &of_other).await;

    let kept = screenshots(&stage, run.id).await;
    let [kept] = kept.as_slice() else {
        panic!("one of them: {kept:?}");
    };
    assert!(same.contains(kept));
    let port = &fixture.ports.screenshots;
    let tally = port.tally(fixture.organization, run.id, kept.sha256).await;
    let tally = tally.expect("the store reads");
    assert_eq!((tally.count, tally.same), (1, Some(kept.id)));
    assert_eq!(screenshots(&stage, other.id).await, [of_other]);
}

/// A screenshot that is not kept yet; the content differs by step.
pub(crate) fn new_screenshot(stage: &Stage<'_>, run_id: RunId, step: u8) -> Screenshot {
    let now = stage.fixture.now();
    Screenshot {
        id: ScreenshotId::new(now, random()),
        run_id,
        file_name: format!("step-{step:02}.html"),
        file_type: "text/html; charset=utf-8".to_owned(),
        file_size: 1_000,
        width: Some(1_280),
        height: None,
        reasoning: Some("clicks Next".to_owned()),
        step: Some(step.into()),
        sha256: [step; 32],
        created_at: now,
        expired_at: None,
    }
}

async fn keep(stage: &Stage<'_>, run: &Run, screenshot: &Screenshot) {
    let attachment = Some(Attachment::Screenshot(screenshot.clone()));
    let touched = stage
        .try_say(run.id, run.epoch, WorkerCommand::Touch, attachment)
        .await;
    touched.expect("it is running");
}

async fn screenshots(stage: &Stage<'_>, run_id: RunId) -> Vec<Screenshot> {
    let port = &stage.fixture.ports.screenshots;
    let organization = stage.fixture.organization;
    let page = port.list(organization, run_id, Created::default(), first_page());
    page.await.expect("the store reads").items
}
