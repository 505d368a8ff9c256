//! What every writing port promises of idempotency keys, shown on agents.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::{Created, KeptAnswer, Write, Written};
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::event::EventType;

use crate::store::{Fixture, done, first_page};

/// The second request with a key gets the answer of the first, byte by byte, and does nothing.
pub async fn a_repeated_key_gets_the_first_answer(fixture: &Fixture) {
    let first = create(fixture, fixture.write_once("k", "body"), "agt_1").await;
    done(first.expect("it is new"));

    let second = create(fixture, fixture.write_once("k", "body"), "agt_2").await;
    let third = create(fixture, fixture.write_once("k", "body"), "agt_3").await;

    let second = replayed(second);
    assert_eq!(second.status, 201);
    let text = String::from_utf8_lossy(second.body.as_bytes()).into_owned();
    assert!(text.starts_with("agt_1 by req_"), "{text}");
    assert_eq!(replayed(third), second);
    assert_eq!(agents(fixture).await, ["agt_1"]);
    assert_eq!(fixture.event_types().await, [EventType::AgentCreated]);
}

/// Another body under a key that was used is refused and does nothing.
pub async fn another_body_under_a_used_key_is_refused(fixture: &Fixture) {
    let first = create(fixture, fixture.write_once("k", "body"), "agt_1").await;
    done(first.expect("it is new"));

    let second = create(fixture, fixture.write_once("k", "other body"), "agt_2").await;

    assert!(
        matches!(second, Err(WriteError::IdempotencyKeyReused)),
        "{second:?}"
    );
    assert_eq!(agents(fixture).await, ["agt_1"]);
}

/// A key is remembered per organization, method and path.
pub async fn a_key_is_remembered_for_its_own_call_only(fixture: &Fixture) {
    let first = create(fixture, fixture.write_once("k", "body"), "agt_1").await;
    done(first.expect("it is new"));
    let mut other_path = fixture.write_once("k", "other body");
    let mut other_method = fixture.write_once("k", "other body");
    let mut other_organization = fixture.write_once("k", "other body");
    if let Some(request) = &mut other_path.idempotency {
        request.path = "/v2/agents/agt_1".to_owned();
    }
    if let Some(request) = &mut other_method.idempotency {
        request.method = "PATCH".to_owned();
    }
    other_organization.organization = fixture.stranger;

    let path = create(fixture, other_path, "agt_2").await;
    let method = create(fixture, other_method, "agt_3").await;
    let organization = create(fixture, other_organization, "agt_4").await;

    for written in [path, method, organization] {
        done(written.expect("another call"));
    }
    assert_eq!(agents(fixture).await, ["agt_3", "agt_2", "agt_1"]);
}

/// A refusal is not kept: the same key may succeed later.
pub async fn a_refusal_is_not_remembered(fixture: &Fixture) {
    let agent = fixture.agent("agt_1").await;
    let refused = create(fixture, fixture.write_once("k", "body"), "agt_1").await;
    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let deleted = fixture
        .ports
        .agents
        .delete(fixture.write(), &agent.id)
        .await;
    done(deleted.expect("nothing needs it"));

    let again = create(fixture, fixture.write_once("k", "body"), "agt_1").await;

    done(again.expect("the id is free now"));
}

/// After 24 hours a key is new.
pub async fn a_key_is_forgotten_after_24_hours(fixture: &Fixture) {
    let first = create(fixture, fixture.write_once("k", "body"), "agt_1").await;
    done(first.expect("it is new"));
    let day = Duration::from_secs(24 * 3600);
    fixture.clock.advance(day - Duration::from_millis(1));
    replayed(create(fixture, fixture.write_once("k", "body"), "agt_2").await);
    fixture.clock.advance(Duration::from_millis(1));

    let next_day = create(fixture, fixture.write_once("k", "other body"), "agt_3").await;

    done(next_day.expect("the key is forgotten"));
    let later = create(fixture, fixture.write_once("k", "other body"), "agt_4").await;
    let text = replayed(later).body;
    assert!(text.as_bytes().starts_with(b"agt_3 by "), "{text:?}");
}

/// Of fifty requests with one key at the same time one acts, and the others get its answer.
pub async fn of_requests_at_the_same_time_one_acts(fixture: &Fixture) {
    let attempts = futures_util::future::join_all((0..50).map(|number| async move {
        let id = format!("agt_{number}");
        create(fixture, fixture.write_once("k", "body"), &id).await
    }));

    let written: Vec<_> = attempts.await;

    let mut made = Vec::new();
    let mut answers = Vec::new();
    for written in written {
        match written.expect("none is refused") {
            Written::Done(agent) => made.push(agent.agent.id.to_string()),
            Written::Replayed(answer) => answers.push(answer),
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(answers.len(), 49);
    for answer in &answers {
        let expected = format!("{} by ", made[0]);
        assert!(answer.body.as_bytes().starts_with(expected.as_bytes()));
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(agents(fixture).await, made);
    assert_eq!(fixture.event_types().await, [EventType::AgentCreated]);
}

/// Forgotten keys that are used again at the same time all act: each takes forgotten records away,
/// and none stands in another's way.
pub async fn forgotten_keys_used_again_at_once_all_act(fixture: &Fixture) {
    for round in 0..8 {
        let act = |number: usize| async move {
            let write = fixture.write_once(&format!("k{number}"), "body");
            create(fixture, write, &format!("agt_{round}_{number}")).await
        };
        // The oldest records are taken away first: by whoever uses the newest again.
        let number = |number: usize| if round % 2 == 0 { number } else { 11 - number };

        let written = futures_util::future::join_all((0..12).map(number).map(act)).await;

        for written in written {
            done(written.expect("none is refused"));
        }
        fixture.clock.advance(Duration::from_secs(25 * 3600));
    }
}

/// A deletion that is repeated with its key is answered as it was, though nothing is there.
pub async fn a_deletion_is_replayed(fixture: &Fixture) {
    let agent = fixture.agent("agt_1").await;
    let agents = &fixture.ports.agents;
    let first = agents.delete(fixture.write_once("k", ""), &agent.id).await;
    done(first.expect("nothing needs it"));

    let second = agents.delete(fixture.write_once("k", ""), &agent.id).await;

    let answer = replayed(second);
    assert!(answer.body.as_bytes().starts_with(b"deleted by "));
}

async fn create(
    fixture: &Fixture,
    write: Write,
    id: &str,
) -> Result<Written<AgentWithTasks>, WriteError> {
    let agent = fixture.new_agent(id);
    fixture.ports.agents.create(write, agent).await
}

pub(crate) fn replayed<T>(written: Result<Written<T>, WriteError>) -> KeptAnswer {
    match written.expect("it is not refused") {
        Written::Replayed(answer) => answer,
        Written::Done(_) => panic!("it was done a second time"),
    }
}

/// The ids of the organization's agents, as they are listed: newest first, then by id downwards.
async fn agents(fixture: &Fixture) -> Vec<String> {
    let page = fixture
        .ports
        .agents
        .list(fixture.organization, Created::default(), first_page())
        .await
        .expect("a list");
    page.items
        .iter()
        .map(|agent| agent.agent.id.to_string())
        .collect()
}
