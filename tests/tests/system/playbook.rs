//! `windlass playbook`, where there is no server.

use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use windlass_tests::server::command;

async fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = command().expect("the tests are started by cargo xtask test");
    command.arg("playbook").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).await.expect("it reads");
    drop(stdin);
    child.wait_with_output().await.expect("it ends")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_playbook_is_checked_where_there_is_no_server() {
    let output = run(&["check", "-"], &windlass_demo_site::playbook().to_string()).await;

    let said = text(output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("can be done by the http tier"), "{said}");
}

#[tokio::test]
async fn a_playbook_with_problems_fails_and_names_them_all() {
    let playbook = r#"{"title": "Bills", "steps": [
        {"type": "navigate", "url": "file:///etc/passwd"},
        {"type": "click", "selectors": [["aria/Log in"], ["a[["]]},
        {"type": "dance"}]}"#;

    let output = run(&["check", "-"], playbook).await;

    let said = text(output.stderr);
    assert!(!output.status.success());
    for part in [
        "-: step 1 (navigate), /steps/0/url: must lead to a website",
        "-: step 2 (click), /steps/1/selectors/1/0: is no CSS selector",
        "-: step 3 (dance), /steps/2/type: \"dance\" is no step",
        "error: - is no playbook: 3 problems found",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[tokio::test]
async fn the_schema_is_printed() {
    let output = run(&["schema"], "").await;

    let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "A playbook of Windlass");
}
