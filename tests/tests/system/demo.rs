//! `windlass demo` as a newcomer starts it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;
use windlass_tests::server::command;

/// What the demo may take.
const LIMIT: Duration = Duration::from_secs(30);

fn demo(temporary: &Path) -> Command {
    let mut command = command().expect("the tests are started by cargo xtask test");
    command.arg("demo").env("TMPDIR", temporary);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_demo_does_the_main_job_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let started = Instant::now();

    let output = timeout(LIMIT, demo(temporary.path()).output())
        .await
        .unwrap()
        .unwrap();

    let shown = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{said}");
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
    for part in [
        "interaction_required",
        "completed",
        "\"amount_due\": 1249.5",
        "faktura-2026-10.pdf",
        "signature verified",
        "curl -sS $API/v2/tasks/task_",
        "All is as it should be",
    ] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    assert!(!shown.contains('✗'), "{shown}");
    assert!(
        !shown.contains('\u{1b}'),
        "plain lines where there is no terminal:\n{shown}"
    );
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_interactive_demo_asks_again_where_the_code_was_wrong_and_fails_with_the_run() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = demo(temporary.path())
        .arg("--interactive")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"000000\n000000\n").await.unwrap();

    let output = timeout(LIMIT, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();

    let shown = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{shown}");
    assert!(shown.contains("says that this code is wrong"), "{shown}");
    assert!(
        said.starts_with("error: the run ended as failed: "),
        "{said}"
    );
    assert!(said.contains("auth/auth_required"), "{said}");
}
