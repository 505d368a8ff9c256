//! What a worker's finish becomes.

use serde_json::json;
use windlass_domain::run::{ErrorCode, RunCommand, RunState};

use super::*;
use crate::fixture::{OpenVault, task, view};
use crate::ports::runs::MockRuns;
use crate::ports::tasks::MockTasks;
use crate::worker::fixture::{commanded, held_runs, lease_call, running};

fn success(output: Value) -> FinishReport {
    FinishReport {
        result: Ok(output),
        credential: Some(CredentialReport::Verified),
        session: AfterRun::Keep,
        login: None,
    }
}

/// Finishes a run of a task with this output schema; answers what the store was asked.
async fn finish(schema: Option<Value>, report: FinishReport) -> FinishOutcome {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (mut runs, mut tasks) = (MockRuns::new(), MockTasks::new());
    runs.expect_get()
        .returning(|_, _| Ok(Some(view(running()))));
    tasks
        .expect_get_version()
        .withf(|_, id, version| *id == task().id && *version == 3)
        .returning(move |_, _, _| {
            let mut task = task();
            task.output_schema.clone_from(&schema);
            Ok(Some(task))
        });
    runs.expect_command()
        .once()
        .returning(move |_, _, command, _| {
            if let RunCommand::Worker {
                command: WorkerCommand::Finish(finish),
                ..
            } = command
            {
                sender.send(finish).unwrap();
            }
            Ok(commanded(RunState::Completed))
        });
    let finish_run = FinishRun {
        held: held_runs(runs),
        tasks: Arc::new(tasks),
        schemas: Arc::default(),
        vault: Arc::new(OpenVault),
    };

    let expected = digest(&report);
    let status = finish_run.execute(&lease_call(), report).await.unwrap();

    assert_eq!(status, Status::Completed, "as the store says");
    let finish = receiver.try_recv().unwrap();
    assert_eq!(finish.digest, expected);
    finish.outcome
}

#[tokio::test]
async fn a_login_that_is_too_long_is_refused() {
    let finish_run = FinishRun {
        held: held_runs(MockRuns::new()),
        tasks: Arc::new(MockTasks::new()),
        schemas: Arc::default(),
        vault: Arc::new(OpenVault),
    };
    let report = FinishReport {
        login: Some(vec![0; MAX_LOGIN_BYTES + 1].into()),
        ..success(json!({}))
    };

    let refused = finish_run.execute(&lease_call(), report).await.unwrap_err();

    let told = crate::fixture::told(&refused);
    assert_eq!(told, [(ProblemKind::Invalid, "login".to_owned())]);
}

#[tokio::test]
async fn an_output_that_matches_is_a_success() {
    let schema = json!({"type": "object", "required": ["total"]});

    let outcome = finish(Some(schema), success(json!({"total": 12}))).await;

    let output = json!({"total": 12});
    assert_eq!(outcome, FinishOutcome::Success { output });
}

#[tokio::test]
async fn an_output_that_breaks_the_schema_says_where() {
    let schema = json!({"properties": {"total": {"type": "number"}}, "required": ["date"]});

    let outcome = finish(Some(schema), success(json!({"total": "12"}))).await;

    let FinishOutcome::OutputInvalid { errors } = outcome else {
        panic!("{outcome:?}");
    };
    let mut fields: Vec<_> = errors.iter().filter_map(|it| it.field.as_deref()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["/date", "/total"]);
    assert!(errors.iter().all(|it| it.code == ErrorCode::OutputInvalid));
}

#[tokio::test]
async fn an_output_with_fifty_faults_tells_ten() {
    let names: Vec<String> = (0..50).map(|number| format!("field{number}")).collect();
    let schema = json!({"required": names});

    let outcome = finish(Some(schema), success(json!({}))).await;

    assert!(
        matches!(&outcome, FinishOutcome::OutputInvalid { errors } if errors.len() == 10),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_success_without_output_has_an_empty_one_that_is_checked_like_any_other() {
    let output = json!({});
    assert_eq!(
        finish(None, success(Value::Null)).await,
        FinishOutcome::Success { output }
    );

    let schema = json!({"required": ["total"]});
    let outcome = finish(Some(schema), success(Value::Null)).await;
    assert!(matches!(outcome, FinishOutcome::OutputInvalid { .. }));
}

#[tokio::test]
async fn a_failure_keeps_its_errors() {
    let at = |field: &str| RunError {
        field: Some(field.to_owned()),
        ..RunError::new(ErrorCode::OutputInvalid, "It is no number.")
    };
    let errors = vec![
        RunError::new(ErrorCode::AuthInvalid, "Wrong password."),
        at(""),
        at("/amounts/0/a~1b~0"),
        at(&format!("/{}", "ä".repeat(999))),
    ];
    let report = FinishReport {
        result: Err(errors.clone()),
        ..success(Value::Null)
    };

    assert_eq!(
        finish(None, report).await,
        FinishOutcome::Failure { errors }
    );
}

#[tokio::test]
async fn what_is_out_of_shape_is_refused_before_anything_is_done() {
    let blank = RunError::new(ErrorCode::TaskFailed, " ");
    let at = |field: &str| {
        let mut error = RunError::new(ErrorCode::OutputInvalid, "It is no number.");
        error.field = Some(field.to_owned());
        Err(vec![error])
    };
    let shapes = [
        (Err(vec![]), "errors"),
        (Err(vec![blank]), "errors.0.message"),
        (at("amount"), "errors.0.field"),
        (at("/a~2"), "errors.0.field"),
        (at("/a~"), "errors.0.field"),
        (at(&format!("/{}", "x".repeat(1000))), "errors.0.field"),
        (Ok(json!("x".repeat(MAX_OUTPUT_BYTES))), "output"),
    ];
    for (result, field) in shapes {
        let finish_run = FinishRun {
            held: held_runs(MockRuns::new()),
            tasks: Arc::new(MockTasks::new()),
            schemas: Arc::default(),
            vault: Arc::new(OpenVault),
        };
        let report = FinishReport {
            result,
            ..success(Value::Null)
        };

        let refused = finish_run.execute(&lease_call(), report).await.unwrap_err();

        let told = crate::fixture::told(&refused);
        assert_eq!(told, [(ProblemKind::Invalid, field.to_owned())]);
    }
}
