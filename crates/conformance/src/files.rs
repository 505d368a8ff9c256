//! What the rows of files promise.

use futures_util::future::join_all;
use serde_json::json;
use windlass_application::Created;
use windlass_application::ports::files::{FileFilter, Likeness};
use windlass_application::ports::runs::Attachment;
use windlass_application::random::random;
use windlass_domain::file::{Extraction, StoredFile};
use windlass_domain::id::StorageId;
use windlass_domain::run::{Run, WorkerCommand};

use crate::stage::{Stage, seconds};
use crate::store::{Fixture, first_page};

/// Files are listed newest first, by run, task and source, and are their organization's alone.
pub async fn files_are_listed_by_where_they_come_from(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.leased().await;
    let old = keep(&stage, &first, "old.pdf").await;
    stage.pass(seconds(1));
    let second = stage.leased().await;
    let new = keep(&stage, &second, "new.pdf").await;
    let all = FileFilter::default();
    let other_task = stage.task_with("task_other", |_| {}).await;
    let other_source = fixture.source("src_other").await;

    for (filter, expected) in [
        (all.clone(), vec![new.clone(), old.clone()]),
        (
            FileFilter {
                run_id: Some(first.id),
                ..all.clone()
            },
            vec![old.clone()],
        ),
        (
            FileFilter {
                task_id: Some(stage.task.id.clone()),
                source_id: Some(stage.source.id.clone()),
                ..all.clone()
            },
            vec![new.clone(), old.clone()],
        ),
        (
            FileFilter {
                task_id: Some(other_task.id),
                ..all.clone()
            },
            vec![],
        ),
        (
            FileFilter {
                source_id: Some(other_source.id),
                ..all.clone()
            },
            vec![],
        ),
        (
            FileFilter {
                created: Created {
                    after: Some(old.created_at),
                    before: None,
                },
                ..all.clone()
            },
            vec![new.clone()],
        ),
    ] {
        let files = &fixture.ports.files;
        let page = files
            .list(fixture.organization, filter.clone(), first_page())
            .await;
        assert_eq!(page.expect("the store reads").items, expected, "{filter:?}");
    }
    let files = &fixture.ports.files;
    let strange = files.list(fixture.stranger, all, first_page()).await;
    assert_eq!(strange.expect("the store reads").items, []);
}

/// A file is read by its id: by its organization, or by whoever shows a signed address.
pub async fn a_file_is_read_by_its_id(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let file = keep(&stage, &run, "bill.pdf").await;
    let files = &fixture.ports.files;

    let own = files.get(fixture.organization, file.id).await;
    let strange = files.get(fixture.stranger, file.id).await;
    let found = files.find(file.id).await;

    assert_eq!(own.expect("the store reads"), Some(file.clone()));
    assert_eq!(strange.expect("the store reads"), None);
    let organization_id = fixture.organization.organization_id();
    assert_eq!(
        found.expect("the store reads"),
        Some((organization_id, file))
    );
}

/// A file is known of earlier runs of the same task with the same credential, and of no others: by
/// its content, or by the fields that its task compares.
pub async fn a_file_is_known_of_earlier_runs_alone(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let file = keep(&stage, &run, "bill.pdf").await;
    let fields = file.fields_sha256.expect("it has some");
    stage.pass(seconds(1));
    let later = stage.leased().await;
    let mut without_credential = later.clone();
    without_credential.credential_id = None;
    let mut of_another_task = later.clone();
    of_another_task.task_id = fixture.new_task("task_other", &stage.task.agent_id).id;
    let mut of_a_stranger = later.clone();
    of_a_stranger.organization_id = fixture.stranger.organization_id();
    let is_known = async |run: &Run, like| {
        let known = fixture.ports.files.has_captured_before(run, like).await;
        known.expect("the store reads")
    };

    for like in [Likeness::Content(file.sha256), Likeness::Fields(fields)] {
        assert!(is_known(&later, like).await, "{like:?}");
        for other in [&run, &without_credential, &of_another_task, &of_a_stranger] {
            assert!(!is_known(other, like).await, "{like:?} of {other:?}");
        }
    }
    for other in [
        Likeness::Content([0; 32]),
        Likeness::Fields([0; 32]),
        Likeness::Content(fields),
        Likeness::Fields(file.sha256),
    ] {
        assert!(!is_known(&later, other).await, "{other:?}");
    }
}

/// The same content twice in a run is one file, however many calls bring it at the same moment; in
/// another run it is another.
pub async fn a_content_is_kept_once_in_a_run(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let other = stage.begun().await;
    let files: Vec<StoredFile> = (0..8).map(|_| file_of(&stage, &run, "bill.pdf")).collect();
    let of_other = file_of(&stage, &other, "bill.pdf");
    let port = &fixture.ports.files;
    let sha256 = of_other.sha256;
    let before = port.captured_in(&run, sha256).await;

    join_all(files.iter().map(|file| bring(&stage, &run, file))).await;
    bring(&stage, &other, &of_other).await;

    assert_eq!(before.expect("a read"), None);
    let kept = port.captured_in(&run, sha256).await.expect("a read");
    let kept = kept.expect("one of them");
    assert!(files.iter().any(|file| file.id == kept));
    let of_run = FileFilter {
        run_id: Some(run.id),
        ..FileFilter::default()
    };
    let listed = port.list(fixture.organization, of_run, first_page()).await;
    let listed = listed.expect("a list").items;
    assert_eq!(
        listed.iter().map(|file| file.id).collect::<Vec<_>>(),
        [kept]
    );
    let elsewhere = port.captured_in(&other, sha256).await;
    assert_eq!(elsewhere.expect("a read"), Some(of_other.id));
    let events = stage.events().await;
    let created = events.iter().filter(|event| **event == "storage.created");
    assert_eq!(created.count(), 2);
    let strange = port.captured_in(&run, [9; 32]).await;
    assert_eq!(strange.expect("a read"), None);
}

/// What was taken out of a file, and that it could not be, reads back as it was.
pub async fn what_was_taken_out_of_a_file_is_kept(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;

    for (file_name, extraction) in [
        ("a.pdf", Extraction::None),
        ("b.pdf", Extraction::Taken(json!(null))),
        (
            "c.pdf",
            Extraction::Taken(json!({"name": "Æ\u{0}", "amounts": [1, 2.5]})),
        ),
        ("d.pdf", Extraction::Failed),
    ] {
        let file = StoredFile {
            extraction,
            ..file_of(&stage, &run, file_name)
        };
        bring(&stage, &run, &file).await;
        let read = fixture.ports.files.get(fixture.organization, file.id).await;
        assert_eq!(read.expect("the store reads"), Some(file));
    }
}

fn file_of(stage: &Stage<'_>, run: &Run, file_name: &str) -> StoredFile {
    let now = stage.fixture.now();
    StoredFile {
        id: StorageId::new(now, random()),
        run_id: run.id,
        file_name: file_name.to_owned(),
        file_type: "application/pdf".to_owned(),
        file_size: 1_000,
        sha256: content_of(file_name),
        metadata: json!({"source_url": "https://a.example/bill"})
            .as_object()
            .cloned(),
        extraction: Extraction::Taken(json!({"amount": 42})),
        fields_sha256: Some([4; 32]),
        created_at: now,
        expired_at: None,
    }
}

/// Another one for each name that is used here.
fn content_of(file_name: &str) -> [u8; 32] {
    let mut sha256 = [3; 32];
    for (byte, of_name) in sha256.iter_mut().zip(file_name.bytes()) {
        *byte = of_name;
    }
    sha256
}

async fn keep(stage: &Stage<'_>, run: &Run, file_name: &str) -> StoredFile {
    let file = file_of(stage, run, file_name);
    bring(stage, run, &file).await;
    file
}

async fn bring(stage: &Stage<'_>, run: &Run, file: &StoredFile) {
    let attachment = Some(Attachment::File(file.clone()));
    let touched = stage
        .try_say(run.id, run.epoch, WorkerCommand::Touch, attachment)
        .await;
    touched.expect("it is running");
}
