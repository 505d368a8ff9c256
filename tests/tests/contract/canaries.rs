//! Secrets that are planted everywhere a caller can put one are found nowhere that they may not be.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Client, Server, World};

const PASSWORD_CANARY: &str = "canary-password-4hT9";
const TOTP_CANARY: &str = "CANARYTOTPSECRET";
const USER_CANARY: &str = "canary-user-8sK1";
const FIELD_CANARY: &str = "canary-field-2vQ7";
const INPUT_CANARY: &str = "canary-input-6mW3";
const ANSWER_CANARY: &str = "canary-answer-9xB5";
const HEADER_CANARY: &str = "canary-header-1zD8";
const STRAY_CANARY: &str = "canary-stray-3nF6";

/// `whsec_` and base64 of `canary-hook-secret-of-32-bytes!!`.
const HOOK_CANARY: &str = "whsec_Y2FuYXJ5LWhvb2stc2VjcmV0LW9mLTMyLWJ5dGVzISE=";

/// The bytes that it stands for.
const HOOK_BYTES: &str = "canary-hook-secret-of-32-bytes!!";

/// Where a worker would go on, as it says it: in base64.
const CHECKPOINT_CANARY: &str = "Y2FuYXJ5LWNoZWNrcG9pbnQtN2pSMg==";

/// The bytes that it stands for.
const CHECKPOINT_BYTES: &str = "canary-checkpoint-7jR2";

/// What is written down nowhere as it was given: not in files, tables, logs or metrics.
const SEALED: [&str; 14] = [
    KEY,
    PASSWORD,
    PASSWORD_CANARY,
    TOTP_CANARY,
    USER_CANARY,
    FIELD_CANARY,
    INPUT_CANARY,
    ANSWER_CANARY,
    HEADER_CANARY,
    STRAY_CANARY,
    HOOK_CANARY,
    HOOK_BYTES,
    CHECKPOINT_CANARY,
    CHECKPOINT_BYTES,
];

/// The caller's own worker.
const WORKER: &str = "canaries-1";

/// Of these, what answers show, since it is context and no secret.
const SHOWN: [&str; 2] = [USER_CANARY, FIELD_CANARY];

/// Of a canary that the server has made, what is told where it is found.
const SHOWN_ONCE: &str = "what is shown once";

/// The first canary in these bytes, as text or as PostgreSQL writes bytes.
fn found(bytes: &[u8], but: &[&str]) -> Option<&'static str> {
    let mut sealed = SEALED.into_iter().filter(|canary| !but.contains(canary));
    sealed.find(|canary| is_in(bytes, canary))
}

fn is_in(bytes: &[u8], canary: &str) -> bool {
    let hexadecimal: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let is_in = |part: &[u8]| memchr::memmem::find(bytes, part).is_some();
    is_in(canary.as_bytes()) || is_in(hexadecimal.as_bytes())
}

/// The same, and what the server has shown once.
fn found_of(bytes: &[u8], shown_once: &[String]) -> Option<&'static str> {
    let shown = shown_once.iter().any(|canary| is_in(bytes, canary));
    found(bytes, &[]).or_else(|| shown.then_some(SHOWN_ONCE))
}

fn search(folder: &Path, shown_once: &[String]) -> anyhow::Result<usize> {
    let mut searched = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            searched += search(&path, shown_once)?;
            continue;
        }
        let bytes = std::fs::read(&path)?;
        if let Some(canary) = found_of(&bytes, shown_once) {
            let line = bytes
                .split(|byte| *byte == b'\n')
                .find(|line| found_of(line, shown_once).is_some());
            let line = String::from_utf8_lossy(line.unwrap_or_default());
            anyhow::bail!("{canary} is in {}: {line}", path.display());
        }
        searched += bytes.len();
    }
    Ok(searched)
}

/// What the server makes and shows once: a page's token, which is used, and another signing secret.
async fn shown_once(world: &World, destination_id: &str) -> anyhow::Result<Vec<String>> {
    let client = world.client();
    let token = client.post("/v2/token", &json!({})).await?;
    let token = text(&token, "token")?.to_owned();
    let page = Client::new(world.server.url(), &token);
    page.get("/v2/sources").await?;
    let path = format!("/v2/event-destinations/{destination_id}/rotate-secret");
    let destination = client.post(&path, &json!({})).await?;
    let secret = text(&destination["webhook"], "secret")?.to_owned();
    Ok(vec![token, secret])
}

/// Plants all of them; what paths need to lead somewhere.
async fn plant(world: &World) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let client = world.client();
    let credential = json!({"source_id": world.source_id, "auth_method": "username_password",
        "auth_credentials": {"username": USER_CANARY, "password": PASSWORD_CANARY,
            "totp_secret": TOTP_CANARY, "source_fields": {"customer": FIELD_CANARY}}});
    let credential = client.post("/v2/credentials", &credential).await?;
    let hook = json!({"name": "Canaries", "webhook": {"url": world.receiver.url(),
        "secret": HOOK_CANARY, "custom_headers": {"X-Canary": HEADER_CANARY}}});
    let call = http().post(format!("{}/v2/event-destinations", world.server.url()));
    let call = call
        .bearer_auth(KEY)
        .header("idempotency-key", "kept with its secret");
    let destination: Value = call.json(&hook).send().await?.json().await?;
    let task = json!({"name": "Canaries", "agent_id": world.agent_id,
        "settings": {"pool": "nobody", "source": "none"}});
    let task = client.post("/v2/tasks", &task).await?;
    let run = format!("/v2/tasks/{}/run", text(&task, "id")?);
    client
        .post(&run, &json!({"input": {"note": INPUT_CANARY}}))
        .await?;
    by_a_worker(world).await?;

    // A run of the website, whose person answers wrongly first.
    let user = world.user(0)?;
    let login = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;
    let run_id = world.run(&task_id, &login).await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;
    by_an_assistant(world, &run_id).await?;
    let asked = [text(&asking["interaction"], "id")?.to_owned()].into();
    client.asks_anew_or_ended(&run_id, &asked).await?;
    world.answer_code(&run_id, &user).await?;
    let run = client.ended(&run_id).await?;
    ensure!(run["status"] == "completed", "{run}");
    let first = async |path: &str| {
        let items = client.list(path).await?;
        let item = items.first().with_context(|| format!("{path} is empty"))?;
        anyhow::Ok(text(item, "id")?.to_owned())
    };
    let destination_id = text(&destination, "id")?.to_owned();
    let deliveries = format!("/v2/event-destinations/{destination_id}/event-deliveries");
    let storage_id = first(&format!("/v2/task-runs/{run_id}/storage")).await?;
    Ok([
        ("agent_id", world.agent_id.clone()),
        ("source_id", world.source_id.clone()),
        ("credential_id", text(&credential, "id")?.to_owned()),
        ("task_id", task_id),
        ("session_id", text(&run, "session_id")?.to_owned()),
        ("event_id", first("/v2/events").await?),
        ("delivery_id", first(&deliveries).await?),
        ("destination_id", destination_id),
        ("content_id", storage_id.clone()),
        ("storage_id", storage_id),
        ("run_id", run_id),
        ("worker", WORKER.to_owned()),
    ]
    .into())
}

/// A worker of the caller's own takes that run and leaves a checkpoint with its question.
async fn by_a_worker(world: &World) -> anyhow::Result<()> {
    let client = world.client();
    let start = client
        .post("/v2/worker/workers", &json!({"worker": WORKER}))
        .await?;
    let ask = json!({"worker": WORKER, "incarnation": start["incarnation"], "pools": ["nobody"]});
    let leases = client.post("/v2/worker/leases", &ask).await?;
    let lease = &leases["leases"][0];
    ensure!(lease["input"]["note"] == INPUT_CANARY, "{leases}");
    let path = format!(
        "/v2/worker/leases/{}/interaction",
        text(&lease["run"], "id")?
    );
    let question = json!({"epoch": lease["epoch"], "attempt": 1, "type": "approval",
        "message": "Pay?", "checkpoint": CHECKPOINT_CANARY});
    client.post(&path, &question).await?;
    Ok(())
}

/// Answers what a run asks by the tool of an assistant, whose protocol has a library that logs.
async fn by_an_assistant(world: &World, run_id: &str) -> anyhow::Result<()> {
    let answer = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "answer_interaction",
        "arguments": {"run_id": run_id, "answers": {"code": ANSWER_CANARY}}}});
    let called = http()
        .post(format!("{}/mcp", world.server.url()))
        .bearer_auth(KEY)
        .header("accept", "application/json, text/event-stream")
        .json(&answer);
    let answered: Value = called.send().await?.json().await?;
    ensure!(answered["result"]["isError"] == false, "{answered}");
    Ok(())
}

/// Makes every call of the document: what reads as it is, what writes with a field that it has not,
/// and fields of a wrong form. No answer shows a canary.
async fn drive(world: &World, ids: &BTreeMap<&str, String>) -> anyhow::Result<usize> {
    let url = world.server.url();
    let document: Value = http()
        .get(format!("{url}/openapi.json"))
        .send()
        .await?
        .json()
        .await?;
    let mut driven = 0;
    for (template, item) in document["paths"].as_object().context("no paths")? {
        let path = ids.iter().fold(template.clone(), |path, (name, id)| {
            path.replace(&format!("{{{name}}}"), id)
        });
        ensure!(!path.contains('{'), "make one of {template} here");
        for (method, operation) in item.as_object().context("no calls")? {
            let upper = Method::from_bytes(method.to_uppercase().as_bytes())?;
            let mut bodies = vec![Value::Null];
            if upper != Method::GET {
                let content = &operation["requestBody"]["content"]["application/json"];
                bodies = strays(&content["example"]);
            }
            // The stream of events does not end by itself.
            let streams = operation["responses"]["200"]["content"].get("text/event-stream");
            if streams.is_some() {
                continue;
            }
            for body in bodies {
                let call = http()
                    .request(upper.clone(), format!("{url}{path}"))
                    .bearer_auth(KEY);
                let call = if body.is_null() {
                    call
                } else {
                    call.json(&body)
                };
                let answered = call.send().await?;
                let status = answered.status();
                let bytes = answered.bytes().await?;
                ensure!(!status.is_server_error(), "{method} {path}: {status}");
                let canary = found(&bytes, &SHOWN);
                ensure!(canary.is_none(), "{method} {template} answers {canary:?}");
                driven += 1;
            }
        }
    }
    Ok(driven)
}

/// Bodies that are refused, each with a canary where something is wrong.
fn strays(example: &Value) -> Vec<Value> {
    let mut bodies = vec![json!({"stray": STRAY_CANARY})];
    let fields = example.as_object().into_iter().flatten();
    // An event's name is no secret, and is told where there is none of that name.
    for (name, _) in fields.filter(|(name, _)| !["events", "types"].contains(&name.as_str())) {
        for value in [
            json!({"stray": STRAY_CANARY}),
            json!([STRAY_CANARY]),
            json!({"url": STRAY_CANARY}),
        ] {
            let mut body = example.clone();
            body[name] = value;
            body["unknown"] = json!(STRAY_CANARY);
            bodies.push(body);
        }
    }
    bodies
}

#[rstest]
#[tokio::test]
async fn what_is_secret_is_found_nowhere(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let log = ground.folder().join("server.log");
    // All that the server and its libraries would ever say.
    let level = [("WINDLASS_LOG_LEVEL", "trace")];
    let server = Server::start_logging(&ground, &level, log.clone()).await?;
    let world = World::on(server, ground, DemoSite::start().await?).await?;

    let ids = plant(&world).await?;
    let shown = shown_once(&world, &ids["destination_id"]).await?;
    let driven = drive(&world, &ids).await?;

    ensure!(driven > 60, "{driven}");
    let events = Value::from(world.client().list("/v2/events").await?).to_string();
    let canary = found_of(events.as_bytes(), &shown);
    ensure!(canary.is_none(), "{canary:?} is in an event");
    let metrics = http().get(format!("{}/metrics", world.server.ops_url()));
    let metrics = metrics.send().await?.bytes().await?;
    ensure!(metrics.len() > 1_000, "{} bytes of metrics", metrics.len());
    let canary = found_of(&metrics, &shown);
    ensure!(canary.is_none(), "{canary:?} is in the metrics");
    for (table, rows) in world.ground.tables().await? {
        let canary = found_of(rows.as_bytes(), &shown);
        ensure!(canary.is_none(), "{canary:?} is in the table {table}");
    }
    // While it runs, and once it has written everything down.
    search(world.ground.folder(), &shown)?;
    world.server.stop().await?;
    let searched = search(world.ground.folder(), &shown)?;
    ensure!(searched > 10_000, "{searched} bytes");
    let log = std::fs::read(log)?;
    for told in ["TRACE", "hyper", "request{"] {
        ensure!(is_in(&log, told), "the log has nothing of {told}");
    }
    let secrets = world.ground.secrets()?;
    ensure!(!secrets.is_empty(), "a master key or a password at least");
    for secret in secrets {
        ensure!(
            !is_in(&log, &secret),
            "a secret of the operator's is in the log"
        );
    }
    Ok(())
}
