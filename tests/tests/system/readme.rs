//! The README's commands, run as they stand there: only what a reader replaces is replaced.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use windlass_demo_site::{DemoSite, PASSWORD, WebhookReceiver, playbook};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Server};

const README: &str = include_str!("../../../README.md");

/// The block that follows `cargo run -- serve`, as commands: one may go on over indented lines.
fn commands() -> anyhow::Result<(String, Vec<String>)> {
    let block = README
        .split("```sh\n")
        .find(|block| block.starts_with("API="))
        .and_then(|block| block.split("```").next())
        .context("the README has no block that starts with API=")?;
    let mut preamble = String::new();
    let mut commands: Vec<String> = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("call ") {
            commands.push(line.to_owned());
        } else if let Some(command) = commands.last_mut() {
            command.push('\n');
            command.push_str(line);
        } else {
            preamble.push_str(line);
            preamble.push('\n');
        }
    }
    Ok((preamble, commands))
}

/// Runs one command in a shell; what it was answered.
async fn run(folder: &Path, preamble: &str, command: &str) -> anyhow::Result<Value> {
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!("set -eu\n{preamble}\n{command}"))
        .current_dir(folder)
        .env("KEY", KEY)
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "{command}: {output:?}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command}: {output:?}"))
}

/// A playbook whose output is what the README's task promises.
fn latest_bill() -> Value {
    let mut playbook = playbook();
    let steps = playbook["steps"].as_array_mut().into_iter().flatten();
    for step in steps.filter(|step| step["name"] == "windlass.extract") {
        step["parameters"]["fields"] =
            json!({"amount": {"selector": "#amount-due", "as": "number"}});
    }
    playbook
}

#[tokio::test]
async fn the_readmes_commands_lead_to_the_output() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let folder = ground.folder();
    let site = DemoSite::start().await?;
    let receiver = WebhookReceiver::start(None).await?;
    let server = Server::start(&ground).await?;
    std::fs::write(folder.join("playbook.json"), latest_bill().to_string())?;
    let (preamble, commands) = commands()?;
    let preamble = preamble.replace("http://127.0.0.1:8080", &server.url());
    ensure!(commands.len() >= 10, "{commands:?}");

    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = Value::Null;
    for command in commands {
        let mut command = command
            .replace("https://my.nordlys.example/login", &site.url())
            .replace("https://hooks.bolig.example/windlass", &receiver.url())
            .replace(
                "\"password\": \"…\"",
                &format!("\"password\": \"{PASSWORD}\""),
            );
        if command.contains("604218") {
            let code = site.phone().latest_code(windlass_demo_site::FIRST_USERNAME);
            command = command.replace("604218", &code.context("no code was sent")?);
        }
        for (prefix, id) in &ids {
            command = command.replace(&format!("{prefix}…"), id);
        }
        last = run(folder, &preamble, &command).await?;
        ensure!(
            last.get("errors").is_none_or(|errors| errors == &json!([])),
            "{command}: {last}"
        );
        let id = last["id"].as_str().unwrap_or_default();
        for prefix in ["cred_", "trun_"] {
            if id.starts_with(prefix) {
                ids.insert(prefix, id.to_owned());
            }
        }
    }

    assert_eq!(last["status"], "completed", "{last}");
    assert_eq!(last["output"], json!({"amount": 1249.5}));
    assert!(last["storage"][0]["file_name"].is_string(), "{last}");
    Ok(())
}
