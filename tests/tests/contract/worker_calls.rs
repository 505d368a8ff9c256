//! Workers' calls answer with the statuses and the members that `worker_calls.json` promises: what a
//! worker in another language is written from.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
use windlass_tests::{Answer, Backend, Client, Server};

const PROMISES: &str = include_str!("worker_calls.json");

const WORKER: &str = "scraper-2";

const BILL: &str = "%PDF-1.7 a bill";

const BILL_SHA256: &str = "68b10dde8acb3712f11be7e85fbcd0dabe649d62c81855b82412a92e72103462";

/// A worker that checks what it is answered.
struct Checking {
    server: Server,
    client: Client,
    /// Of each call a status, and an example of an answer: its members are in every answer, which may
    /// have others beside.
    promises: Vec<Value>,
    made: BTreeSet<String>,
    broken: Vec<String>,
}

impl Checking {
    async fn says(&mut self, call: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let path = format!("/v2/worker{path}");
        let answer = if call.starts_with("GET ") {
            self.client.call(Method::GET, &path, None).await?
        } else {
            let body = Some(body).filter(|body| !body.is_null());
            self.client.call(Method::POST, &path, body).await?
        };
        self.check(call, answer)
    }

    async fn sends(&mut self, call: &str, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}/v2/worker{path}", self.server.url());
        let request = http().post(url).bearer_auth(KEY);
        let mut request = request
            .header("windlass-epoch", 1)
            .header("windlass-file-name", "faktura%20p%C3%A5%20str%C3%B8m.pdf")
            .header("windlass-sha256", BILL_SHA256)
            .header("content-type", "application/pdf");
        if path.ends_with("/screenshots") {
            request = request
                .header("windlass-step", 3)
                .header("windlass-reasoning", "click%20%22Bills%22");
        }
        let request = request.body(BILL);
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.json().await?;
        self.check(call, Answer { status, body })
    }

    fn check(&mut self, call: &str, answer: Answer) -> anyhow::Result<Value> {
        let promise = self.promises.iter().find(|promise| promise["call"] == call);
        let promise = promise.with_context(|| format!("nothing is promised of {call}"))?;
        self.made.insert(call.to_owned());
        let (status, told) = (answer.status.as_u16(), &promise["status"]);
        if *told != status {
            self.broken
                .push(format!("{call}: the status is {status}, not {told}"));
        }
        let mut broken = Vec::new();
        compare(&promise["answer"], &answer.body, "", &mut broken);
        let broken = broken.into_iter().map(|what| format!("{call}: {what}"));
        self.broken.extend(broken);
        Ok(answer.body)
    }
}

/// What of the example is not in the answer. Values are the example's own, but for what says how
/// something is: those of true and false, and of `object`, `status` and `auth_method`.
fn compare(example: &Value, answer: &Value, place: &str, broken: &mut Vec<String>) {
    match (example, answer) {
        (Value::Object(example), Value::Object(answer)) => {
            for (name, example) in example {
                let place = format!("{place}/{name}");
                let Some(answer) = answer.get(name) else {
                    broken.push(format!("no {place}"));
                    continue;
                };
                let is_name = ["object", "status", "auth_method"].contains(&name.as_str());
                if is_name && example != answer {
                    broken.push(format!("{place} is {answer}, not {example}"));
                }
                compare(example, answer, &place, broken);
            }
        }
        (Value::Array(example), Value::Array(answer)) if example.len() == answer.len() => {
            for (number, (example, answer)) in example.iter().zip(answer).enumerate() {
                compare(example, answer, &format!("{place}/{number}"), broken);
            }
        }
        (Value::String(_), Value::String(_)) | (Value::Number(_), Value::Number(_)) => {}
        (example, answer) if example == answer => {}
        _ => broken.push(format!("{place} is {answer}, as in {example}")),
    }
}

/// Starts two runs with a credential, of a task as the example's.
async fn start_runs(client: &Client, promises: &[Value]) -> anyhow::Result<Vec<String>> {
    let lease = promises.iter().find(|it| it["call"] == "POST /leases");
    let lease = &lease.context("no lease is promised")?["answer"]["leases"][0];
    let agent = client.post("/v2/agents", &json!({"name": "Bills"})).await?;
    let source = json!({"type": "website", "website": lease["source"]["website"]});
    let source = client.post("/v2/sources", &source).await?;
    let credential = json!({"source_id": source["id"], "auth_method": "username_password",
        "auth_credentials": lease["credential"]["auth_credentials"]});
    let credential = client.post("/v2/credentials", &credential).await?;
    let task = &lease["task"];
    let task = json!({"name": task["name"], "agent_id": agent["id"], "prompt": task["prompt"],
        "input_schema": task["input_schema"], "output_schema": task["output_schema"],
        "storage": {"enabled": true, "extraction": true}});
    let task = client.post("/v2/tasks", &task).await?;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let start = format!("/v2/tasks/{}/run", text(&task, "id")?);
        let run = json!({"credential_id": credential["id"], "input": lease["input"]});
        let run = client.post(&start, &run).await?;
        runs.push(text(&run, "id")?.to_owned());
    }
    Ok(runs)
}

#[tokio::test]
async fn every_call_answers_with_the_status_and_the_members_of_its_example() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let client = server.client();
    let promises: Vec<Value> = serde_json::from_str(PROMISES)?;
    let runs = start_runs(&client, &promises).await?;
    let mut worker = Checking {
        client: client.clone(),
        server,
        promises,
        made: BTreeSet::new(),
        broken: Vec::new(),
    };

    let start = json!({"worker": WORKER});
    worker.says("POST /workers", "/workers", &start).await?;
    let asks = json!({"worker": WORKER, "incarnation": 1, "pools": ["default"], "capacity": 1,
        "sessions": [], "wait": 30, "begin": "explicit"});
    let leased = worker
        .says("POST /leases, explicit", "/leases", &asks)
        .await?;
    let lease = &leased["leases"][0];
    assert_eq!(lease["run"]["id"], *runs[0], "{lease}");
    ensure!(
        lease["credential"].get("auth_credentials").is_none(),
        "its credential comes before it has begun: {lease}"
    );
    let run = format!("/leases/{}", runs[0]);
    for (call, more) in [
        ("renew", json!({})),
        ("begin", json!({})),
        ("progress", json!({"message": "Signed in", "step": 3})),
    ] {
        let mut body = more;
        body["epoch"] = json!(1);
        let path = format!("{run}/{call}");
        worker
            .says(&format!("POST /leases/{{run_id}}/{call}"), &path, &body)
            .await?;
    }
    for call in ["files", "screenshots"] {
        let told = format!("POST /leases/{{run_id}}/{call}");
        let path = format!("{run}/{call}");
        worker.sends(&told, &path).await?;
        // The same content twice is one, and is answered as it was.
        worker.sends(&told, &path).await?;
    }
    let question = json!({"epoch": 1, "attempt": 1, "type": "mfa",
        "message": "Code from the text message",
        "fields": [{"name": "code", "type": "string", "label": "Code"}]});
    let path = format!("{run}/interaction");
    let asks_person = "POST /leases/{run_id}/interaction";
    let asked = worker.says(asks_person, &path, &question).await?;
    let again = worker.says(asks_person, &path, &question).await?;
    assert_eq!(asked["id"], again["id"], "asked twice");
    let reads = format!("{path}?epoch=1");
    let nothing_yet = "GET /leases/{run_id}/interaction, no answer yet";
    worker.says(nothing_yet, &reads, &Value::Null).await?;
    let answers = format!("/v2/task-runs/{}/interaction", runs[0]);
    client
        .post(&answers, &json!({"input": {"code": "604218"}}))
        .await?;
    let reads = format!("{reads}&wait=30");
    let answered = "GET /leases/{run_id}/interaction";
    worker.says(answered, &reads, &Value::Null).await?;
    let output = json!({"amount": 1249.5, "due": "2026-01-20"});
    let finish = json!({"epoch": 1, "result": "success", "output": output,
        "credential": "verified", "session": "end"});
    let path = format!("{run}/finish");
    worker
        .says("POST /leases/{run_id}/finish", &path, &finish)
        .await?;

    let run = format!("/leases/{}", runs[1]);
    worker
        .says("POST /leases, explicit", "/leases", &asks)
        .await?;
    let path = format!("{run}/release");
    worker
        .says("POST /leases/{run_id}/release", &path, &json!({"epoch": 1}))
        .await?;
    let mut begins = asks.clone();
    begins.as_object_mut().context("no body")?.remove("begin");
    worker.says("POST /leases", "/leases", &begins).await?;
    let path = format!("{run}/renew");
    worker
        .says(
            "POST /leases/{run_id}/renew, lost",
            &path,
            &json!({"epoch": 1}),
        )
        .await?;
    let path = format!("/workers/{WORKER}/drain");
    worker
        .says("POST /workers/{worker}/drain", &path, &Value::Null)
        .await?;
    let finish = json!({"run_id": runs[1], "epoch": 2, "result": "success", "output": output});
    let finishes = json!({"finishes": [finish]});
    worker
        .says("POST /leases/finish", "/leases/finish", &finishes)
        .await?;

    assert_eq!(worker.broken, Vec::<String>::new());
    let unmade = worker.promises.iter().filter_map(|it| it["call"].as_str());
    let unmade: Vec<_> = unmade.filter(|it| !worker.made.contains(*it)).collect();
    assert_eq!(unmade, Vec::<&str>::new(), "made by nobody");
    Ok(())
}
