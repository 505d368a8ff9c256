//! A login that outlives its session.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::text;
use windlass_tests::{Backend, World};

async fn end_session_of(world: &World, run: &Value) -> anyhow::Result<()> {
    let path = format!("/v2/sessions/{}/end", text(run, "session_id")?);
    let ended = world.client().call(Method::POST, &path, None).await?;
    assert_eq!(ended.body["status"], "completed", "{}", ended.body);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn the_next_session_of_a_credential_needs_no_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let mut world = World::start(backend, DemoSite::start().await?).await?;
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({"keep_login": true})).await?;
    let first = world.run(&task_id, &credential_id).await?;
    world
        .client()
        .run_in(&first, &["interaction_required"])
        .await?;
    world.answer_code(&first, &user).await?;
    let first = world.client().ended(&first).await?;
    end_session_of(&world, &first).await?;

    // It outlives the server too.
    world.server = world.server.kill_and_start_again().await?;
    let second = world.run(&task_id, &credential_id).await?;
    let second = world.client().ended(&second).await?;

    assert_eq!(second["status"], "completed", "{second}");
    assert_eq!(second["output"], user.expected_output());
    assert_ne!(second["session_id"], first["session_id"]);
    assert_eq!(world.site.visit_count("POST", "/login", None), 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_login_that_the_site_has_forgotten_is_made_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::builder().without_codes().start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({"keep_login": true})).await?;
    let first = client
        .ended(&world.run(&task_id, &credential_id).await?)
        .await?;
    end_session_of(&world, &first).await?;
    world.site.log_everybody_out();

    let second = client
        .ended(&world.run(&task_id, &credential_id).await?)
        .await?;
    end_session_of(&world, &second).await?;
    let third = client
        .ended(&world.run(&task_id, &credential_id).await?)
        .await?;

    for run in [&first, &second, &third] {
        assert_eq!(run["status"], "completed", "{run}");
    }
    let logins = world.site.visit_count("POST", "/login", None);
    assert_eq!(logins, 2, "the third starts from the second's");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn without_the_setting_each_session_logs_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::builder().without_codes().start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;

    for _ in 0..2 {
        let run_id = world.run(&task_id, &credential_id).await?;
        assert_eq!(client.ended(&run_id).await?["status"], "completed");
    }

    assert_eq!(world.site.visit_count("POST", "/login", None), 2);
    Ok(())
}
