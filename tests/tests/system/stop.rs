//! A stop drains: nothing is cut off that can still end.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
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

/// Their leases would be over before the next start could hear of them.
#[rstest]
#[tokio::test]
async fn a_stop_loses_no_run_of_an_outside_worker(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let leases = [("WINDLASS_LEASE_SECONDS", "5")];
    let server = Server::start_with(&ground, &leases).await?;
    let client = server.client();
    let agent = client.post("/v2/agents", &json!({"name": "A"})).await?;
    let task = json!({"name": "T", "agent_id": agent["id"], "settings": {"source": "none"},
        "storage": {"enabled": true}});
    let task = client.post("/v2/tasks", &task).await?;
    let start = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let worker = json!({"worker": "by-hand"});
    client.post("/v2/worker/workers", &worker).await?;
    let call = json!({"worker": "by-hand", "incarnation": 1});
    client.post(&start, &json!({})).await?;
    let leased = client.post("/v2/worker/leases", &call).await?;
    let run_id = text(&leased["leases"][0]["run"], "id")?;
    let lease = format!("/v2/worker/leases/{run_id}");
    client.post(&start, &json!({})).await?;
    // It is under way before the server is asked to stop: its head is answered.
    let mut upload = TcpStream::connect(server.url().trim_start_matches("http://")).await?;
    let head = format!(
        "POST {lease}/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         Windlass-Epoch: 1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await?;
    let mut answered = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    upload.read_exact(&mut answered).await?;

    server.ask_to_stop().await?;
    let ready = format!("{}/readyz", server.ops_url());
    while http().get(&ready).send().await?.status() == 200 {}
    let renewal = format!("{lease}/renew");
    let renewed = client.post(&renewal, &json!({"epoch": 1})).await?;
    assert_eq!(renewed["cancel"], false, "{renewed}");
    let leased = client.post("/v2/worker/leases", &call).await?;
    assert_eq!(
        leased["leases"],
        json!([]),
        "a server that stops leases nothing"
    );
    upload.write_all(b"PDF!").await?;
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await?;
    server.stopped().await?;

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let again = Server::start_with(&ground, &leases).await?;
    let client = again.client();
    client.post(&renewal, &json!({"epoch": 1})).await?;
    let finish = json!({"epoch": 1, "result": "success"});
    let finished = client.post(&format!("{lease}/finish"), &finish).await?;
    assert_eq!(finished["status"], "completed", "{finished}");
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
