//! Playbooks and Chrome's own tools: what stands here is read by the Recorder's replayer, and what
//! the replayer reads is a playbook.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be set up has failed"
)]

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use windlass_test_servers::NODE_PACKAGES;
use windlass_tests::server::command;

/// Everything that a recording may have.
const CHROME: &str = include_str!("chrome.json");

/// What Chrome exports of a login with a code, a file and a next page, on the demonstration's website.
const EXPORTED: &str = include_str!("exported.json");

const GUIDE: &str = include_str!("../../../docs/guides/write-a-playbook.md");

/// The playbooks of this repository, by name.
fn examples() -> Vec<(String, Value)> {
    let read = |text: &str| serde_json::from_str(text).unwrap();
    let mut examples = vec![
        ("chrome".to_owned(), read(CHROME)),
        ("exported".to_owned(), read(EXPORTED)),
        ("demo".to_owned(), windlass_demo_site::playbook()),
    ];
    let in_guide = GUIDE.split("```json\n").skip(1).map(|text| {
        let (text, _) = text.split_once("```").unwrap();
        read(text)
    });
    let in_guide = in_guide.filter(|block: &Value| block.get("steps").is_some());
    examples.extend(
        in_guide
            .enumerate()
            .map(|(place, flow)| (format!("guide {place}"), flow)),
    );
    let sites = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sites");
    for entry in std::fs::read_dir(sites).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            examples.push((path.display().to_string(), read(&text)));
        }
    }
    assert!(examples.len() > 3, "the websites have playbooks: {sites}");
    examples
}

/// What the replayer makes of each: the flow as it is read, and the types of the steps it goes through.
async fn replayed(flows: &[(String, Value)]) -> Vec<Value> {
    let packages =
        std::env::var_os(NODE_PACKAGES).expect("the tests are started by cargo xtask test");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorder/node/replay.cjs"
    );
    let mut node = Command::new("node");
    node.arg(script).env("NODE_PATH", packages);
    let flows = flows
        .iter()
        .map(|(name, flow)| json!({"name": name, "flow": flow}));
    let input = Value::from_iter(flows).to_string();
    let (success, output, errors) = run(node, &input).await;
    assert!(success, "{errors}");
    serde_json::from_str(&output).unwrap()
}

/// Whether it succeeds, what it prints, and its errors.
async fn run(mut command: Command, input: &str) -> (bool, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn every_example_is_read_by_the_replayer_and_back() {
    let examples = examples();

    let replayed = replayed(&examples).await;

    assert_eq!(replayed.len(), examples.len());
    for ((name, example), replayed) in examples.iter().zip(&replayed) {
        let types: Value = example["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["type"].clone())
            .collect();
        assert_eq!(replayed["walked"], types, "{name}");
        let mut check = command().unwrap();
        check.args(["playbook", "check", "-"]);
        let (success, _, errors) = run(check, &replayed["flow"].to_string()).await;
        assert!(success, "{name}: {errors}");
    }
}

#[tokio::test]
async fn a_recording_says_what_needs_a_browser_and_what_is_left_out() {
    let mut check = command().unwrap();
    check.args(["playbook", "check", "-"]);

    let (_, said, _) = run(check, CHROME).await;

    for part in [
        "19 steps; it needs the browser tier",
        "note: step 1 (setViewport), /steps/0: is left out",
        "note: step 13 (doubleClick), /steps/12: needs a browser",
        "note: step 16 (waitForElement), /steps/15: needs a browser: it asks for properties",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
