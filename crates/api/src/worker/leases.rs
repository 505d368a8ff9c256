//! Leases: waited for, renewed, begun, given back.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{Instrument, warn};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::CallError;
use windlass_application::error::chain;
use windlass_application::worker::{
    LeaseWish, OpenedCredential, OpenedRun, RunsLeased, WorkerCalls,
};
use windlass_domain::credential::Credential;
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::session::SessionStatus;
use windlass_wire::source::SourceBody;
use windlass_wire::task::TaskBody;
use windlass_wire::worker::activity::{HeardBody, ProgressBody, ProgressEntryBody};
use windlass_wire::worker::credential::{
    LeasedCredentialBody, OpenedAuthCredentialsBody, OpenedCredentialBody,
};
use windlass_wire::worker::finish::RunEndedBody;
use windlass_wire::worker::lease::{
    BegunBody, EpochBody, LeaseBody, LeaseRunsBody, LeasedRunBody, LeasedSessionBody, LeasesBody,
    ReleaseRunBody, RenewalBody,
};

use super::finishes::lines;
use super::said::{MAX_BODY_BYTES, Said, Speaker, of_start, text_of};
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json::request_body;
use crate::path::Path;
use crate::request::json;
use crate::state::Api;

/// How long a worker is kept waiting by a server that is stopping and leases nothing.
const DRAINING_WAIT: Duration = Duration::from_secs(1);

/// The most pools of one call: each is looked into.
const MAX_POOLS: usize = 16;

/// The most sessions, and the most runs, that one call names.
const MAX_NAMED: usize = 10_000;

/// The most lines of progress in one call.
pub(super) const MAX_ENTRIES: usize = 1000;

request_body!(
    LeaseRunsBody,
    "a lease call",
    const MAX_BYTES: usize = MAX_BODY_BYTES;
);
request_body!(EpochBody, "a call about a lease");
request_body!(
    ReleaseRunBody,
    "a release",
    const MAX_BYTES: usize = MAX_BODY_BYTES;
);
request_body!(
    ProgressBody,
    "progress",
    const MAX_BYTES: usize = MAX_BODY_BYTES;
);

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(lease_runs))
        .routes(routes!(renew_lease))
        .routes(routes!(begin_run))
        .routes(routes!(report_progress))
        .routes(routes!(release_run))
}

/// Waits for runs to do, up to `wait` seconds: answers at once when there are some, or when one of
/// the runs that the worker holds should stop. Runs of a session that this worker keeps come to it
/// alone.
#[utoipa::path(post, path = "/v2/worker/leases", tag = "workers",
    request_body = LeaseRunsBody, responses((status = 200, body = LeasesBody)),
    extensions(("x-errors" = json!(["lease_lost"]))))]
async fn lease_runs(
    State(api): State<Api>,
    Said { speaker, body }: Said<LeaseRunsBody>,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&body)?;
    let holder = speaker.holder(&api, &body.worker, body.incarnation).await?;
    let wait = Duration::from_secs(body.wait.unwrap_or_default().into());
    let (capacity, wait) = if api.config.drain.is_draining() {
        // A server that stops leases nothing; another replica has what there is to lease.
        (0, wait.min(DRAINING_WAIT))
    } else {
        (body.capacity.unwrap_or(1), wait)
    };
    let wish = LeaseWish {
        organization: Some(speaker.organization()),
        request_id: speaker.received.request_id,
        holder,
        pools: asked.pools,
        capacity,
        explicit_begin: body.begin.is_some(),
        sessions: asked.sessions,
        held: asked.held,
        heard: body.heard,
        wait,
    };
    let leased = leased(&api, &speaker, wish).await?;
    let ended = leased.ended_sessions.iter().map(ToString::to_string);
    let body = LeasesBody {
        leases: leased.runs.into_iter().filter_map(lease).collect(),
        ended_sessions: asked.no_sessions.into_iter().chain(ended).collect(),
        stopping: leased.stopping.iter().map(ToString::to_string).collect(),
        brought: leased.brought,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// What a lease call asks for, apart from what its body says as it is.
struct Asked {
    pools: Vec<Pool>,
    sessions: Vec<SessionId>,
    /// What is called a session and is none: as good as ended.
    no_sessions: Vec<String>,
    held: Option<Vec<RunId>>,
}

impl Asked {
    fn of(body: &LeaseRunsBody) -> Result<Self, ApiError> {
        let mut findings = Vec::new();
        let pools = match &body.pools {
            Some(names) => pools(names, &mut findings),
            None => vec![Pool::default_pool()],
        };
        let mut sessions = Vec::new();
        let mut no_sessions = Vec::new();
        for text in few("sessions", body.sessions.as_deref(), &mut findings) {
            match SessionId::parse(text) {
                Ok(id) => sessions.push(id),
                Err(_) => no_sessions.push(text.clone()),
            }
        }
        let held = few("held", body.held.as_deref(), &mut findings);
        let held = held.iter().filter_map(|text| RunId::parse(text).ok());
        let asked = Self {
            pools,
            sessions,
            no_sessions,
            held: body.held.as_ref().map(|_| held.collect()),
        };
        if findings.is_empty() {
            Ok(asked)
        } else {
            Err(ApiError::all(findings))
        }
    }
}

fn pools(names: &[String], findings: &mut Vec<Finding>) -> Vec<Pool> {
    let mut invalid = |field: String, message: String| {
        findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
    };
    if !(1..=MAX_POOLS).contains(&names.len()) {
        let message = format!("`pools` must name 1 to {MAX_POOLS}, or be left out.");
        invalid("pools".to_owned(), message);
        return Vec::new();
    }
    let mut pools = Vec::with_capacity(names.len());
    for (number, name) in names.iter().enumerate() {
        match Pool::parse(name) {
            Ok(pool) if pools.contains(&pool) => {}
            Ok(pool) => pools.push(pool),
            Err(error) => {
                let field = format!("pools.{number}");
                let message = format!("`{field}` is no pool: {error}.");
                invalid(field, message);
            }
        }
    }
    pools
}

fn few<'a>(
    field: &'static str,
    given: Option<&'a [String]>,
    findings: &mut Vec<Finding>,
) -> &'a [String] {
    let given = given.unwrap_or_default();
    if given.len() > MAX_NAMED {
        let message = format!("`{field}` must name {MAX_NAMED} at most.");
        findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
        return &[];
    }
    given
}

/// Waits for runs in a task of its own: what is being leased is carried to its end. A worker that goes
/// away, and a server that stops, end the wait; what was leased for nobody is given back, unless it comes
/// again with the worker's next call. That may be under way by now, so that it is this worker's still.
async fn leased(api: &Api, speaker: &Speaker, wish: LeaseWish) -> Result<RunsLeased, ApiError> {
    let holder = wish.holder;
    let stop = speaker.received.waits_until.child_token();
    let waiting = stop.clone().drop_guard();
    let (sender, answer) = oneshot::channel();
    let (calls, speaker) = (Arc::clone(&api.worker_calls), speaker.clone());
    // What has begun by being leased never does.
    let comes_again = wish.heard.is_some() && wish.explicit_begin;
    let leasing = async move {
        let leased = calls.lease_runs.execute(&wish, &stop).await;
        if let Err(Ok(unheard)) = sender.send(leased)
            && !comes_again
        {
            give_back(&calls, &speaker, &unheard).await;
        }
    };
    let writes = api.config.drain.writes();
    writes.spawn(leasing.in_current_span());
    let leased = answer.await.map_err(|_| {
        // The panic hook has written what happened.
        ApiError::plain(ErrorCode::ApiError).because("a lease call broke down")
    })?;
    drop(waiting);
    leased.map_err(|error| of_start(error, holder))
}

async fn give_back(calls: &WorkerCalls, speaker: &Speaker, leased: &RunsLeased) {
    for opened in &leased.runs {
        let run = &opened.leased.run;
        let call = speaker.lease(run.id, run.epoch.0);
        if let Err(error) = calls.release_run.execute(&call).await {
            // Its lease is short, since nobody has renewed it yet.
            warn!(run.id = %run.id, "run {} was leased for nobody and not given back: {}", run.id, chain(&error));
        }
    }
}

/// The lease as its worker gets it; None where the run is leased to nobody, which no store answers.
fn lease(opened: OpenedRun) -> Option<LeaseBody> {
    let (leased, run) = (&opened.leased, &opened.leased.run);
    let lease = run.state.lease()?;
    Some(LeaseBody {
        run: LeasedRunBody {
            id: run.id.to_string(),
            object: "task_run",
            status: run.status().as_str(),
            task_id: run.task_id.to_string(),
            agent_id: run.agent_id.to_string(),
            source_id: run.source_id.as_ref().map(ToString::to_string),
            credential_id: run.credential_id.map(|id| id.to_string()),
            session_id: run.session_id.to_string(),
            created_at: run.created_at.to_string(),
            trace_parent: leased.trace_parent.clone(),
        },
        task: TaskBody::from(&leased.task),
        source: leased.source.as_ref().map(SourceBody::from),
        session: LeasedSessionBody {
            id: run.session_id.to_string(),
            object: "session",
            // A run that is leased has its session at work.
            status: SessionStatus::Running.as_str(),
            resumed: leased.resumed(),
        },
        epoch: lease.epoch.0,
        begun: lease.begun,
        lease_expires_at: lease.expires_at.to_string(),
        playbook: leased.playbook.clone(),
        input: opened.input,
        credential: match opened.credential {
            Some(opened) => Some(credential(opened).into()),
            None => leased.credential.as_ref().map(unopened),
        },
        checkpoint: opened
            .checkpoint
            .map(|checkpoint| text_of(checkpoint.expose_secret())),
    })
}

/// A credential whose secrets come with `begin`.
fn unopened(credential: &Credential) -> LeasedCredentialBody {
    LeasedCredentialBody {
        id: credential.id.to_string(),
        auth_method: credential.auth_method.as_str().to_owned(),
        status: credential.status.as_str().to_owned(),
        auth_credentials: None,
        login: None,
    }
}

fn credential(opened: OpenedCredential) -> OpenedCredentialBody {
    let exposed = |secret: secrecy::SecretString| secret.expose_secret().to_owned();
    OpenedCredentialBody {
        id: opened.id.to_string(),
        auth_method: opened.auth_method.as_str().to_owned(),
        status: opened.status.as_str().to_owned(),
        auth_credentials: OpenedAuthCredentialsBody {
            username: opened.username,
            password: opened.password.map(exposed),
            totp_secret: opened.totp_secret.map(exposed),
            source_fields: opened.source_fields,
        },
        login: opened.login.map(|login| text_of(login.expose_secret())),
    }
}

/// Renews a lease: the worker is alive. No activity; one that is stuck times out all the same.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/renew", tag = "workers",
    params(("run_id" = String, Path)), request_body = EpochBody,
    responses((status = 200, body = RenewalBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn renew_lease(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<EpochBody>,
) -> Result<Response, ApiError> {
    let call = speaker.lease(run_id, body.epoch);
    let renewed = api.worker_calls.renew_lease.execute(&call).await?;
    let body = RenewalBody {
        lease_expires_at: renewed.lease_expires_at.to_string(),
        cancel: renewed.cancel,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Says that the source may be touched from here on, and answers the opened credential. It comes
/// before the first request to the source: a run that was lost before it costs nothing.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/begin", tag = "workers",
    params(("run_id" = String, Path)), request_body = EpochBody,
    responses((status = 200, body = BegunBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn begin_run(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<EpochBody>,
) -> Result<Response, ApiError> {
    let call = speaker.lease(run_id, body.epoch);
    let begun = api.worker_calls.begin_run.execute(&call).await?;
    let body = BegunBody {
        credential: begun.credential.map(credential),
        cancel: begun.cancel,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Says what the agent is doing: an activity, shown in the run's timeline.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/progress", tag = "workers",
    params(("run_id" = String, Path)), request_body = ProgressBody,
    responses((status = 200, body = HeardBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn report_progress(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<ProgressBody>,
) -> Result<Response, ApiError> {
    let call = speaker.lease(run_id, body.epoch);
    let entries = match (body.entries, body.message, body.step) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            let message = "`entries` stands in place of `message` and `step`; give one of them.";
            let finding = Finding::of(ErrorCode::InputInvalid, "entries", message);
            return Err(ApiError::all(vec![finding]));
        }
        (Some(entries), None, None) => entries,
        // An activity without words.
        (None, None, None) => Vec::new(),
        (None, message, step) => vec![ProgressEntryBody { message, step }],
    };
    let lines = lines("entries", entries, Vec::new())?;
    let report = &api.worker_calls.report_progress;
    let heard = report.execute(&call, lines).await?;
    let body = HeardBody {
        cancel: heard.cancel,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Gives a run back: it waits again where that repeats nothing, and fails else.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/release", tag = "workers",
    params(("run_id" = String, Path)), request_body = ReleaseRunBody,
    responses((status = 200, body = RunEndedBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn release_run(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<ReleaseRunBody>,
) -> Result<Response, ApiError> {
    let call = speaker.lease(run_id, body.epoch);
    let release = &api.worker_calls.release_run;
    let status: Result<_, CallError> = if body.asking.unwrap_or(false) {
        release.while_asking(&call, body.attempt).await
    } else {
        release.execute(&call).await
    };
    let body = RunEndedBody {
        run_id: run_id.to_string(),
        status: status?.as_str().to_owned(),
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}
