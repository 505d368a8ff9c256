//! The commands of `docs/workers.md`, run as they stand there: only what a reader replaces is replaced.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use windlass_tests::client::{http, text};
use windlass_tests::server::command;
use windlass_tests::{Backend, Ground, Server};

const PAGE: &str = include_str!("../../../docs/workers.md");

/// The block that a worker's life is in: how it calls, and the commands, each of which may go on over
/// indented lines.
fn commands() -> anyhow::Result<(String, Vec<String>)> {
    let block = PAGE
        .split("```sh\n")
        .find(|block| block.starts_with("WORKER="))
        .and_then(|block| block.split("```").next())
        .context("the page has no block that starts with WORKER=")?;
    let (mut before, mut commands) = (String::new(), Vec::<String>::new());
    let lines = block.lines();
    for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let is_command = line.starts_with("call $") || line.starts_with("call \"$");
        if is_command || line.starts_with("send $") {
            commands.push(line.to_owned());
        } else if let Some(command) = commands.last_mut() {
            command.push('\n');
            command.push_str(line);
        } else {
            before.push_str(line);
            before.push('\n');
        }
    }
    Ok((before, commands))
}

/// Runs one command in a shell; what it was answered.
async fn run(folder: &Path, key: &str, before: &str, command: &str) -> anyhow::Result<Value> {
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!("set -eu\n{before}\n{command}"))
        .current_dir(folder)
        .env("KEY", key)
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "{command}: {output:?}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command}: {output:?}"))
}

/// A key that makes a worker's calls alone.
async fn key_of_a_worker(ground: &Ground) -> anyhow::Result<String> {
    let output = command()?
        .args(["keys", "create", "--scope", "worker"])
        .env("WINDLASS_DATA_DIR", ground.data_folder())
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn the_pages_commands_are_a_whole_life_of_a_worker() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let folder = ground.folder();
    let server = Server::start(&ground).await?;
    let client = server.client();
    let agent = client.post("/v2/agents", &json!({"name": "Bills"})).await?;
    let website = json!({"url": "https://my.nordlys.example/login"});
    let source = json!({"type": "website", "website": website});
    let source = client.post("/v2/sources", &source).await?;
    let credential = json!({"source_id": source["id"], "auth_method": "username_password",
        "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår"}});
    let credential = client.post("/v2/credentials", &credential).await?;
    let task = json!({"name": "Latest bill", "agent_id": agent["id"],
        "storage": {"enabled": true}});
    let task = client.post("/v2/tasks", &task).await?;
    let start = format!("/v2/tasks/{}/run", text(&task, "id")?);
    for _ in 0..2 {
        let run = json!({"credential_id": credential["id"]});
        client.post(&start, &run).await?;
    }
    std::fs::write(folder.join("step-03.png"), b"\x89PNG")?;
    std::fs::write(folder.join("bill.pdf"), b"%PDF-1.7 a bill")?;
    let key = key_of_a_worker(&ground).await?;
    let (before, commands) = commands()?;
    let before = before.replace("http://127.0.0.1:8080", &server.url());

    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut answers = Vec::new();
    for command in commands {
        // The person answers what was asked.
        if command.contains("wait=30\"") {
            let path = format!("/v2/task-runs/{}/interaction", ids["trun_1…"]);
            client
                .post(&path, &json!({"input": {"code": "604218"}}))
                .await?;
        }
        let command = ids
            .iter()
            .fold(command, |command, (name, id)| command.replace(name, id));
        let answer = run(folder, &key, &before, &command).await?;
        ensure!(answer.get("errors").is_none(), "{command}: {answer}");
        let leases = answer["leases"].as_array().into_iter().flatten();
        for (number, lease) in leases.enumerate() {
            let number = number + 1;
            for (prefix, what) in [("trun", "run"), ("sess", "session")] {
                let id = text(&lease[what], "id")?.to_owned();
                ids.entry(format!("{prefix}_{number}…")).or_insert(id);
            }
        }
        answers.push(answer);
    }

    let all = Value::from(answers.clone()).to_string();
    for part in [
        r#""incarnation":1"#,
        r#""password":"vinter-og-vår""#,
        r#""answer":{"code":"604218"}"#,
        r#""status":"completed""#,
        r#""status":"queued""#,
        r#""evicted":true"#,
    ] {
        ensure!(all.contains(part), "no answer has {part}: {all}");
    }
    let ended = answers.iter().find(|answer| !answer["finishes"].is_null());
    let ended = &ended.context("no call ends many runs")?["finishes"][0];
    assert_eq!(ended["status"], "failed", "{ended}");
    let run_id = &ids["trun_1…"];
    for what in ["storage", "screenshots"] {
        let kept = client
            .list(&format!("/v2/task-runs/{run_id}/{what}"))
            .await?;
        assert_eq!(kept.len(), 1, "{what}");
    }
    let document = http().get(format!("{}/openapi.json", server.url()));
    let document: Value = document.send().await?.json().await?;
    every_call_is_told(&document)
}

/// Fails where the page's table leaves out a call of the document, or has one that is none.
fn every_call_is_told(document: &Value) -> anyhow::Result<()> {
    let paths = document["paths"].as_object().context("no paths")?;
    let mut made = Vec::new();
    for (path, item) in paths {
        let Some(path) = path.strip_prefix("/v2/worker") else {
            continue;
        };
        for method in item.as_object().context("no calls")?.keys() {
            made.push(format!("| `{} {path}` |", method.to_uppercase()));
        }
    }
    for call in &made {
        ensure!(
            PAGE.contains(call.as_str()),
            "docs/workers.md leaves out {call}"
        );
    }
    let told = PAGE
        .lines()
        .filter(|line| line.starts_with("| `POST /") || line.starts_with("| `GET /"));
    ensure!(
        told.count() == made.len(),
        "docs/workers.md has calls that are none"
    );
    Ok(())
}
