//! An output that counts only once a person has seen it.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::{Answer, Backend, World, history};

async fn review(world: &World, run_id: &str, body: &Value) -> anyhow::Result<Answer> {
    let path = format!("/v2/task-runs/{run_id}/review");
    world.client().call(Method::POST, &path, Some(body)).await
}

#[rstest]
#[tokio::test]
async fn a_reviewed_output_is_corrected_or_rejected(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::builder().without_codes().start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({"review": "required"})).await?;
    let approved = world.run(&task_id, &credential_id).await?;
    let rejected = world.run(&task_id, &credential_id).await?;
    let waiting = client.run_in(&approved, &["review_required"]).await?;
    client.run_in(&rejected, &["review_required"]).await?;
    let mut corrected = user.expected_output();
    corrected["customer_name"] = json!("Kari Nordmann Hansen");

    let mut broken = corrected.clone();
    broken["amount_due"] = json!("much");
    let broken = json!({"decision": "approve", "output": broken});
    let broken = review(&world, &approved, &broken).await?;
    let body = json!({"decision": "approve", "output": corrected});
    let first = review(&world, &approved, &body).await?;
    let body = json!({"decision": "reject", "reason": "It is the wrong month."});
    let second = review(&world, &rejected, &body).await?;
    let late = review(&world, &rejected, &json!({"decision": "approve"})).await?;

    assert_eq!(waiting["output"], user.expected_output());
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert_eq!(broken.body["errors"][0]["field"], "/amount_due");
    assert_eq!(first.body["status"], "completed", "{}", first.body);
    assert_eq!(first.body["output"], corrected);
    assert_eq!(second.body["status"], "failed");
    assert_eq!(second.body["errors"][0]["code"], "review_rejected");
    assert_eq!(late.code(), "request/run_not_reviewable");
    history::check(&client, &world.receiver, &[approved, rejected]).await?;
    Ok(())
}
