//! How execution ended: one run, or many at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::worker::activity::ProgressEntryBody;

/// How execution of a run ended.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1, "result": "success", "output": {"amount": 1249.5},
    "credential": "verified", "session": "keep"}))]
pub struct FinishBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// How it ended.
    pub result: FinishResultName,
    /// What came of it, with `success`: at most 1 MiB; `{}` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What went wrong, with `failure`: 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FinishErrorBody>>,
    /// What the source said of the credential; nothing where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialReportName>,
    /// What becomes of the session; `keep` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<AfterRunName>,
    /// What the source knows the person by who is logged in, in base64: at most 256 KiB before that.
    /// Sealed with the credential where the task keeps logins and the source has verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What was done since the last word of it, the oldest first; shown once more where the finish is
    /// said again with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Vec<ProgressEntryBody>>,
}

/// How execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishResultName {
    /// With an output.
    Success,
    /// With errors.
    Failure,
}

/// What a source said of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialReportName {
    /// A login succeeded.
    Verified,
    /// It was refused.
    Invalid,
}

/// What becomes of a session after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterRunName {
    /// The worker keeps it, as long as the task's settings say.
    Keep,
    /// It is over.
    End,
}

/// One thing that went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishErrorBody {
    /// Whose matter it is, such as `source` or `task`.
    #[serde(rename = "type")]
    pub error_type: String,
    /// What it is: one of the codes that a failed run may have, such as `source_not_available`.
    pub code: String,
    /// For people: 1 to 4000 characters.
    pub message: String,
    /// JSON Pointer into the output, where a part of it is to blame: at most 1000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// A run that has ended, or was given back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"run_id": "trun_0324ygTmLd1GBzfqb28m5Y", "status": "completed",
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct RunEndedBody {
    /// The run.
    pub run_id: String,
    /// Its status now, such as `completed` or `queued`.
    pub status: String,
    /// The request that this answers.
    pub request_id: String,
}

/// Many ends at once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"finishes": [
    {"run_id": "trun_0324ygTmLd1GBzfqb28m5Y", "epoch": 1, "result": "success", "output": {"amount": 1249.5}},
    {"run_id": "trun_0324yhJOVTtDJdfLbWUUTX", "epoch": 2, "result": "failure", "errors": [
        {"type": "source", "code": "source_not_available", "message": "The site did not answer."}]}]}))]
pub struct FinishRunsBody {
    /// At most 100, each as by itself. One that is refused, whatever is wrong with it, keeps no other from
    /// being heard: a key twice, a number that is too large, NUL, a lone surrogate. All of them together
    /// must be JSON, of at most 8 MiB.
    pub finishes: Vec<RunFinishBody>,
}

/// How execution of one of several runs ended.
// Not a `FinishBody` with more in it: flattened, it could not say which field is wrong, and with members
// that may be left out neither call could say what it must have.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinishBody {
    /// The run.
    pub run_id: String,
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// How it ended.
    pub result: FinishResultName,
    /// What came of it, with `success`: at most 1 MiB; `{}` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What went wrong, with `failure`: 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FinishErrorBody>>,
    /// What the source said of the credential; nothing where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialReportName>,
    /// What becomes of the session; `keep` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<AfterRunName>,
    /// What the source knows the person by who is logged in, in base64: at most 256 KiB before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What was done since the last word of it, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Vec<ProgressEntryBody>>,
    /// The trace that the run belongs to, as its lease has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
}

impl FinishBody {
    /// The same among others.
    #[must_use]
    pub fn of_run(self, run_id: String) -> RunFinishBody {
        RunFinishBody {
            run_id,
            epoch: self.epoch,
            result: self.result,
            output: self.output,
            errors: self.errors,
            credential: self.credential,
            session: self.session,
            login: self.login,
            progress: self.progress,
            trace_parent: None,
        }
    }
}

impl RunFinishBody {
    /// The same by itself.
    #[must_use]
    pub fn alone(self) -> FinishBody {
        FinishBody {
            epoch: self.epoch,
            result: self.result,
            output: self.output,
            errors: self.errors,
            credential: self.credential,
            session: self.session,
            login: self.login,
            progress: self.progress,
        }
    }
}

/// What became of many ends.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"finishes": [
    {"run_id": "trun_0324ygTmLd1GBzfqb28m5Y", "status": "completed", "errors": []},
    {"run_id": "trun_0324yhJOVTtDJdfLbWUUTX", "status": null, "errors": [
        {"type": "request", "code": "lease_lost", "message": "The lease is another's now, or over."}]}],
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct RunsEndedBody {
    /// An answer for each, in the order of the call.
    pub finishes: Vec<RunHeardBody>,
    /// The request that this answers.
    pub request_id: String,
}

/// What became of one of many ends.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunHeardBody {
    /// The run; null where the call named none, or what it says cannot be read.
    #[schema(required)]
    pub run_id: Option<String>,
    /// Its status now, such as `completed`; null where the finish was refused.
    #[schema(required)]
    pub status: Option<String>,
    /// Why it was refused, as the call for one run would say; empty where it was heard.
    pub errors: Vec<crate::answer::ErrorBody>,
}
