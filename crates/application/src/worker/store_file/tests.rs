//! The order of what happens to a captured file.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::stream;
use mockall::Sequence;
use serde_json::json;
use windlass_domain::run::{Epoch, Refusal, RunCommand, RunState};
use windlass_domain::task::StorageSettings;

use super::*;
use crate::fixture::{clock, now, organization, task, view};
use crate::ports::blobs::{BlobFacts, MockBlobs};
use crate::ports::files::MockFiles;
use crate::ports::runs::MockRuns;
use crate::ports::tasks::MockTasks;
use crate::ports::{StoreError, WriteError};
use crate::worker::fixture::{canceling, commanded, held_runs, lease_call, running};

const SHA256: [u8; 32] = [9; 32];

struct Ports {
    runs: MockRuns,
    blobs: MockBlobs,
    files: MockFiles,
    task: Task,
    metadata: Option<Map<String, Value>>,
    extraction: Extraction,
}

impl Ports {
    /// The run is held in this state, and its content arrives.
    fn new(state: RunState) -> Self {
        let mut runs = MockRuns::new();
        let run = view(state);
        runs.expect_get()
            .returning(move |_, _| Ok(Some(run.clone())));
        let mut files = MockFiles::new();
        files.expect_captured_in().returning(|_, _| Ok(None));
        Self {
            runs,
            blobs: MockBlobs::new(),
            files,
            task: task(),
            metadata: None,
            extraction: Extraction::None,
        }
    }

    fn content_arrives(&mut self, sequence: &mut Sequence) {
        self.blobs
            .expect_put()
            .once()
            .in_sequence(sequence)
            .returning(|owner, _, _, limit| {
                assert_eq!(owner, organization().organization_id());
                assert_eq!(limit, MAX_FILE_BYTES);
                Ok(BlobFacts {
                    bytes: 3,
                    sha256: SHA256,
                })
            });
    }

    fn content_is_dropped(&mut self, sequence: &mut Sequence) {
        self.blobs
            .expect_delete()
            .once()
            .in_sequence(sequence)
            .returning(|_, _| Ok(()));
    }

    async fn store(self) -> Result<Kept, CallError> {
        let mut tasks = MockTasks::new();
        let task = self.task;
        tasks
            .expect_get_version()
            .returning(move |_, _, _| Ok(Some(task.clone())));
        let store_file = StoreFile {
            held: held_runs(self.runs),
            tasks: Arc::new(tasks),
            files: Arc::new(self.files),
            blobs: Arc::new(self.blobs),
            schemas: Arc::default(),
            clock: clock(),
        };
        let file = CapturedFile {
            file_name: "../bill.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            metadata: self.metadata,
            extraction: self.extraction,
            content: stream::empty().boxed(),
        };
        store_file.execute(&lease_call(), file).await
    }
}

/// Files are kept, and that is all.
fn storage() -> StorageSettings {
    StorageSettings {
        enabled: true,
        extraction: false,
        extraction_schema: None,
        extraction_prompt: None,
        deduplication: false,
        deduplication_schema: None,
    }
}

/// Data is taken out of files, and they are compared by their number.
fn extracting() -> StorageSettings {
    StorageSettings {
        extraction: true,
        extraction_schema: Some(json!({"properties": {"amount": {"type": "number"}}})),
        deduplication: true,
        deduplication_schema: Some(json!({"properties": {"number": {"type": "string"}}})),
        ..storage()
    }
}

#[tokio::test]
async fn the_row_is_written_once_the_content_is_stored() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_arrives(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .in_sequence(&mut sequence)
        .withf(|_, _, command, attachment| {
            let Some(Attachment::File(file)) = attachment else {
                return false;
            };
            file.file_name == "bill.pdf"
                && file.sha256 == SHA256
                && file.file_size == 3
                && matches!(
                    command,
                    RunCommand::Worker {
                        command: WorkerCommand::Touch,
                        ..
                    }
                )
        })
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store().await.unwrap();

    assert!(kept.storage_id.is_some_and(|id| id.created_at() == now()));
    assert!(!kept.cancel);
}

#[tokio::test]
async fn the_content_of_a_refused_file_is_dropped() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_arrives(&mut sequence);
    let lost = Refusal::LeaseLost {
        given: Epoch(1),
        current: Epoch(2),
    };
    let refusal = lost.clone();
    ports
        .runs
        .expect_command()
        .once()
        .in_sequence(&mut sequence)
        .returning(move |_, _, _, _| Err(WriteError::Refused(refusal.clone())));
    ports.content_is_dropped(&mut sequence);

    let refused = ports.store().await;

    assert!(matches!(refused, Err(CallError::Refused(it)) if it == lost));
}

#[tokio::test]
async fn a_cancel_while_the_content_comes_drops_it_and_is_told() {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_arrives(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _, _, _| Ok(commanded(canceling())));
    ports.content_is_dropped(&mut sequence);

    assert_eq!(ports.store().await.unwrap(), Kept::CANCELING);
}

#[tokio::test]
async fn a_lost_lease_reads_no_content() {
    let ports = Ports::new(RunState::Completed);

    let refused = ports.store().await;

    assert!(matches!(
        refused,
        Err(CallError::Refused(Refusal::LeaseOver { .. }))
    ));
}

#[tokio::test]
async fn a_task_that_keeps_no_files_reads_no_content_and_hears_of_the_activity() {
    let mut ports = Ports::new(running());
    ports.task.storage = Some(StorageSettings {
        enabled: false,
        ..storage()
    });
    ports
        .runs
        .expect_command()
        .once()
        .withf(|_, _, _, attachment| attachment.is_none())
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store().await.unwrap();

    assert_eq!(kept.storage_id, None);
}

#[tokio::test]
async fn the_same_content_twice_in_a_run_is_one_file() {
    let mut ports = Ports::new(running());
    let first = StorageId::new(now(), random());
    ports.files = MockFiles::new();
    ports
        .files
        .expect_captured_in()
        .withf(|run, sha256| run.id == lease_call().run_id && *sha256 == SHA256)
        .returning(move |_, _| Ok(Some(first)));
    let mut sequence = Sequence::new();
    ports.content_arrives(&mut sequence);
    ports.content_is_dropped(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .withf(|_, _, _, attachment| attachment.is_none())
        .returning(|_, _, _, _| Ok(commanded(running())));

    assert_eq!(ports.store().await.unwrap().storage_id, Some(first));
}

/// The same content comes by two calls at the same moment: the store keeps the first.
#[tokio::test]
async fn a_content_that_another_call_has_brought_meanwhile_is_that_file() {
    let mut ports = Ports::new(running());
    let first = StorageId::new(now(), random());
    let mut sequence = Sequence::new();
    ports.files = MockFiles::new();
    let mut looks = [None, Some(first)].into_iter();
    ports
        .files
        .expect_captured_in()
        .times(2)
        .returning(move |_, _| Ok(looks.next().flatten()));
    ports.content_arrives(&mut sequence);
    ports
        .runs
        .expect_command()
        .once()
        .withf(|_, _, _, attachment| attachment.is_some())
        .in_sequence(&mut sequence)
        .returning(|_, _, _, _| Ok(commanded(running())));
    ports.content_is_dropped(&mut sequence);

    assert_eq!(ports.store().await.unwrap().storage_id, Some(first));
}

/// The store is away when the row is to be written; whether it was written all the same.
async fn away_for_a_moment(written: bool) -> (Kept, Option<StorageId>) {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.content_arrives(&mut sequence);
    let row: Arc<Mutex<Option<StoredFile>>> = Arc::default();
    let (writes, reads) = (Arc::clone(&row), Arc::clone(&row));
    ports
        .runs
        .expect_command()
        .times(1)
        .returning(move |_, _, _, attachment| {
            let Some(Attachment::File(file)) = attachment else {
                panic!("the file's row comes first");
            };
            *writes.lock().unwrap() = Some(file);
            Err(WriteError::Store(StoreError::Unavailable(
                "it restarts".into(),
            )))
        });
    ports
        .runs
        .expect_command()
        .times(1)
        .withf(move |_, _, _, attachment| attachment.is_none() == written)
        .returning(|_, _, _, _| Ok(commanded(running())));
    ports.files = MockFiles::new();
    ports.files.expect_captured_in().returning(move |_, _| {
        let row = reads.lock().unwrap();
        Ok(row.as_ref().filter(|_| written).map(|file| file.id))
    });

    let kept = ports.store().await.unwrap();

    let first = row.lock().unwrap().as_ref().map(|file| file.id);
    (kept, first)
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_costs_no_file() {
    let (kept, first) = away_for_a_moment(false).await;

    assert_eq!(kept.storage_id, first);
}

#[tokio::test]
async fn a_row_that_was_written_before_the_store_went_away_is_not_written_twice() {
    let (kept, first) = away_for_a_moment(true).await;

    assert_eq!(kept.storage_id, first);
    assert!(first.is_some());
}

#[tokio::test]
async fn a_content_that_an_earlier_run_captured_is_dropped_where_the_task_says_so() {
    let mut sequence = Sequence::new();
    let mut ports = Ports::new(running());
    ports.task.storage = Some(StorageSettings {
        deduplication: true,
        ..storage()
    });
    ports.content_arrives(&mut sequence);
    ports
        .files
        .expect_has_captured_before()
        .withf(|_, like| *like == Likeness::Content(SHA256))
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _| Ok(true));
    ports.content_is_dropped(&mut sequence);
    ports
        .runs
        .expect_command()
        .withf(|_, _, _, attachment| attachment.is_none())
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store().await.unwrap();

    assert_eq!((kept.storage_id, kept.cancel), (None, false));
}

/// What is kept as taken out of a file, where the task says so and the agent gives that.
async fn kept_of(storage: StorageSettings, given: Extraction) -> (Extraction, bool) {
    let mut ports = Ports::new(running());
    let mut sequence = Sequence::new();
    ports.task.storage = Some(storage);
    ports.extraction = given;
    ports.content_arrives(&mut sequence);
    ports
        .files
        .expect_has_captured_before()
        .returning(|_, _| Ok(false));
    let row: Arc<Mutex<Option<StoredFile>>> = Arc::default();
    let written = Arc::clone(&row);
    ports
        .runs
        .expect_command()
        .once()
        .returning(move |_, _, _, attachment| {
            if let Some(Attachment::File(file)) = attachment {
                *written.lock().unwrap() = Some(file);
            }
            Ok(commanded(running()))
        });

    ports.store().await.unwrap();

    let file = row.lock().unwrap().take().expect("it is kept");
    (file.extraction, file.fields_sha256.is_some())
}

#[tokio::test]
async fn what_was_taken_out_of_a_file_counts_where_the_task_asks_and_its_schema_allows_it() {
    let taken = || Extraction::Taken(json!({"amount": 3, "number": "17"}));
    let broken = || Extraction::Taken(json!({"amount": "3", "number": "17"}));

    for (storage, given, kept) in [
        (extracting(), taken(), (taken(), true)),
        (extracting(), broken(), (Extraction::Failed, false)),
        (
            extracting(),
            Extraction::Failed,
            (Extraction::Failed, false),
        ),
        (extracting(), Extraction::None, (Extraction::None, false)),
        (storage(), taken(), (Extraction::None, false)),
        (storage(), Extraction::Failed, (Extraction::None, false)),
    ] {
        let told = format!("{storage:?} {given:?}");
        assert_eq!(kept_of(storage, given).await, kept, "{told}");
    }
}

#[tokio::test]
async fn a_file_whose_fields_an_earlier_run_captured_is_dropped_where_the_task_says_so() {
    let mut sequence = Sequence::new();
    let mut ports = Ports::new(running());
    ports.task.storage = Some(extracting());
    ports.extraction = Extraction::Taken(json!({"amount": 3, "number": "17"}));
    ports.content_arrives(&mut sequence);
    ports
        .files
        .expect_has_captured_before()
        .withf(|_, like| matches!(like, Likeness::Fields(_)))
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _| Ok(true));
    ports.content_is_dropped(&mut sequence);
    ports
        .runs
        .expect_command()
        .withf(|_, _, _, attachment| attachment.is_none())
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _, _, _| Ok(commanded(running())));

    let kept = ports.store().await.unwrap();

    assert_eq!((kept.storage_id, kept.cancel), (None, false));
}

#[tokio::test]
async fn a_file_whose_fields_were_not_found_is_compared_with_none() {
    let mut sequence = Sequence::new();
    let mut ports = Ports::new(running());
    ports.task.storage = Some(extracting());
    ports.extraction = Extraction::Taken(json!({"amount": 3}));
    ports.content_arrives(&mut sequence);
    ports.files.expect_has_captured_before().never();
    ports
        .runs
        .expect_command()
        .once()
        .returning(|_, _, _, _| Ok(commanded(running())));

    assert!(ports.store().await.unwrap().storage_id.is_some());
}

#[tokio::test]
async fn a_note_or_data_that_is_too_long_is_refused_before_the_content_is_read() {
    let long = "x".repeat(MAX_EXTRACTION_BYTES);
    for (metadata, extraction, field) in [
        (
            json!({"a": &long}).as_object().cloned(),
            Extraction::None,
            "metadata",
        ),
        (None, Extraction::Taken(json!(&long)), "extraction"),
    ] {
        let mut ports = Ports::new(running());
        (ports.metadata, ports.extraction) = (metadata, extraction);

        let refused = ports.store().await;

        let Err(CallError::Invalid(problems)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(problems[0].field.as_deref(), Some(field));
    }
}
