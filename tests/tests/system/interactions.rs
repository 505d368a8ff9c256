//! What a person lives through who is asked.

use std::path::Path;

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD, User, output_schema, playbook};
use windlass_tests::client::text;
use windlass_tests::{Answer, Backend, Client, Server, World, history};

/// Typed instead of the code, to be looked for where it must not be.
const CANARY: &str = "canary-7Qm2xV9c";

async fn reply(client: &Client, run_id: &str, body: Value) -> anyhow::Result<Answer> {
    let path = format!("/v2/task-runs/{run_id}/interaction");
    client.call(Method::POST, &path, Some(&body)).await
}

/// A run that asks the first user; its id.
async fn asking(world: &World, settings: Value) -> anyhow::Result<(String, User)> {
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(settings).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    world
        .client()
        .run_in(&run_id, &["interaction_required"])
        .await?;
    Ok((run_id, user))
}

/// The names of the files in this folder, and below it, that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes)?);
        } else if std::fs::read(&path)?
            .windows(bytes.len())
            .any(|window| window == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

#[rstest]
#[tokio::test]
async fn a_wrong_code_is_asked_for_again_and_is_in_no_file(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let (run_id, user) = asking(&world, json!({})).await?;
    let path = format!("/v2/task-runs/{run_id}");
    let first = client.get(&path).await?["interaction"].clone();

    let wrong = reply(&client, &run_id, json!({"input": {"code": CANARY}})).await?;
    let asked = [text(&first, "id")?.to_owned()].into();
    let again = client.asks_anew_or_ended(&run_id, &asked).await?;
    world.answer_code(&run_id, &user).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(wrong.status, StatusCode::OK);
    assert_eq!(wrong.body["status"], "running");
    assert_eq!(wrong.body["interaction"], json!(null));
    assert_eq!(again["status"], "interaction_required", "{again}");
    assert_eq!(
        (&first["attempt"], &again["interaction"]["attempt"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(run["status"], "completed", "{run}");
    let logins = world.site.visit_count("POST", "/login", None);
    assert_eq!(logins, 1, "the login goes on where it asked");
    history::check(&client, &world.receiver, &[run_id]).await?;
    assert_eq!(
        files_with(world.ground.folder(), CANARY.as_bytes())?,
        [""; 0]
    );
    world.server.stop().await?;
    assert_eq!(
        files_with(world.ground.folder(), CANARY.as_bytes())?,
        [""; 0]
    );
    Ok(())
}

#[rstest]
#[tokio::test]
async fn who_declines_fails_the_run_and_nothing_more_is_done(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let (run_id, _) = asking(&world, json!({})).await?;
    let before = world.site.visits().len();

    let declined = reply(&client, &run_id, json!({"decline": true})).await?;
    let late = reply(&client, &run_id, json!({"input": {"code": "123456"}})).await?;

    assert_eq!(declined.status, StatusCode::OK);
    assert_eq!(declined.body["status"], "failed");
    assert_eq!(declined.body["errors"][0]["code"], "interaction_declined");
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(late.code(), "request/interaction_not_pending");
    assert_eq!(world.site.visits().len(), before);
    history::check(&client, &world.receiver, &[run_id]).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_question_that_nobody_answers_fails_the_run(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let (run_id, _) = asking(&world, json!({"interaction_timeout_seconds": 1})).await?;

    let run = client.ended(&run_id).await?;

    assert_eq!(run["status"], "failed");
    assert_eq!(run["errors"][0]["type"], "interaction");
    assert_eq!(run["errors"][0]["code"], "interaction_timeout");
    history::check(&client, &world.receiver, &[run_id]).await?;
    Ok(())
}

/// The playbook with more fields where it first asks.
fn with_fields(fields: &Value) -> Value {
    let mut playbook = playbook();
    let steps = playbook["steps"].as_array_mut();
    let asks = steps
        .into_iter()
        .flatten()
        .find(|step| step["name"] == "windlass.interact");
    if let Some(asks) = asks {
        asks["parameters"]["fields"] = fields.clone();
    }
    playbook
}

#[rstest]
#[tokio::test]
async fn a_question_may_have_several_fields(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let fields = json!([
        {"name": "code", "type": "string", "label": "Code"},
        {"name": "device", "type": "select", "label": "Which phone",
            "options": ["old", {"value": "new", "label": "The new one"}]},
        {"name": "note", "type": "string", "label": "Note", "required": false},
    ]);
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world
        .task_with(output_schema(), json!({}), &with_fields(&fields))
        .await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;

    let body = json!({"input": {"device": "broken", "pin": "1", "note": null}});
    let wrong = reply(&client, &run_id, body).await?;
    let code = world.site.phone().latest_code(&user.username);
    let body = json!({"input": {"code": code, "device": "new"}});
    let right = reply(&client, &run_id, body).await?;
    let run = client.ended(&run_id).await?;

    let shown = &asking["interaction"]["fields"];
    assert_eq!(
        shown[1]["options"][1],
        json!({"value": "new", "label": "The new one"})
    );
    assert_eq!(shown[2]["required"], json!(false));
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let told: Vec<(&str, &str)> = wrong.body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| Some((error["code"].as_str()?, error["field"].as_str()?)))
        .collect();
    let expected = [
        ("input_missing", "code"),
        ("input_invalid", "device"),
        ("input_unknown", "pin"),
    ];
    assert_eq!(told, expected);
    assert_eq!(right.status, StatusCode::OK, "{}", right.body);
    assert_eq!(run["status"], "completed", "{run}");
    Ok(())
}

/// Each waits for up to a quarter of an hour; who has so many sets the capacity for them.
#[tokio::test]
async fn people_who_take_their_time_keep_no_other_run_from_being_done() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start_with(&ground, &[("WINDLASS_CAPACITY", "100")]).await?;
    let world = World::on(server, ground, DemoSite::start().await?).await?;
    let client = world.client();
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let mut asking = Vec::new();
    for _ in 0..80 {
        asking.push(world.run(&task_id, &credential_id).await?);
    }
    for run_id in &asking {
        client.run_in(run_id, &["interaction_required"]).await?;
    }
    let refused = world.credential(&user, "no password of his").await?;

    let run_id = world.run(&task_id, &refused).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["errors"][0]["code"], "auth_invalid", "{run}");
    world.server.stop().await
}
