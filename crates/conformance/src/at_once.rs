//! What callers set up, where two of them do so at the same moment: both are answered as if one had
//! come after the other, and neither learns that there was a race.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use windlass_application::Written;
use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::DeliveryFilter;
use windlass_application::problem::Resource;
use windlass_domain::event::EventType;
use windlass_domain::id::SourceId;
use windlass_domain::task::TaskStatus;

use crate::store::{Fixture, done, first_page};

/// How often two writers meet in one test: which comes first is the store's to say.
const ROUNDS: usize = 8;

/// Of things with one id that are made at the same time one is made, and the others hear that the
/// id is taken.
pub async fn an_id_is_taken_once_at_once(fixture: &Fixture) {
    let agent = fixture.agent("agt_owner").await;
    let ports = &fixture.ports;
    let agents = join_all((0..ROUNDS).map(|_| {
        let created = ports
            .agents
            .create(fixture.write(), fixture.new_agent("agt_1"));
        async { created.await.map(drop) }
    }));
    let sources = join_all((0..ROUNDS).map(|_| {
        let created = ports
            .sources
            .create(fixture.write(), fixture.new_source("src_1"));
        async { created.await.map(drop) }
    }));
    let tasks = join_all((0..ROUNDS).map(|_| {
        let task = fixture.new_task("task_1", &agent.id);
        let created = ports.tasks.create(fixture.write(), task);
        async { created.await.map(drop) }
    }));

    let (agents, sources, tasks) = tokio::join!(agents, sources, tasks);

    for results in [agents, sources, tasks] {
        let made = results.iter().filter(|result| result.is_ok()).count();
        let taken = |result: &&Result<(), WriteError>| matches!(result, Err(WriteError::IdTaken));
        assert_eq!(made, 1, "{results:?}");
        assert_eq!(results.iter().filter(taken).count(), ROUNDS - 1);
    }
    assert_eq!(fixture.event_types().await.len(), 4, "one for each thing");
}

/// A task is made, or its agent is deleted: never both.
pub async fn a_task_is_made_or_its_agent_deleted(fixture: &Fixture) {
    for round in 0..ROUNDS {
        let agent = fixture.agent(&format!("agt_{round}")).await;
        let task = fixture.new_task(&format!("task_{round}"), &agent.id);
        let (agents, tasks) = (&fixture.ports.agents, &fixture.ports.tasks);

        let (created, deleted) = tokio::join!(
            tasks.create(fixture.write(), task.clone()),
            agents.delete(fixture.write(), &agent.id),
        );

        let is_made = is_made(created, Resource::Agent);
        assert_eq!(is_refused(deleted, "1 task"), is_made);
        let kept = tasks.get(fixture.organization, &task.id).await;
        assert_eq!(kept.expect("a read").is_some(), is_made);
    }
}

/// A credential is made, or its source is deleted: never both.
pub async fn a_credential_is_made_or_its_source_deleted(fixture: &Fixture) {
    for round in 0..ROUNDS {
        let source = fixture.source(&format!("src_{round}")).await;
        let credential = fixture.new_credential(&source.id);
        let id = credential.credential.id;
        let (sources, credentials) = (&fixture.ports.sources, &fixture.ports.credentials);

        let (created, deleted) = tokio::join!(
            credentials.create(fixture.write(), credential),
            sources.delete(fixture.write(), &source.id),
        );

        let is_made = is_made(created, Resource::Source);
        assert_eq!(is_refused(deleted, "1 credential"), is_made);
        let kept = credentials.get(fixture.organization, id).await;
        assert_eq!(kept.expect("a read").is_some(), is_made);
    }
}

/// Playbooks that are put at the same time are versions one after the other.
pub async fn playbooks_put_at_once_follow_one_another(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let source = fixture.source("src_power").await;
    let playbooks = &fixture.ports.playbooks;
    let document = |number: usize| json!({"title": format!("Bill {number}"), "steps": []});

    let put = join_all(
        (0..ROUNDS)
            .map(|number| playbooks.put(fixture.write(), &task.id, &source.id, document(number))),
    )
    .await;

    let put: Vec<_> = put
        .into_iter()
        .map(|put| done(put.expect("each is kept")))
        .collect();
    let versions: BTreeSet<u32> = put.iter().map(|playbook| playbook.version).collect();
    assert_eq!(
        versions.into_iter().collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    let newest = put.iter().max_by_key(|playbook| playbook.version);
    let read = playbooks
        .get(fixture.organization, &task.id, &source.id)
        .await;
    assert_eq!(read.expect("a read").as_ref(), newest);
}

/// A playbook that is put while its source is deleted goes with it, or is refused.
pub async fn no_playbook_outlives_its_source(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    for round in 0..ROUNDS {
        let source = fixture.source(&format!("src_{round}")).await;
        let (sources, playbooks) = (&fixture.ports.sources, &fixture.ports.playbooks);
        let document = json!({"title": "Bill", "steps": []});

        let (put, deleted) = tokio::join!(
            playbooks.put(fixture.write(), &task.id, &source.id, document),
            sources.delete(fixture.write(), &source.id),
        );

        is_made(put, Resource::Source);
        done(deleted.expect("nothing holds it"));
        let left = playbooks.list(fixture.organization, &task.id).await;
        assert_eq!(left.expect("a list"), []);
        let task = fixture.ports.tasks.get(fixture.organization, &task.id);
        let task = task.await.expect("a read").expect("it is there");
        assert_eq!(task.status, TaskStatus::Learning);
    }
}

/// Tasks and sources that are deleted at the same time, with the playbooks that they share, are all
/// deleted: none is in another's way.
pub async fn deletions_that_take_playbooks_along_all_end(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let playbooks = &fixture.ports.playbooks;
    let mut tasks = Vec::new();
    let mut sources: Vec<SourceId> = Vec::new();
    for number in 0..4 {
        tasks.push(fixture.task(&format!("task_{number}"), &agent.id).await.id);
        sources.push(fixture.source(&format!("src_{number}")).await.id);
    }
    for task_id in &tasks {
        for source_id in &sources {
            let document = json!({"title": "Bill", "steps": []});
            let put = playbooks
                .put(fixture.write(), task_id, source_id, document)
                .await;
            done(put.expect("both are there"));
        }
    }

    let of_tasks = tasks
        .iter()
        .map(|id| fixture.ports.tasks.delete(fixture.write(), id));
    let of_sources = sources
        .iter()
        .map(|id| fixture.ports.sources.delete(fixture.write(), id));
    let (of_tasks, of_sources) = tokio::join!(join_all(of_tasks), join_all(of_sources));

    for deleted in of_tasks.into_iter().chain(of_sources) {
        done(deleted.expect("nothing holds it"));
    }
    for task_id in &tasks {
        let left = playbooks.list(fixture.organization, task_id).await;
        assert_eq!(left.expect("a list"), []);
    }
}

/// What is deleted twice at the same time is deleted once, and told once.
pub async fn a_deletion_at_once_is_done_once(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let credential = fixture.credential(&source.id).await;
    let agent = fixture.agent("agt_billing").await;
    let (agents, credentials) = (&fixture.ports.agents, &fixture.ports.credentials);

    let of_credential =
        join_all((0..ROUNDS).map(|_| credentials.delete(fixture.write(), credential.id)));
    let of_agent = join_all((0..ROUNDS).map(|_| agents.delete(fixture.write(), &agent.id)));
    let (of_credential, of_agent) = tokio::join!(of_credential, of_agent);

    for deleted in of_credential {
        done(deleted.expect("its record stays"));
    }
    let done_once = of_agent.iter().filter(|deleted| deleted.is_ok()).count();
    assert_eq!(done_once, 1, "{of_agent:?}");
    for deleted in of_agent {
        assert!(matches!(
            deleted,
            Ok(Written::Done(())) | Err(WriteError::NotFound)
        ));
    }
    let types = fixture.event_types().await;
    for event_type in [EventType::CredentialDeleted, EventType::AgentDeleted] {
        let told = types.iter().filter(|told| **told == event_type).count();
        assert_eq!(told, 1, "{event_type:?}");
    }
}

/// A destination that comes while events are written gets those after it, without a gap.
pub async fn a_new_destination_gets_every_later_event(fixture: &Fixture) {
    let create = async |from: usize| {
        for number in from..from + 6 {
            fixture.agent(&format!("agt_{number}")).await;
        }
    };

    let (destination, (), (), ()) =
        tokio::join!(fixture.destination(), create(0), create(10), create(20));
    fixture.agent("agt_last").await;

    let events = fixture.events_of(fixture.organization).await;
    let deliveries = &fixture.ports.deliveries;
    let listed = deliveries.list(
        fixture.organization,
        destination.id,
        DeliveryFilter::default(),
        first_page(),
    );
    let listed = listed.await.expect("a list").items;
    let delivered: BTreeSet<_> = listed.iter().map(|it| it.delivery.event_id).collect();
    let after: Vec<bool> = events
        .iter()
        .map(|event| delivered.contains(&event.id))
        .skip_while(|is_delivered| !is_delivered)
        .collect();
    assert_eq!(events.len(), 19);
    assert!(!after.is_empty(), "the last event came after it");
    assert!(after.iter().all(|is_delivered| *is_delivered), "{after:?}");
}

/// A destination that goes while events are written leaves nothing undelivered behind.
pub async fn a_deleted_destination_leaves_no_delivery(fixture: &Fixture) {
    let (destinations, deliveries) = (&fixture.ports.destinations, &fixture.ports.deliveries);
    for round in 0..ROUNDS {
        let destination = fixture.destination().await;
        let create = async |name: &str| {
            for number in 0..4 {
                fixture.agent(&format!("agt_{round}_{name}_{number}")).await;
            }
        };
        let delete = async {
            // In each round at another moment of the others' writes.
            for _ in 0..round % 4 {
                let read = destinations.get(fixture.organization, destination.id).await;
                assert_eq!(read.expect("a read"), Some(destination.clone()));
            }
            destinations.delete(fixture.write(), destination.id).await
        };

        let ((), (), (), deleted) = tokio::join!(create("a"), create("b"), create("c"), delete);

        done(deleted.expect("it is there"));
        while destinations.sweep(100).await.expect("a sweep") {}
        let listed = deliveries.list(
            fixture.organization,
            destination.id,
            DeliveryFilter::default(),
            first_page(),
        );
        assert_eq!(listed.await.expect("a list").items, [], "round {round}");
    }
}

/// Whether it was made; the other end is that what it refers to is gone.
fn is_made<T: std::fmt::Debug>(
    created: Result<Written<T>, WriteError>,
    refers_to: Resource,
) -> bool {
    match created {
        Ok(Written::Done(_)) => true,
        Err(WriteError::ReferenceGone { what }) if what == refers_to => false,
        other => panic!("{other:?}"),
    }
}

/// Whether the deletion was refused for the sake of `holder`; the other end is that it was done.
fn is_refused(deleted: Result<Written<()>, WriteError>, holder: &str) -> bool {
    match deleted {
        Ok(Written::Done(())) => false,
        Err(WriteError::InUse { by }) if by == holder => true,
        other => panic!("{other:?}"),
    }
}
