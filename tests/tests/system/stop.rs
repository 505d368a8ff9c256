//! A stop drains: nothing is cut off that can still end.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::{http, text};
use windlass_tests::{Backend, Server, World};

#[rstest]
#[tokio::test]
async fn a_stop_lets_a_run_end_and_answers_who_waits(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let site = DemoSite::builder().without_codes().start().await?;
    site.slow("/login", Duration::from_millis(700));
    let world = World::start(backend, site).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    client.run_in(&run_id, &["running"]).await?;
    let waiting = {
        let (client, run_id) = (client.clone(), run_id.clone());
        tokio::spawn(async move {
            let path = format!("/v2/task-runs/{run_id}?wait=60");
            client.get(&path).await
        })
    };
    // The wait is at the server once another call was answered after it.
    client.get("/v2/test").await?;

    world.server.stop().await?;

    let answered = waiting.await??;
    assert!(answered["status"].is_string(), "{answered}");
    let again = Server::start(&world.ground).await?;
    let run = again.client().ended(&run_id).await?;
    assert_eq!(run["status"], "completed", "{run}");
    again.stop().await
}

#[rstest]
#[tokio::test]
async fn a_stop_does_not_wait_for_a_person(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    let before = world
        .client()
        .run_in(&run_id, &["interaction_required"])
        .await?;

    let stopped_at = Instant::now();
    world.server.stop().await?;
    let took = stopped_at.elapsed();

    assert!(took < Duration::from_secs(10), "{took:?}");
    let again = Server::start(&world.ground).await?;
    let client = again.client();
    let asked = [text(&before["interaction"], "id")?.to_owned()].into();
    let run = client.asks_anew_or_ended(&run_id, &asked).await?;
    assert_eq!(run["status"], "interaction_required", "{run}");
    let code = world.site.phone().latest_code(&user.username);
    let path = format!("/v2/task-runs/{run_id}/interaction");
    client
        .post(&path, &json!({"input": {"code": code}}))
        .await?;
    let run = client.ended(&run_id).await?;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(world.site.visit_count("POST", "/login", None), 1);
    again.stop().await
}

#[rstest]
#[tokio::test]
async fn a_stop_ends_idle_sessions_with_what_waits_for_them(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let one_at_once = json!({"concurrency": {"per_credential": 1}});
    let task_id = world.task(one_at_once).await?;
    let first = world.run(&task_id, &credential_id).await?;
    client.run_in(&first, &["interaction_required"]).await?;
    world.answer_code(&first, &user).await?;
    let first = client.ended(&first).await?;
    let session_id = text(&first, "session_id")?;
    // It has the credential's slot, so that the next one waits though its session is idle.
    let asking = world.run(&task_id, &credential_id).await?;
    client.run_in(&asking, &["interaction_required"]).await?;
    let path = format!("/v2/tasks/{task_id}/run");
    let waiting = client
        .post(&path, &json!({"session_id": session_id}))
        .await?;
    assert_eq!(waiting["status"], "queued", "{waiting}");

    world.server.stop().await?;

    let again = Server::start(&world.ground).await?;
    let client = again.client();
    let session = client.get(&format!("/v2/sessions/{session_id}")).await?;
    assert_eq!(session["status"], "completed", "{session}");
    let run = client.ended(text(&waiting, "id")?).await?;
    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["errors"][0]["code"], "session_failed", "{run}");
    again.stop().await
}

#[rstest]
#[tokio::test]
async fn health_readiness_and_metrics_are_served_apart(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let server = Server::start(&ground).await?;

    for (path, expected) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200)] {
        let answer = http()
            .get(format!("{}{path}", server.ops_url()))
            .send()
            .await?;
        assert_eq!(answer.status(), expected, "{path}");
    }
    server.stop().await
}
