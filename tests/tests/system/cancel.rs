//! From where a run can be canceled, and from where not.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::{Answer, Backend, World, history};

async fn cancel(world: &World, run_id: &str) -> anyhow::Result<Answer> {
    let path = format!("/v2/task-runs/{run_id}/cancel");
    world.client().call(Method::POST, &path, None).await
}

#[rstest]
#[tokio::test]
async fn a_queued_run_is_canceled_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    // Nobody leases from this pool.
    let task_id = world.task(json!({"pool": "nobody"})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;

    let canceled = cancel(&world, &run_id).await?;
    let again = cancel(&world, &run_id).await?;

    assert_eq!(canceled.status, StatusCode::OK);
    assert_eq!(canceled.body["status"], "canceled");
    assert_eq!(canceled.body["result"], "unknown");
    assert!(canceled.body["canceled_at"].is_string());
    assert_eq!(again.status, StatusCode::OK, "a retry is harmless");
    let counts = history::check(&client, &world.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["canceled"], 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_running_run_is_canceled_by_its_agent_and_never_completes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let site = DemoSite::builder().without_codes().start().await?;
    site.slow("/login", Duration::from_secs(20));
    let world = World::start(backend, site).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    client.run_in(&run_id, &["running"]).await?;

    let canceling = cancel(&world, &run_id).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(canceling.status, StatusCode::OK);
    assert_eq!(canceling.body["status"], "canceling");
    assert_eq!(run["status"], "canceled");
    assert_eq!(run["output"], json!(null));
    history::check(&client, &world.receiver, &[run_id]).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_run_that_waits_or_has_ended_cannot_be_canceled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    client.run_in(&run_id, &["interaction_required"]).await?;

    let waiting = cancel(&world, &run_id).await?;
    world.answer_code(&run_id, &user).await?;
    let run = client.ended(&run_id).await?;
    let completed = cancel(&world, &run_id).await?;

    assert_eq!(waiting.status, StatusCode::CONFLICT);
    assert_eq!(waiting.code(), "request/run_not_cancelable");
    assert_eq!(run["status"], "completed");
    assert_eq!(completed.status, StatusCode::CONFLICT);
    assert_eq!(completed.code(), "request/run_not_cancelable");
    let message = completed.body["errors"][0]["message"].to_string();
    assert!(message.contains("`completed`"), "{message}");
    Ok(())
}
