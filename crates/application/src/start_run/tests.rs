//! What a start checks, and what it hands to the store.

use mockall::predicate::eq;
use rstest::rstest;
use windlass_domain::credential::AuthMethod;
use windlass_domain::id::{OrganizationId, Random};
use windlass_domain::playbook::Playbook;
use windlass_domain::session::SessionState;
use windlass_domain::source::Source;

use super::*;
use crate::fixture::{self, OpenVault, now, organization, source_id, task_id, told, write};
use crate::ports::credentials::MockCredentials;
use crate::ports::playbooks::MockPlaybooks;
use crate::ports::runs::{Commanded, MockRuns};
use crate::ports::sessions::MockSessions;
use crate::ports::signals::{MockQueue, MockSignals};
use crate::ports::sources::MockSources;
use crate::ports::tasks::MockTasks;

/// What there is besides the task.
struct World {
    task: Task,
    credential: Option<Credential>,
    session: Option<Session>,
    playbook: Option<u32>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            task: fixture::task(),
            credential: None,
            session: None,
            playbook: None,
        }
    }
}

fn credential(status: CredentialStatus) -> Credential {
    Credential {
        id: CredentialId::new(now(), Random([8; 10])),
        source_id: source_id(),
        auth_method: AuthMethod::None,
        external_id: None,
        status,
        summary: None,
        secret: None,
        secrets_version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

fn session(credential_id: Option<CredentialId>) -> Session {
    Session {
        id: SessionId::new(now(), Random([9; 10])),
        organization_id: organization().organization_id(),
        credential_id,
        source_id: Some(source_id()),
        pool: Pool::parse("browsers").unwrap(),
        state: SessionState::Queued,
        version: 1,
        runtime: Duration::ZERO,
        created_at: now(),
        updated_at: now(),
    }
}

/// The use case over this world; the store must be asked for `starts` starts.
fn start_run(world: World, starts: usize) -> StartRun {
    let mut tasks = MockTasks::new();
    let task = world.task;
    tasks
        .expect_get()
        .returning(move |_, id| Ok((*id == task.id).then(|| task.clone())));
    let mut sources = MockSources::new();
    sources.expect_get().returning(|_, id| {
        Ok((*id == source_id()).then(|| Source {
            id: source_id(),
            name: None,
            url: "https://nordlys.example/".to_owned(),
            created_at: now(),
            updated_at: now(),
        }))
    });
    let mut credentials = MockCredentials::new();
    let credential = world.credential;
    credentials
        .expect_get()
        .returning(move |_, id| Ok(credential.clone().filter(|known| known.id == id)));
    let mut sessions = MockSessions::new();
    let session = world.session;
    sessions
        .expect_get()
        .returning(move |_, id| Ok(session.clone().filter(|known| known.id == id)));
    let mut playbooks = MockPlaybooks::new();
    let version = world.playbook;
    playbooks
        .expect_get()
        .returning(move |_, task_id, source_id| {
            Ok(version.map(|version| Playbook {
                task_id: task_id.clone(),
                source_id: source_id.clone(),
                version,
                document: json!({}),
                created_at: now(),
                updated_at: now(),
            }))
        });
    let mut runs = MockRuns::new();
    runs.expect_start().times(starts).returning(|_, start| {
        let input = contents::open_input(&OpenVault, start.run.id, &start.input);
        let view = RunView {
            run: start.run.clone(),
            metadata: start.metadata,
            // For the test to see: what was sealed for this very run.
            output: input.ok(),
        };
        Ok(Written::Done(Commanded {
            signals: vec![windlass_domain::lifecycle::Signal::Ready {
                pool: start.run.pool,
            }],
            run: view,
        }))
    });
    let mut queue = MockQueue::new();
    queue.expect_announce().times(starts).return_const(());
    let mut signals = MockSignals::new();
    signals.expect_send().times(starts).return_const(());
    StartRun {
        runs: Arc::new(runs),
        tasks: Arc::new(tasks),
        sources: Arc::new(sources),
        credentials: Arc::new(credentials),
        sessions: Arc::new(sessions),
        playbooks: Arc::new(playbooks),
        vault: Arc::new(OpenVault),
        schemas: Arc::default(),
        announcer: Announcer::new(Arc::new(queue), Arc::new(signals)),
        clock: fixture::clock(),
    }
}

async fn started(world: World, new: NewTaskRun) -> RunView {
    match start_run(world, 1).execute(write(), &task_id(), new).await {
        Ok(Written::Done(view)) => view,
        other => panic!("not started: {other:?}"),
    }
}

async fn refused(world: World, new: NewTaskRun) -> CallError {
    let outcome = start_run(world, 0).execute(write(), &task_id(), new).await;
    outcome.expect_err("nothing is started")
}

fn at_source() -> NewTaskRun {
    NewTaskRun {
        source_id: Some(source_id().to_string()),
        ..NewTaskRun::default()
    }
}

#[rstest]
#[case::for_an_outside_worker(None, None, "default")]
#[case::for_the_built_in_agent(Some(2), None, "builtin")]
#[case::where_the_task_says(Some(2), Some("browsers"), "browsers")]
#[tokio::test]
async fn a_run_waits_in_the_pool_of_whoever_can_do_it(
    #[case] playbook: Option<u32>,
    #[case] pool: Option<&str>,
    #[case] expected: &str,
) {
    let mut world = World {
        playbook,
        ..World::default()
    };
    world.task.settings.pool = pool.map(|pool| Pool::parse(pool).unwrap());

    let view = started(world, at_source()).await;

    assert_eq!(view.run.pool.as_str(), expected);
    assert_eq!(view.run.playbook_version, playbook);
    assert_eq!(view.run.task_version, 3);
}

#[tokio::test]
async fn the_input_is_sealed_for_the_run_and_is_an_empty_object_where_left_out() {
    let given = NewTaskRun {
        input: Some(json!({"month": "2025-12"})),
        ..at_source()
    };

    let with = started(World::default(), given).await;
    let without = started(World::default(), at_source()).await;

    assert_eq!(with.output, Some(json!({"month": "2025-12"})));
    assert_eq!(without.output, Some(json!({})));
}

#[tokio::test]
async fn the_source_follows_from_the_credential() {
    let credential = credential(CredentialStatus::Verified);
    let new = NewTaskRun {
        credential_id: Some(credential.id.to_string()),
        ..NewTaskRun::default()
    };

    let view = started(
        World {
            credential: Some(credential.clone()),
            ..World::default()
        },
        new,
    )
    .await;

    assert_eq!(view.run.source_id, Some(source_id()));
    assert_eq!(view.run.credential_id, Some(credential.id));
    assert!(view.run.opened_session);
}

#[tokio::test]
async fn credential_and_source_follow_from_the_session() {
    let credential = credential(CredentialStatus::Verified);
    let session = session(Some(credential.id));
    let new = NewTaskRun {
        session_id: Some(session.id.to_string()),
        ..NewTaskRun::default()
    };

    let view = started(
        World {
            credential: Some(credential.clone()),
            session: Some(session.clone()),
            ..World::default()
        },
        new,
    )
    .await;

    assert_eq!(view.run.session_id, session.id);
    assert_eq!(view.run.credential_id, Some(credential.id));
    assert_eq!(view.run.source_id, Some(source_id()));
    assert!(!view.run.opened_session);
}

#[tokio::test]
async fn a_run_in_a_session_waits_where_its_worker_leases_from() {
    let session = session(None);
    let new = NewTaskRun {
        session_id: Some(session.id.to_string()),
        ..NewTaskRun::default()
    };
    let mut world = World {
        session: Some(session.clone()),
        playbook: Some(2),
        ..World::default()
    };
    world.task.settings.pool = Some(Pool::parse("elsewhere").unwrap());

    let view = started(world, new).await;

    assert_eq!(view.run.pool, session.pool);
    assert_eq!(view.run.playbook_version, Some(2));
}

#[tokio::test]
async fn what_is_not_the_sessions_is_refused() {
    let credential = credential(CredentialStatus::Verified);
    let session = session(None);
    let new = NewTaskRun {
        session_id: Some(session.id.to_string()),
        credential_id: Some(credential.id.to_string()),
        ..NewTaskRun::default()
    };

    let error = refused(
        World {
            credential: Some(credential),
            session: Some(session),
            ..World::default()
        },
        new,
    )
    .await;

    assert!(
        matches!(error, CallError::SessionMismatch { what: "credential" }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_deleted_credential_starts_nothing() {
    let credential = credential(CredentialStatus::Deleted);
    let new = NewTaskRun {
        credential_id: Some(credential.id.to_string()),
        ..NewTaskRun::default()
    };

    let error = refused(
        World {
            credential: Some(credential),
            ..World::default()
        },
        new,
    )
    .await;

    assert!(matches!(error, CallError::CredentialDeleted), "{error:?}");
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let mut world = World::default();
    world.task.input_schema = Some(json!({"type": "object", "required": ["month"]}));
    let new = NewTaskRun {
        credential_id: Some("cred_no".to_owned()),
        source_id: Some("src_unknown".to_owned()),
        session_id: Some(session(None).id.to_string()),
        metadata: [("k".repeat(41), "v".to_owned())].into(),
        input: None,
        wrong: vec![Problem::of(
            ProblemKind::Unknown,
            "inputt",
            "`inputt` is not a field.",
        )],
    };

    let error = refused(world, new).await;

    assert_eq!(
        told(&error),
        [
            (ProblemKind::Unknown, "inputt".to_owned()),
            (
                ProblemKind::NotFound(Resource::Session),
                "session_id".to_owned()
            ),
            (
                ProblemKind::NotFound(Resource::Credential),
                "credential_id".to_owned()
            ),
            (ProblemKind::SourceInvalid, "source_id".to_owned()),
            (ProblemKind::Missing, "/month".to_owned()),
            (ProblemKind::Invalid, "metadata".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_run_without_a_source_needs_a_task_that_says_so() {
    let error = refused(World::default(), NewTaskRun::default()).await;
    assert_eq!(
        told(&error),
        [(ProblemKind::Missing, "source_id".to_owned())]
    );

    let mut world = World::default();
    world.task.settings.source = SourceRequirement::None;
    let view = started(world, NewTaskRun::default()).await;
    assert_eq!(view.run.source_id, None);
}

#[tokio::test]
async fn another_organizations_task_is_unknown() {
    let mut tasks = MockTasks::new();
    let foreign = OrganizationContext::of_server(OrganizationId::new(now(), Random([99; 10])));
    tasks
        .expect_get()
        .with(eq(foreign), eq(task_id()))
        .returning(|_, _| Ok(None));
    let mut start_run = start_run(World::default(), 0);
    start_run.tasks = Arc::new(tasks);
    let mut write = write();
    write.organization = foreign;

    let outcome = start_run.execute(write, &task_id(), at_source()).await;

    assert!(
        matches!(outcome, Err(CallError::NotFound(Resource::Task))),
        "{outcome:?}"
    );
}

#[rstest]
#[case::beside_its_input(None, None, &[(ProblemKind::Missing, "/month"), (ProblemKind::Missing, "source_id")])]
#[case::beside_a_slip(
    Some((ProblemKind::Unknown, "inputt")), Some(json!({"month": "2025-12"})),
    &[(ProblemKind::Unknown, "inputt"), (ProblemKind::Missing, "source_id")]
)]
// Where it is done might follow from what cannot be read.
#[case::but_not_beside_a_reference_of_a_wrong_form(
    Some((ProblemKind::Invalid, "credential_id")), Some(json!({"month": "2025-12"})),
    &[(ProblemKind::Invalid, "credential_id")]
)]
#[tokio::test]
async fn a_source_that_is_missing_is_told_with_the_rest(
    #[case] form: Option<(ProblemKind, &str)>,
    #[case] input: Option<Value>,
    #[case] expected: &[(ProblemKind, &str)],
) {
    let mut world = World::default();
    world.task.input_schema = Some(json!({"type": "object", "required": ["month"]}));
    let wrong = form.map(|(kind, field)| Problem::of(kind, field, "It is wrong."));
    let new = NewTaskRun {
        input,
        wrong: wrong.into_iter().collect(),
        ..NewTaskRun::default()
    };

    let error = refused(world, new).await;

    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, field)| (*kind, (*field).to_owned()))
        .collect();
    assert_eq!(told(&error), expected);
}
