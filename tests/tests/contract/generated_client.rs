//! A client that openapi-python-client, which others wrote, makes from the document does the main job.

use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::http;
use windlass_tests::server::KEY;
use windlass_tests::{Backend, World};

use crate::schemathesis::program;

/// What the caller does with the client.
const CALLER: &str = include_str!("client.py");

/// Nothing that the generator would run over what it has made; and contents of any type are bytes, which
/// it knows by one name.
const GENERATOR: &str = r#"
post_hooks: []
content_type_overrides:
  "*/*": application/octet-stream
  "image/*": application/octet-stream
"#;

#[tokio::test]
async fn a_generated_client_does_the_main_job() -> anyhow::Result<()> {
    let world = World::start(Backend::Sqlite, DemoSite::start().await?).await?;
    let user = world.user(0)?;
    let credential = world.credential(&user, PASSWORD).await?;
    let task = world.task(json!({})).await?;
    let folder = tempfile::tempdir()?;
    let document = http().get(format!("{}/openapi.json", world.server.url()));
    let document = document.send().await?.bytes().await?;
    std::fs::write(folder.path().join("openapi.json"), document)?;
    std::fs::write(folder.path().join("generator.yml"), GENERATOR)?;
    std::fs::write(folder.path().join("client.py"), CALLER)?;

    let generated = Command::new(program("openapi-python-client")?)
        .args(["generate", "--path", "openapi.json", "--meta", "none"])
        .args([
            "--config",
            "generator.yml",
            "--output-path",
            "windlass_client",
        ])
        .arg("--fail-on-warning")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .await
        .context("openapi-python-client is not installed")?;
    let said = String::from_utf8_lossy(&generated.stdout);
    ensure!(generated.status.success(), "{said}");
    let mut caller = Command::new(program("python")?)
        .arg("client.py")
        .current_dir(folder.path())
        .env("WINDLASS_URL", world.server.url())
        .env("WINDLASS_KEY", KEY)
        .env("TASK", task)
        .env("CREDENTIAL", credential)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = caller.stdin.take().context("standard input is piped")?;
    let output = caller.stdout.take().context("standard output is piped")?;
    let mut lines = BufReader::new(output).lines();
    let asked = lines
        .next_line()
        .await?
        .context("the caller asks nothing")?;
    let asked: Value = serde_json::from_str(&asked)?;
    let code = world.site.phone().latest_code(&user.username);
    let code = code.context("the site has sent no code")?;
    input.write_all(format!("{code}\n").as_bytes()).await?;
    let ended = lines
        .next_line()
        .await?
        .context("the caller got no output")?;
    let status = caller.wait().await?;

    ensure!(status.success(), "{status}");
    assert_eq!(asked, json!({"asks": ["code"]}));
    let ended: Value = serde_json::from_str(&ended)?;
    assert_eq!(ended["output"], user.expected_output());
    assert_eq!(ended["files"].as_array().map(Vec::len), Some(1), "{ended}");
    Ok(())
}
