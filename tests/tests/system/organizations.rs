//! `windlass organizations`, beside a running server.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, Received};
use windlass_tests::{Backend, World};

use crate::commands::{printed, printed_json, refusal};

async fn is_suspended(world: &World) -> Value {
    let list = printed_json(&["organizations", "list", "--json"], &world.ground).await;
    list[0]["suspended"].clone()
}

#[rstest]
#[tokio::test]
async fn a_suspended_organization_is_refused_everywhere_and_what_it_started_is_done(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let site = DemoSite::start().await.unwrap();
    let world = World::start(backend, site).await.unwrap();
    let user = world.user(0).unwrap();
    let credential = world.credential(&user, &user.password).await.unwrap();
    let look = json!({
        "title": "Look", "steps": [{"type": "navigate", "url": "{{source.url}}"}],
    });
    let task = world.task_with(json!({}), json!({}), &look).await.unwrap();
    let run = world.run(&task, &credential).await.unwrap();
    let suspend = ["organizations", "suspend", "default"];

    let said = printed(&suspend, &world.ground).await;

    assert_eq!(said, "default is suspended\n");
    assert_eq!(is_suspended(&world).await, true);
    let read = format!("/v2/task-runs/{run}");
    let start = format!("/v2/tasks/{task}/run");
    for (method, path) in [
        (Method::GET, "/v2/test"),
        (Method::GET, &read),
        (Method::POST, &start),
    ] {
        let answer = world.client().call(method, path, None).await.unwrap();
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        assert_eq!(answer.code(), "organization/organization_suspended");
    }
    let completed = |received: &Received| received.event_type == "task_run.completed";
    let told = world.receiver.wait_for(completed, Duration::from_secs(60));
    told.await.expect("its events are delivered as ever");
    let said = printed(&["organizations", "resume", "default"], &world.ground).await;
    assert_eq!(said, "default is active\n");
    let answer = world.client().call(Method::GET, &read, None).await.unwrap();
    assert_eq!(answer.body["status"], "completed", "{answer:?}");
}

#[rstest]
#[tokio::test]
async fn an_organization_is_made_once_and_its_environment_stays(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let create = ["organizations", "create", "Bolig", "--environment", "test"];

    let id = printed(&create, &ground).await;

    assert!(id.starts_with("org_"), "{id}");
    let taken = refusal(&create, &ground).await;
    assert!(taken.contains("\"Bolig\" already"), "{taken}");
    let key = printed(&["keys", "create", "--organization", "Bolig"], &ground).await;
    assert!(key.starts_with("sk_test_"), "{key}");
    let list = printed(&["organizations", "list"], &ground).await;
    assert!(
        list.contains(id.trim()) && list.contains("active"),
        "{list}"
    );
    let unknown = refusal(&["organizations", "suspend", "Nobody"], &ground).await;
    assert!(unknown.contains("no organization is called"), "{unknown}");
}
