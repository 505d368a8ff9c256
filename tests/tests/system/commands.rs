//! The commands of an operator, beside a running server and without one.

use std::process::{Output, Stdio};

use serde_json::Value;
use windlass_tests::Ground;
use windlass_tests::server::command;

/// What a command of an operator on this ground gives.
pub(crate) async fn run(arguments: &[&str], ground: &Ground) -> Output {
    let mut command = command().expect("the tests are started by cargo xtask test");
    command
        .args(arguments)
        .env("WINDLASS_DATA_DIR", ground.data_folder())
        .envs(ground.variables().iter().cloned());
    command
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the binary can be started")
}

/// What a command that succeeds prints.
pub(crate) async fn printed(arguments: &[&str], ground: &Ground) -> String {
    let output = run(arguments, ground).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a command that succeeds prints, as JSON.
pub(crate) async fn printed_json(arguments: &[&str], ground: &Ground) -> Value {
    serde_json::from_str(&printed(arguments, ground).await).expect("JSON")
}

/// What a command that fails says.
pub(crate) async fn refusal(arguments: &[&str], ground: &Ground) -> String {
    let output = run(arguments, ground).await;
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}
