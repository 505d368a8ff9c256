//! A session, from its first run to its end.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::text;
use windlass_tests::{Answer, Backend, World, history};

async fn start_in(world: &World, task_id: &str, body: &Value) -> anyhow::Result<Answer> {
    let path = format!("/v2/tasks/{task_id}/run");
    world.client().call(Method::POST, &path, Some(body)).await
}

async fn end(world: &World, session_id: &str) -> anyhow::Result<Answer> {
    let path = format!("/v2/sessions/{session_id}/end");
    world.client().call(Method::POST, &path, None).await
}

#[rstest]
#[tokio::test]
async fn runs_of_a_session_are_done_one_after_the_other_with_one_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let first = world.run(&task_id, &credential_id).await?;
    let asking = client.run_in(&first, &["interaction_required"]).await?;
    let in_session = json!({"session_id": asking["session_id"]});
    let second = start_in(&world, &task_id, &in_session).await?.body;
    let third = start_in(&world, &task_id, &in_session).await?.body;
    let (second, third) = (text(&second, "id")?, text(&third, "id")?);
    for waiting in [second, third] {
        let run = client.get(&format!("/v2/task-runs/{waiting}")).await?;
        assert_eq!(run["status"], "queued", "the session is taken");
    }

    world.answer_code(&first, &user).await?;

    let mut ends = Vec::new();
    for run_id in [first.as_str(), second, third] {
        let run = client.ended(run_id).await?;
        assert_eq!(run["status"], "completed", "{run}");
        ends.push(text(&run, "updated_at")?.to_owned());
    }
    assert!(ends.is_sorted(), "the oldest goes first: {ends:?}");
    assert_eq!(world.site.visit_count("POST", "/login", None), 1);
    let run_ids = [first.clone(), second.to_owned(), third.to_owned()];
    history::check(&client, &world.receiver, &run_ids).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_idle_session_ends_and_takes_no_more_runs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::builder().without_codes().start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({"session_idle_seconds": 1})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    let run = client.ended(&run_id).await?;
    let session_id = text(&run, "session_id")?;

    let session = client.session_in(session_id, &["completed"]).await?;
    let refused = start_in(&world, &task_id, &json!({"session_id": session_id})).await?;

    assert_eq!(session["task_runs"][0]["id"], json!(run_id));
    assert_eq!(session["credential_id"], json!(credential_id));
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.code(), "request/session_ended");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_end_cancels_what_waits_for_a_person_and_what_waits_for_the_session(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let asking = world.run(&task_id, &credential_id).await?;
    let run = client.run_in(&asking, &["interaction_required"]).await?;
    let session_id = text(&run, "session_id")?;
    let waiting = start_in(&world, &task_id, &json!({"session_id": session_id})).await?;
    let waiting = text(&waiting.body, "id")?.to_owned();

    let ended = end(&world, session_id).await?;
    let first = client.ended(&asking).await?;
    let session = client.session_in(session_id, &["completed"]).await?;
    let again = end(&world, session_id).await?;

    assert_eq!(ended.status, StatusCode::OK);
    assert_eq!(ended.body["status"], "completing");
    assert_eq!(first["status"], "canceled", "{first}");
    let second = client.get(&format!("/v2/task-runs/{waiting}")).await?;
    assert_eq!(second["status"], "canceled", "{second}");
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.body["updated_at"], session["updated_at"]);
    history::check(&client, &world.receiver, &[asking, waiting]).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_session_is_one_persons_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let site = DemoSite::builder().users(2).without_codes().start().await?;
    let world = World::start(backend, site).await?;
    let client = world.client();
    let kari = world.credential(&world.user(0)?, PASSWORD).await?;
    let other = world.credential(&world.user(1)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run = client.ended(&world.run(&task_id, &kari).await?).await?;

    let body = json!({"session_id": run["session_id"], "credential_id": other});
    let refused = start_in(&world, &task_id, &body).await?;

    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.code(), "request/session_mismatch");
    Ok(())
}
