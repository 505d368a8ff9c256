//! Ends of runs: one by itself, or many in one call, each with its own answer.

use axum::extract::State;
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::ports::runs::ProgressLine;
use windlass_application::worker::FinishReport;
use windlass_application::{Resource, shortened};
use windlass_domain::id::RunId;
use windlass_domain::run::{
    AfterRun, CredentialReport, ErrorCode as RunErrorCode, RunError, Status,
};
use windlass_wire::worker::activity::ProgressEntryBody;
use windlass_wire::worker::finish::{
    AfterRunName, CredentialReportName, FinishBody, FinishErrorBody, FinishResultName,
    FinishRunsBody, RunEndedBody, RunFinishBody, RunHeardBody, RunsEndedBody,
};

use super::leases::MAX_ENTRIES;
use super::said::{MAX_BODY_BYTES, Said, Speaker, bytes};
use crate::change::{checked, too_large, value_of};
use crate::error::{ApiError, Finding, not_found};
use crate::error_code::ErrorCode;
use crate::json::{NotJson, read_apart, request_body};
use crate::path::Path;
use crate::request::json;
use crate::runs::pointer;
use crate::state::Api;

/// The most ends of one call.
const MAX_FINISHES: usize = 100;

/// How many of them are decided at once: the store puts those into one transaction that it can.
const AT_ONCE: usize = 64;

/// The longest call of many ends: three of the longest by itself, or a hundred of a usual length.
const MAX_TOGETHER_BYTES: usize = 8 * 1024 * 1024;

/// Many ends as they are read: each as the text that it is, which is looked at by itself, so that one which
/// is wrong keeps no other from being heard. The document shows [`FinishRunsBody`].
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Finishes {
    /// At most 100.
    finishes: Vec<String>,
}

request_body!(
    FinishBody,
    "a finish",
    const MAX_BYTES: usize = MAX_BODY_BYTES;,
    /// Inside the output, a place is a JSON Pointer into it.
    fn field(path: &[&str]) -> String {
        place(path)
    }
);
request_body!(
    Finishes,
    "a call of many finishes",
    const MAX_BYTES: usize = MAX_TOGETHER_BYTES;,
    /// Each of them is read by itself.
    fn read(bytes: &[u8]) -> Result<Value, NotJson> {
        read_apart(bytes, "finishes")
    },
    /// What is inside of one of them is told in its own answer.
    fn field(path: &[&str]) -> String {
        path.first().copied().unwrap_or_default().to_owned()
    }
);
request_body!(
    RunFinishBody,
    "a finish",
    /// As in a finish by itself.
    fn field(path: &[&str]) -> String {
        place(path)
    }
);

fn place(path: &[&str]) -> String {
    match path {
        ["output", place @ ..] if !place.is_empty() => pointer(place),
        _ => path.join("."),
    }
}

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(finish_run))
        .routes(routes!(finish_runs))
}

/// Ends the execution of a run. A success is checked against the task's output schema. Said again with
/// the same content it gets the same answer, also when the lease is over.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/finish", tag = "workers",
    params(("run_id" = String, Path)), request_body = FinishBody,
    responses((status = 200, body = RunEndedBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn finish_run(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<FinishBody>,
) -> Result<Response, ApiError> {
    let finish = body.of_run(run_id.to_string());
    let status = finished(&api, &speaker, run_id, finish).await?;
    let body = RunEndedBody {
        run_id: run_id.to_string(),
        status: status.as_str().to_owned(),
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Ends the execution of many runs, each with its own answer. One that is refused keeps no other from
/// being heard.
#[utoipa::path(post, path = "/v2/worker/leases/finish", tag = "workers",
    request_body = FinishRunsBody, responses((status = 200, body = RunsEndedBody)))]
async fn finish_runs(
    State(api): State<Api>,
    Said { speaker, body }: Said<Finishes>,
) -> Result<Response, ApiError> {
    let count = body.finishes.len();
    if !(1..=MAX_FINISHES).contains(&count) {
        let message = format!("`finishes` must be 1 to {MAX_FINISHES}; there are {count}.");
        let finding = Finding::of(ErrorCode::InputInvalid, "finishes", message);
        return Err(ApiError::all(vec![finding]));
    }
    let heard = body
        .finishes
        .into_iter()
        .map(|finish| heard(&api, &speaker, finish));
    let finishes = stream::iter(heard).buffered(AT_ONCE).collect().await;
    let body = RunsEndedBody {
        finishes,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

async fn heard(api: &Api, speaker: &Speaker, finish: String) -> RunHeardBody {
    let mut named = None;
    let ended = async {
        if finish.len() > MAX_BODY_BYTES {
            return Err(too_large(MAX_BODY_BYTES));
        }
        let finish = value_of::<RunFinishBody>(finish.as_bytes(), &speaker.received)?;
        named = finish["run_id"].as_str().map(str::to_owned);
        let finish: RunFinishBody = checked(finish)?;
        let run_id = RunId::parse(&finish.run_id).map_err(|_| not_found(Resource::TaskRun))?;
        // Each belongs to a trace of its own, which one head cannot say.
        let speaker = speaker.within(finish.trace_parent.as_deref())?;
        finished(api, &speaker, run_id, finish).await
    };
    let ended = ended.await;
    let run_id = named;
    match ended {
        Ok(status) => RunHeardBody {
            run_id,
            status: Some(status.as_str().to_owned()),
            errors: Vec::new(),
        },
        Err(error) => {
            error.log();
            RunHeardBody {
                run_id,
                status: None,
                errors: error.errors().to_vec(),
            }
        }
    }
}

async fn finished(
    api: &Api,
    speaker: &Speaker,
    run_id: RunId,
    finish: RunFinishBody,
) -> Result<Status, ApiError> {
    let call = speaker.lease(run_id, finish.epoch);
    let (report, lines) = report(finish)?;
    let finish_run = &api.worker_calls.finish_run;
    Ok(finish_run.with_progress(&call, report, lines).await?)
}

fn report(finish: RunFinishBody) -> Result<(FinishReport, Vec<ProgressLine>), ApiError> {
    let mut findings = Vec::new();
    let mut wrong = |code, field: &str, message: &str| {
        findings.push(Finding::of(code, field, message));
    };
    let result = match (finish.result, finish.output, finish.errors) {
        (FinishResultName::Success, output, None) => {
            Ok(output.unwrap_or_else(|| Value::Object(Map::new())))
        }
        (FinishResultName::Success, _, Some(_)) => {
            let message = "`errors` goes with `failure`; leave it out.";
            wrong(ErrorCode::InputInvalid, "errors", message);
            Err(Vec::new())
        }
        (FinishResultName::Failure, Some(_), _) => {
            let message = "`output` goes with `success`; leave it out.";
            wrong(ErrorCode::InputInvalid, "output", message);
            Err(Vec::new())
        }
        (FinishResultName::Failure, None, None) => {
            let message = "`errors` is missing; a failure must say what went wrong.";
            wrong(ErrorCode::InputMissing, "errors", message);
            Err(Vec::new())
        }
        (FinishResultName::Failure, None, Some(errors)) => Err(run_errors(errors, &mut findings)),
    };
    let login = finish
        .login
        .map(|text| bytes("login", &text, &mut findings).into());
    let report = FinishReport {
        result,
        credential: finish.credential.map(|report| match report {
            CredentialReportName::Verified => CredentialReport::Verified,
            CredentialReportName::Invalid => CredentialReport::Invalid,
        }),
        session: match finish.session {
            Some(AfterRunName::End) => AfterRun::End,
            Some(AfterRunName::Keep) | None => AfterRun::Keep,
        },
        login,
    };
    let lines = lines("progress", finish.progress.unwrap_or_default(), findings)?;
    Ok((report, lines))
}

fn run_errors(errors: Vec<FinishErrorBody>, findings: &mut Vec<Finding>) -> Vec<RunError> {
    let mut read = Vec::with_capacity(errors.len());
    for (number, error) in errors.into_iter().enumerate() {
        match RunErrorCode::parse(&error.error_type, &error.code) {
            Some(code) => read.push(RunError {
                code,
                message: error.message,
                field: error.field,
            }),
            None => {
                let field = format!("errors.{number}.code");
                let message = format!(
                    "`{field}`: a run has no error {}/{}; docs/api.md names those that there are.",
                    shortened(&error.error_type),
                    shortened(&error.code)
                );
                findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
            }
        }
    }
    read
}

/// Lines of a run's timeline, unless something was found to be wrong.
pub(super) fn lines(
    field: &'static str,
    entries: Vec<ProgressEntryBody>,
    mut findings: Vec<Finding>,
) -> Result<Vec<ProgressLine>, ApiError> {
    if entries.len() > MAX_ENTRIES {
        let message = format!("`{field}` must have {MAX_ENTRIES} entries at most.");
        findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
    }
    if !findings.is_empty() {
        return Err(ApiError::all(findings));
    }
    let lines = entries.into_iter().map(|entry| ProgressLine {
        message: entry.message,
        step: entry.step,
    });
    Ok(lines.collect())
}
