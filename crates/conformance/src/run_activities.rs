//! What a worker's word under its lease promises: what it brings is kept with it or not at all.

use windlass_application::ports::WriteError;
use windlass_application::ports::files::FileFilter;
use windlass_application::ports::runs::{Attachment, ProgressLine, TimelineEntry, TimelineKind};
use windlass_application::random::random;
use windlass_domain::event::EventData;
use windlass_domain::file::{Extraction, StoredFile};
use windlass_domain::id::{RunId, StorageId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::{Epoch, Refusal, RunState, Status, WorkerCommand};

use crate::stage::{Stage, cancel, output, question, seconds, success};
use crate::store::{Fixture, first_page};

/// What comes under an old epoch changes nothing, and nothing that it brings is kept.
pub async fn an_old_epoch_changes_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let lost = stage.leased().await;
    stage.say(&lost, WorkerCommand::Release).await;
    let run = stage.next().await.expect("it waits again").run;
    let events = stage.events().await;

    let commands = [
        WorkerCommand::Renew {
            length: seconds(600),
        },
        WorkerCommand::Begin,
        WorkerCommand::Touch,
        question(1, None),
        WorkerCommand::Withdraw { attempt: None },
        success(output()),
        WorkerCommand::Release,
    ];
    for command in commands {
        let file = Some(Attachment::File(new_file(&stage, run.id)));
        let late = stage.try_say(run.id, lost.epoch, command, file).await;
        let is_lost = matches!(
            late,
            Err(WriteError::Refused(Refusal::LeaseLost {
                given: Epoch(1),
                current: Epoch(2)
            }))
        );
        assert!(is_lost, "{late:?}");
    }

    assert_eq!(stage.run(run.id).await, run, "the run is as it was");
    assert_eq!(stage.events().await, events);
    assert_eq!(files(&stage).await, []);
}

/// Progress and files are kept with the activity that brings them; the activity has no event of its
/// own and enters no status.
pub async fn an_activity_keeps_what_it_brings(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let events = stage.events().await.len();
    stage.pass(seconds(3));
    let file = new_file(&stage, run.id);
    let progress = Attachment::Progress(vec![ProgressLine {
        message: Some("logging in".to_owned()),
        step: Some(2),
    }]);

    for attachment in [progress, Attachment::File(file.clone())] {
        let touched = stage.try_say(run.id, run.epoch, WorkerCommand::Touch, Some(attachment));
        touched.await.expect("it is running");
    }

    let touched = stage.run(run.id).await;
    assert_eq!(
        (touched.version, touched.updated_at),
        (run.version, run.updated_at)
    );
    assert_eq!(touched.attempts, 1, "it has begun");
    let RunState::Running { active_at, .. } = &touched.state else {
        panic!("{touched:?}");
    };
    assert_eq!(*active_at, fixture.now());
    assert_eq!(stage.events().await[events..], ["storage.created"]);
    assert_eq!(files(&stage).await, std::slice::from_ref(&file));
    let all = fixture.events_of(fixture.organization).await;
    let data = all.last().map(|event| event.data.clone());
    assert_eq!(data, Some(EventData::File(file.summary())));
}

/// A file that is sent again is kept once.
pub async fn a_file_is_kept_once(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let file = new_file(&stage, run.id);

    for _ in 0..2 {
        let attachment = Some(Attachment::File(file.clone()));
        let touched = stage.try_say(run.id, run.epoch, WorkerCommand::Touch, attachment);
        touched.await.expect("it is running");
    }

    assert_eq!(files(&stage).await, [file]);
    let events = stage.events().await;
    let created = events.iter().filter(|it| **it == "storage.created");
    assert_eq!(created.count(), 1);
}

/// Nothing is kept of a run that is being canceled.
pub async fn nothing_is_kept_of_a_canceling_run(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let canceled = stage
        .command(run.id, cancel())
        .await
        .expect("it is running");
    let stop = Signal::Stop {
        holder: stage.worker,
        run_id: run.id,
    };
    let timeline = timeline(&stage, run.id).await;

    let progress = Attachment::Progress(vec![ProgressLine {
        message: Some("still here".to_owned()),
        step: None,
    }]);
    let told = [progress.clone(), Attachment::File(new_file(&stage, run.id))];
    for attachment in told {
        let touched = stage.try_say(run.id, run.epoch, WorkerCommand::Touch, Some(attachment));
        let touched = touched.await.expect("the worker is told to stop");
        assert_eq!(touched.run.run.status(), Status::Canceling);
    }
    let ended = stage.try_say(run.id, run.epoch, success(output()), Some(progress));
    let ended = ended.await.expect("the worker has stopped");
    assert_eq!(ended.run.run.status(), Status::Canceled);

    assert!(canceled.signals.contains(&stop), "{:?}", canceled.signals);
    assert_eq!(files(&stage).await, []);
    let mut told = self::timeline(&stage, run.id).await;
    told.retain(|line| line.kind != TimelineKind::Event);
    let before = timeline
        .iter()
        .filter(|line| line.kind != TimelineKind::Event);
    assert!(told.iter().eq(before), "{told:?}");
}

/// A renewal moves the lease's end, and nothing else.
pub async fn a_renewal_moves_the_lease_alone(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    let events = stage.events().await;
    stage.pass(seconds(5));

    let length = seconds(30);
    let renewed = stage.say(&run, WorkerCommand::Renew { length }).await;

    let mut expected = run.clone();
    if let RunState::Running { lease, .. } = &mut expected.state {
        lease.expires_at = fixture.now() + length;
    }
    assert_eq!(renewed, expected);
    assert_eq!(stage.run(run.id).await, expected);
    assert_eq!(stage.events().await, events);
}

/// A file that is not kept yet, with a content of its own.
pub(crate) fn new_file(stage: &Stage<'_>, run_id: RunId) -> StoredFile {
    let now = stage.fixture.now();
    let id = StorageId::new(now, random());
    let mut sha256 = [3; 32];
    for (byte, of_id) in sha256.iter_mut().zip(id.uuid().as_bytes()) {
        *byte = *of_id;
    }
    StoredFile {
        id,
        run_id,
        file_name: "bill.pdf".to_owned(),
        file_type: "application/pdf".to_owned(),
        file_size: 1_000,
        sha256,
        metadata: None,
        extraction: Extraction::None,
        fields_sha256: None,
        created_at: now,
        expired_at: None,
    }
}

async fn files(stage: &Stage<'_>) -> Vec<StoredFile> {
    let files = &stage.fixture.ports.files;
    let page = files.list(
        stage.fixture.organization,
        FileFilter::default(),
        first_page(),
    );
    page.await.expect("the store reads").items
}

async fn timeline(stage: &Stage<'_>, run_id: RunId) -> Vec<TimelineEntry> {
    let runs = &stage.fixture.ports.runs;
    let timeline = runs.timeline(stage.fixture.organization, run_id).await;
    timeline.expect("the store reads")
}
