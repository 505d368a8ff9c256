//! What a lease promises.

use serde_json::json;
use windlass_application::OrganizationContext;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{LeaseRequest, MAX_LEASED_BYTES};
use windlass_domain::id::RunId;
use windlass_domain::pool::Pool;
use windlass_domain::run::WorkerCommand;
use windlass_domain::run::{AfterRun, Finish, FinishOutcome, Holder, Refusal, RunState, Status};
use windlass_domain::session::{SessionState, SessionStatus};
use windlass_domain::task::Priority;

use crate::stage::{LEASE, Stage, output, sealed, seconds, success};
use crate::store::{Fixture, TRACE_PARENT, done};

/// A leased run runs under a new epoch, and comes with all that its agent needs.
pub async fn a_leased_run_has_all_that_its_agent_needs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let document = json!({"title": "Latest bill", "steps": []});
    let playbooks = &fixture.ports.playbooks;
    let (task_id, source_id) = (&stage.task.id, &stage.source.id);
    let put = playbooks.put(fixture.write(), task_id, source_id, document.clone());
    let playbook = done(put.await.expect("the task is there"));
    let mut start = stage.new_run();
    start.run.playbook_version = Some(playbook.version);
    let started = stage.start(start).await;
    stage.pass(seconds(2));

    let leased = stage.next().await.expect("it waits");

    assert_eq!(leased.run.id, started.id);
    assert_eq!(leased.run, stage.run(started.id).await);
    let RunState::Running { lease, .. } = &leased.run.state else {
        panic!("{leased:?}");
    };
    assert_eq!(lease.holder, stage.worker);
    assert_eq!(lease.expires_at, fixture.now() + LEASE);
    assert!(!lease.begun, "the worker says when it begins");
    assert_eq!(leased.run.epoch, started.epoch.next());
    assert_eq!(leased.task, stage.task);
    assert_eq!(leased.input, sealed("input"));
    assert_eq!(leased.source.as_ref(), Some(&stage.source));
    assert_eq!(leased.credential.as_ref(), Some(&stage.credential));
    assert_eq!(leased.playbook, Some(document));
    assert_eq!(leased.trace_parent.as_deref(), Some(TRACE_PARENT));
    assert!(!leased.resumed(), "the session is new");
    let session = stage.session(started.session_id).await;
    let holder = stage.worker;
    assert_eq!(session.state, SessionState::Running { holder });
}

/// What is long comes in several calls, a run that is too long by itself alone: its lease is short until its
/// worker has heard of it.
pub async fn one_call_leases_no_more_than_its_answer_can_bring(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for bytes in [MAX_LEASED_BYTES, 1, 1, MAX_LEASED_BYTES, 1] {
        let mut start = stage.new_run();
        start.input = sealed(&"x".repeat(bytes));
        stage.start(start).await;
        stage.pass(seconds(1));
    }

    let mut leased = Vec::new();
    for _ in 0..4 {
        leased.push(stage.lease(stage.lease_request()).await.runs.len());
    }

    assert_eq!(leased, [1, 3, 1, 0]);
}

/// A worker that does not say when it begins has begun at once.
pub async fn a_lease_without_an_explicit_begin_has_begun(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    stage.started().await;

    let request = LeaseRequest {
        explicit_begin: false,
        ..stage.lease_request()
    };
    let leased = stage.lease(request).await;

    let [leased] = leased.runs.as_slice() else {
        panic!("{leased:?}");
    };
    let lease = leased.run.state.lease().expect("it is leased");
    assert!(lease.begun);
    assert_eq!(leased.run.attempts, 1);
}

/// A credential that was deleted since is not there; the agent goes without.
pub async fn a_deleted_credential_is_not_leased(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    stage.started().await;
    let credentials = &fixture.ports.credentials;
    let deleted = credentials
        .delete(fixture.write(), stage.credential.id)
        .await;
    done(deleted.expect("it is deleted"));

    let leased = stage.next().await.expect("it waits");

    assert_eq!(leased.credential, None);
    assert_eq!(leased.run.credential_id, Some(stage.credential.id));
}

/// A start that is not its worker's latest leases nothing, and is told.
pub async fn an_earlier_start_of_a_worker_leases_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let workers = &fixture.ports.workers;
    workers
        .register(None, "embedded", None)
        .await
        .expect("a second start");
    let unknown = Holder {
        worker_id: windlass_domain::id::WorkerId::new(
            fixture.now(),
            windlass_application::random::random(),
        ),
        incarnation: 1,
    };

    for holder in [stage.worker, unknown] {
        let request = LeaseRequest {
            holder,
            ..stage.lease_request()
        };
        let leased = fixture.ports.runs.lease(request).await;
        let is_lost = matches!(leased, Err(WriteError::Refused(Refusal::LeaseLost { .. })));
        assert!(is_lost, "{leased:?}");
    }

    assert_eq!(stage.run(run.id).await, run);
}

/// A draining worker gets nothing.
pub async fn a_draining_worker_gets_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let drained = fixture.ports.workers.drain(stage.worker).await;
    drained.expect("it is the latest start");

    assert_eq!(stage.next().await, None);
    assert_eq!(stage.run(run.id).await, run);
}

/// Organizations take turns: one's backlog does not keep another waiting.
pub async fn organizations_take_turns(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..3 {
        stage.started().await;
    }
    stage.pass(seconds(1));
    for _ in 0..2 {
        start_for_the_stranger(&stage).await;
    }

    let mut organizations = Vec::new();
    for _ in 0..5 {
        let leased = stage.next().await.expect("five wait");
        organizations.push(leased.run.organization_id);
    }

    let [a, b, c, d, e] = organizations.try_into().expect("five");
    assert_ne!(a, b);
    assert_eq!((a, b), (c, d));
    assert_eq!(
        e,
        fixture.organization.organization_id(),
        "the others have none left"
    );
}

/// One call shares out fairly, too.
pub async fn one_call_shares_out_among_organizations(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..4 {
        stage.started().await;
    }
    for _ in 0..2 {
        start_for_the_stranger(&stage).await;
    }

    let request = LeaseRequest {
        capacity: 4,
        ..stage.lease_request()
    };
    let leased = stage.lease(request).await;

    let stranger = fixture.stranger.organization_id();
    let of_the_stranger = leased
        .runs
        .iter()
        .filter(|it| it.run.organization_id == stranger);
    assert_eq!((leased.runs.len(), of_the_stranger.count()), (4, 2));
}

/// In an organization the highest priority goes first, then the oldest.
pub async fn priority_goes_before_age(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let mut tasks = Vec::new();
    for level in [0, 9] {
        let id = format!("task_{level}");
        let set = |settings: &mut windlass_domain::task::TaskSettings| {
            settings.priority = Priority::new(level).expect("0 to 9");
        };
        tasks.push(stage.task_with(&id, set).await);
    }
    let mut started = Vec::new();
    for task in [&tasks[0], &stage.task, &tasks[1], &stage.task, &tasks[1]] {
        let run = stage.start(stage.new_run_of(task)).await;
        started.push(run.id);
        stage.pass(seconds(1));
    }

    let leased = stage.lease(stage.lease_request()).await;

    let order: Vec<RunId> = leased.runs.iter().map(|leased| leased.run.id).collect();
    let expected = [started[2], started[4], started[1], started[3], started[0]];
    assert_eq!(order, expected);
}

/// A worker leases from its pools alone, in the order in which it names them, and no more than it
/// has room for.
pub async fn pools_are_leased_in_their_order(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let pools = ["blue", "green", "red"].map(|name| Pool::parse(name).expect("a name"));
    let mut started = Vec::new();
    for pool in &pools {
        let mut start = stage.new_run();
        start.run.pool = pool.clone();
        started.push(stage.start(start).await.id);
    }

    let request = |capacity, pools: &[&Pool]| LeaseRequest {
        pools: pools.iter().map(|pool| (*pool).clone()).collect(),
        capacity,
        ..stage.lease_request()
    };
    let one = stage.lease(request(1, &[&pools[2], &pools[0]])).await;
    let rest = stage.lease(request(10, &[&pools[2], &pools[0]])).await;

    assert_eq!(ids(&one.runs), [started[2]]);
    assert_eq!(ids(&rest.runs), [started[0]]);
    assert_eq!(stage.status(started[1]).await, Status::Queued);
}

/// A session that a worker keeps is leased by that start of it alone, which goes on in it.
pub async fn a_kept_session_is_its_keepers_alone(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    let other = workers
        .register(None, "other", None)
        .await
        .expect("a first start")
        .holder;
    let first = stage.begun().await;
    stage.say(&first, success(output())).await;
    let second = stage.start(stage.new_run_in(first.session_id)).await;
    let third = stage.started().await;

    let to_the_other = LeaseRequest {
        holder: other,
        ..stage.lease_request()
    };
    let to_the_other = stage.lease(to_the_other).await;
    let to_the_keeper = stage.lease(stage.lease_request()).await;

    assert_eq!(ids(&to_the_other.runs), [third.id]);
    assert_eq!(ids(&to_the_keeper.runs), [second.id]);
    assert!(to_the_keeper.runs[0].resumed());
}

/// An outside worker leases its organization's runs alone.
pub async fn an_outside_worker_leases_its_organizations_runs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let own = stage.started().await;
    start_for_the_stranger(&stage).await;
    let organization = Some(fixture.organization);
    let workers = &fixture.ports.workers;
    let registered = workers.register(organization, "outside", None).await;
    let request = LeaseRequest {
        organization,
        holder: registered.expect("a first start").holder,
        ..stage.lease_request()
    };
    let of_the_stranger = LeaseRequest {
        organization: Some(fixture.stranger),
        ..request.clone()
    };

    let strange = fixture.ports.runs.lease(of_the_stranger).await;
    let leased = stage.lease(request).await;

    let is_refused = matches!(strange, Err(WriteError::Refused(Refusal::LeaseLost { .. })));
    assert!(is_refused, "{strange:?}");
    assert_eq!(ids(&leased.runs), [own.id]);
}

/// Two lease calls at once share no run.
pub async fn two_lease_calls_at_once_share_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..6 {
        stage.started().await;
    }
    let request = || LeaseRequest {
        capacity: 4,
        ..stage.lease_request()
    };

    let (one, two) = tokio::join!(stage.lease(request()), stage.lease(request()));

    let mut all = ids(&one.runs);
    all.extend(ids(&two.runs));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
    assert_eq!(one.runs.len() + two.runs.len(), 6);
}

/// A worker that names its sessions hears which of them it no longer has.
pub async fn ended_sessions_are_told(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;
    let ended = stage.begun().await;
    let end = WorkerCommand::Finish(Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential: None,
        session: AfterRun::End,
        login: None,
    });
    stage.say(&ended, end).await;
    let running = stage.leased().await;
    let unknown = stage.new_run().run.session_id;

    let request = LeaseRequest {
        sessions: vec![
            kept.session_id,
            ended.session_id,
            running.session_id,
            unknown,
        ],
        ..stage.lease_request()
    };
    let leased = stage.lease(request).await;

    assert_eq!(leased.ended_sessions, [ended.session_id, unknown]);
    let session = stage.session(kept.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
}

fn ids(runs: &[windlass_application::ports::runs::LeasedRun]) -> Vec<RunId> {
    runs.iter().map(|leased| leased.run.id).collect()
}

/// A run of the other organization, with a task of its own.
pub(crate) async fn start_for_the_stranger(stage: &Stage<'_>) {
    let fixture = stage.fixture;
    let stranger: OrganizationContext = fixture.stranger;
    let write = || fixture.write_of(stranger);
    let ports = &fixture.ports;
    let task = ports.tasks.get(stranger, &stage.task.id).await;
    if task.expect("the store reads").is_none() {
        let agent = fixture.new_agent(stage.task.agent_id.as_str());
        done(
            ports
                .agents
                .create(write(), agent)
                .await
                .expect("a new agent"),
        );
        let task = ports.tasks.create(write(), stage.task.clone()).await;
        done(task.expect("a new task"));
    }
    let mut start = stage.new_run();
    start.run.organization_id = stranger.organization_id();
    start.run.source_id = None;
    start.run.credential_id = None;
    done(
        ports
            .runs
            .start(write(), start)
            .await
            .expect("it is started"),
    );
}
