//! What meets at the same moment while runs are under way: a start and a deletion, dispatchers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use windlass_application::Written;
use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::DeliveryFilter;
use windlass_application::problem::Resource;
use windlass_domain::delivery::{Attempt, Next};
use windlass_domain::event::EventType;

use crate::stage::Stage;
use crate::store::{Fixture, first_page};

/// How often two writers meet in one test: which comes first is the store's to say.
const ROUNDS: usize = 8;

/// How long a dispatcher has what it leases.
const LENGTH: Duration = Duration::from_secs(60);

/// A run is started, or its task is deleted: never both.
pub async fn a_run_is_started_or_its_task_deleted(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (runs, tasks) = (&fixture.ports.runs, &fixture.ports.tasks);
    for round in 0..ROUNDS {
        let task = stage.task_with(&format!("task_{round}"), |_| {}).await;
        let start = stage.new_run_of(&task);
        let run_id = start.run.id;

        let (started, deleted) = tokio::join!(
            runs.start(fixture.write(), start),
            tasks.delete(fixture.write(), &task.id),
        );

        let is_started = match started {
            Ok(Written::Done(_)) => true,
            Err(WriteError::ReferenceGone {
                what: Resource::Task,
            }) => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(is_refused(deleted), is_started);
        let kept = stage.view_of(fixture.organization, run_id).await;
        assert_eq!(kept.is_some(), is_started);
    }
}

/// A run is started, or its source is deleted: never both.
pub async fn a_run_is_started_or_its_source_deleted(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (runs, sources) = (&fixture.ports.runs, &fixture.ports.sources);
    for round in 0..ROUNDS {
        let source = fixture.source(&format!("src_{round}")).await;
        let mut start = stage.new_run();
        start.run.source_id = Some(source.id.clone());
        start.run.credential_id = None;

        let (started, deleted) = tokio::join!(
            runs.start(fixture.write(), start),
            sources.delete(fixture.write(), &source.id),
        );

        let is_started = match started {
            Ok(Written::Done(_)) => true,
            Err(WriteError::ReferenceGone {
                what: Resource::Source,
            }) => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(is_refused(deleted), is_started);
    }
}

/// Dispatchers that look at the same time share nothing, and together get all that is due.
pub async fn dispatchers_at_once_share_nothing(fixture: &Fixture) {
    let destinations = [fixture.destination().await, fixture.destination().await];
    for number in 0..ROUNDS {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let deliveries = &fixture.ports.deliveries;
    let all = destinations.len() * ROUNDS;
    let mut seen = BTreeSet::new();
    let mut leased = 0;

    for _ in 0..all {
        let looks = join_all((0..4).map(|_| deliveries.lease(5, 3, &[], LENGTH))).await;
        for look in looks {
            let look = look.expect("the store leases");
            assert!(look.len() <= 5, "{look:?}");
            for destination in &destinations {
                let of_one = look.iter().filter(|it| it.destination.id == destination.id);
                assert!(of_one.count() <= 3, "{look:?}");
            }
            leased += look.len();
            seen.extend(look.into_iter().map(|it| it.delivery.id));
        }
        if leased >= all {
            break;
        }
    }

    assert_eq!((leased, seen.len()), (all, all));
}

/// Of those that say at the same time how a delivery went, one is heard.
pub async fn an_attempt_at_once_is_kept_once(fixture: &Fixture) {
    let deliveries = &fixture.ports.deliveries;
    for (deactivate, told) in [
        (false, vec![EventType::DeliveryParked]),
        (
            true,
            vec![EventType::DeliveryParked, EventType::DestinationDeactivated],
        ),
    ] {
        let destination = fixture.destination().await;
        fixture.agent(&format!("agt_{deactivate}")).await;
        let before = fixture.event_types().await.len();
        let due = deliveries.lease(10, 10, &[], LENGTH).await;
        let due = due.expect("the store leases");
        let to = due.iter().find(|it| it.destination.id == destination.id);
        let id = to.expect("it wants it").delivery.id;

        let recorded = join_all((0..ROUNDS).map(|_| {
            let attempt = Attempt {
                at: fixture.now(),
                status_code: Some(410),
                duration: Duration::from_millis(40),
                error: Some("The receiver answered 410.".to_owned()),
                retry_after: None,
            };
            deliveries.record(id, attempt, Next::Park { deactivate })
        }));

        for recorded in recorded.await {
            recorded.expect("the store records");
        }
        let filter = DeliveryFilter::default();
        let listed = deliveries
            .list(fixture.organization, destination.id, filter, first_page())
            .await;
        let listed = listed.expect("a list").items;
        let view = listed.last().expect("its first delivery");
        assert_eq!((view.delivery.attempts, view.attempt_log.len()), (1, 1));
        assert_eq!(fixture.event_types().await[before..], told);
    }
}

/// Whether the deletion was refused for the sake of a run; the other end is that it was done.
fn is_refused(deleted: Result<Written<()>, WriteError>) -> bool {
    match deleted {
        Ok(Written::Done(())) => false,
        Err(WriteError::InUse { by }) if by == "1 task run" => true,
        other => panic!("{other:?}"),
    }
}
