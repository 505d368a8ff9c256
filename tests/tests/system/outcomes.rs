//! How runs end: with the output, and with a clear reason where there is none.

use anyhow::Context;
use rstest::rstest;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD, output_schema, playbook};
use windlass_tests::client::http;
use windlass_tests::{Backend, World, history};

#[rstest]
#[tokio::test]
async fn a_run_stops_for_a_code_and_gives_output_and_file(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;

    let run_id = world.run(&task_id, &credential_id).await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;
    let answered = world.answer_code(&run_id, &user).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(asking["interaction"]["type"], "mfa");
    assert_eq!(asking["interaction"]["attempt"], 1);
    assert_eq!(answered["status"], "running");
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["output"], user.expected_output());
    let path = format!("/v2/task-runs/{run_id}?include=storage,input");
    let run = client.get(&path).await?;
    assert_eq!(run["input"], json!({}));
    assert_eq!(run["storage"][0]["file_name"], user.expected_file_name());
    assert_eq!(run["storage"][0]["file_type"], "application/pdf");
    let url = run["storage"][0]["url"].as_str().unwrap_or_default();
    let file = http().get(url).send().await?;
    assert!(file.status().is_success(), "{}", file.status());
    assert!(file.bytes().await?.starts_with(b"%PDF-"));
    let credential = client
        .get(&format!("/v2/credentials/{credential_id}"))
        .await?;
    assert_eq!(credential["status"], "verified");
    let counts = history::check(&client, &world.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1, "{counts:?}");
    Ok(())
}

/// The pages that a run came to are there for whoever asks, without what was typed in secret.
#[rstest]
#[tokio::test]
async fn a_run_leaves_its_pages_without_its_secrets(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    client.run_in(&run_id, &["interaction_required"]).await?;
    let code = world.site.phone().latest_code(&user.username);
    let code = code.context("the site has sent no code")?;
    world.answer_code(&run_id, &user).await?;
    client.ended(&run_id).await?;

    let path = format!("/v2/task-runs/{run_id}/screenshots?limit=100");
    let listed = client.get(&path).await?;

    let screenshots = listed["data"].as_array().context("a list")?;
    let mut pages = String::new();
    for screenshot in screenshots {
        assert_eq!(screenshot["file_type"], "text/html; charset=utf-8");
        assert!(screenshot["step"].is_u64(), "{screenshot}");
        let reasoning = screenshot["reasoning"].as_str().context("a reasoning")?;
        let url = screenshot["url"].as_str().context("an address")?;
        let page = http().get(url).send().await?.error_for_status()?;
        let page = page.text().await?;
        for secret in [PASSWORD, &code] {
            assert!(!page.contains(secret), "{secret} is in {page}");
            assert!(!reasoning.contains(secret), "{secret} is in {reasoning}");
        }
        pages.push_str(&page);
    }
    assert!(pages.contains("••••"), "what was typed is masked");
    assert!(pages.contains("<h1"), "{pages}");
    let path = format!("/v2/task-runs/{run_id}?include=screenshots,artifacts");
    let included = client.get(&path).await?;
    assert_eq!(
        included["screenshots"].as_array().map(Vec::len),
        Some(screenshots.len())
    );
    assert_eq!(
        included["artifacts"]["screenshots"][0]["id"],
        screenshots[0]["id"]
    );
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_second_run_in_the_session_does_not_log_in_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let first = world.run(&task_id, &credential_id).await?;
    client.run_in(&first, &["interaction_required"]).await?;
    world.answer_code(&first, &user).await?;
    let first = client.ended(&first).await?;

    let second = client
        .post(
            &format!("/v2/tasks/{task_id}/run"),
            &json!({"session_id": first["session_id"]}),
        )
        .await?;
    let second = client
        .ended(second["id"].as_str().unwrap_or_default())
        .await?;

    assert_eq!(second["status"], "completed", "{second}");
    assert_eq!(second["credential_id"], json!(credential_id));
    assert_eq!(world.site.visit_count("POST", "/login", None), 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_wrong_password_is_named_and_makes_the_credential_invalid(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, "sommer").await?;
    let task_id = world.task(json!({})).await?;

    let run_id = world.run(&task_id, &credential_id).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["status"], "failed");
    assert_eq!(run["result"], "failure");
    assert_eq!(run["output"], json!(null));
    assert_eq!(run["errors"][0]["type"], "auth");
    assert_eq!(run["errors"][0]["code"], "auth_invalid");
    let credential = client
        .get(&format!("/v2/credentials/{credential_id}"))
        .await?;
    assert_eq!(credential["status"], "invalid");
    history::check(&client, &world.receiver, &[run_id]).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn output_that_breaks_the_schema_fails_the_run(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::builder().without_codes().start().await?).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let mut schema = output_schema();
    schema["properties"]["amount_due"] = json!({"type": "string"});
    let task_id = world.task_with(schema, json!({}), &playbook()).await?;

    let run_id = world.run(&task_id, &credential_id).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["status"], "failed");
    assert_eq!(run["output"], json!(null));
    assert_eq!(
        run["errors"],
        json!([{
            "type": "task", "code": "output_invalid", "field": "/amount_due",
            "message": "`/amount_due` must be a string; it is a number.",
        }])
    );
    history::check(&client, &world.receiver, &[run_id]).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_source_that_cannot_be_reached_is_named(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let site = DemoSite::start().await?;
    let mut world = World::start(backend, site).await?;
    let client = world.client();
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let gone = std::mem::replace(&mut world.site, DemoSite::start().await?);
    gone.stop().await;

    let run_id = world.run(&task_id, &credential_id).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["errors"][0]["code"], "source_not_available", "{run}");
    Ok(())
}
