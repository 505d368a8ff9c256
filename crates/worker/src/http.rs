//! The protocol over HTTP: what everybody's workers speak with their server. Source: docs/workers.md,
//! "The calls".

mod call;
mod content;
mod finishes;
mod leased;
mod patience;
mod traces;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::error;
use windlass_domain::Timestamp;
use windlass_domain::file::Extraction;
use windlass_domain::id::{RunId, SessionId, StorageId};
use windlass_domain::run::command::{AfterRun, CredentialReport};
use windlass_domain::run::{Field, Status};
use windlass_wire::worker::activity::{
    ContentKeptBody, EPOCH, EXTRACTION_BYTES, FILE_NAME, HEIGHT, HeardBody, METADATA, ProgressBody,
    ProgressEntryBody, REASONING, SHA256, STEP, WIDTH,
};
use windlass_wire::worker::finish::{
    AfterRunName, CredentialReportName, FinishErrorBody, FinishResultName, RunEndedBody,
    RunFinishBody,
};
use windlass_wire::worker::lease::{
    BeginName, BegunBody, EpochBody, LeaseRunsBody, ReleaseRunBody, RenewalBody,
};
use windlass_wire::worker::question::{
    AnswerBody, AskBody, AskFieldBody, AskOptionBody, WithdrawBody,
};
use windlass_wire::worker::start::{
    DrainWorkerBody, EvictSessionBody, RegisterWorkerBody, SessionEvictedBody, WorkerDrainedBody,
    WorkerStartBody,
};

pub use self::call::NoServer;
use self::call::{Server, answered, answered_in, answered_once, segment};
use self::content::{Content, hexadecimal};
use self::finishes::{Finishes, status};
use self::leased::{Leased, NotUnderstood, leased_run, opened};
use self::patience::Patience;
use crate::backoff::Backoff;
use crate::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Protocol, ProtocolError, Question, Registration, Renewal,
};

/// The most runs that one call asks for.
const MAX_CAPACITY: u32 = 1000;

/// How many characters of an agent's words the server shows.
const MAX_SHOWN_CHARACTERS: usize = 1000;

/// The most sessions, and the most runs, that one call names.
const MAX_NAMED: usize = 10_000;

/// The longest wait of a call.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How long a content may be on its way.
const SENDING: Duration = Duration::from_secs(15 * 60);

/// How long nothing of a file may be taken, and how long it may be sent again without getting further:
/// long enough for a server to start anew. Where the lease is lost before, its agent is stopped, and this
/// with it.
const AGAIN: Duration = Duration::from_secs(60);

/// What a header's text may not hold as it is: what is no ASCII, neither.
const HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The protocol over HTTP, with a key of scope `worker` or `full`. It makes each call once: who calls
/// knows which to repeat, and for how long. But for files: their content comes once, and is kept here for
/// as long as it takes to arrive.
pub struct HttpProtocol {
    server: Arc<Server>,
    finishes: Finishes,
    /// How long a file may stand still.
    again: Duration,
}

impl HttpProtocol {
    /// The server at `url`, such as `https://windlass.example.com`.
    ///
    /// # Errors
    /// [`NoServer`] where that is no address, or this machine can make no connections.
    pub fn new(url: &str, key: impl Into<SecretString>) -> Result<Self, NoServer> {
        let server = Arc::new(Server::new(url, key.into())?);
        Ok(Self {
            finishes: Finishes::new(Arc::clone(&server)),
            server,
            again: AGAIN,
        })
    }

    /// A call about a run that says which lease it is.
    fn of(&self, lease: LeaseKey, call: &str) -> RequestBuilder {
        let body = EpochBody {
            epoch: lease.epoch.0,
        };
        let request = self.server.of_run(Method::POST, lease, call);
        request.json(&body)
    }

    /// A call that sends a content.
    fn sends(
        &self,
        lease: LeaseKey,
        call: &str,
        file_name: &str,
        file_type: &str,
    ) -> RequestBuilder {
        let request = self.server.of_run(Method::POST, lease, call);
        let request = Server::waiting(request, SENDING)
            .header(EPOCH, lease.epoch.0)
            .header(FILE_NAME, header(file_name));
        match HeaderValue::from_str(file_type) {
            Ok(file_type) => request.header(CONTENT_TYPE, file_type),
            // The server then says that it is unknown.
            Err(_) => request,
        }
    }
}

#[async_trait]
impl Protocol for HttpProtocol {
    async fn register(
        &self,
        worker: &str,
        start: Option<&str>,
    ) -> Result<Registration, ProtocolError> {
        let body = RegisterWorkerBody {
            worker: worker.to_owned(),
            start: start.map(str::to_owned),
        };
        let request = self.server.request(Method::POST, "workers").json(&body);
        let start: WorkerStartBody = answered(request).await?;
        Ok(Registration {
            incarnation: start.incarnation,
            lost_leases: start.lost_leases,
            lease_length: Duration::from_secs(start.lease_seconds),
        })
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leases, ProtocolError> {
        let wait = request.wait.min(MAX_WAIT);
        let sessions = texts(&request.sessions);
        let body = LeaseRunsBody {
            worker: request.worker,
            incarnation: request.incarnation,
            pools: Some(request.pools.iter().map(ToString::to_string).collect()),
            capacity: Some(request.capacity.min(MAX_CAPACITY)),
            // What is left out is told another time, or heard at the next renewal.
            sessions: Some(sessions).filter(|ids| !ids.is_empty()),
            held: Some(texts(&request.held)),
            heard: Some(request.heard),
            begin: Some(BeginName::Explicit),
            wait: Some(u32::try_from(wait.as_secs()).unwrap_or_default()),
        };
        let call = self.server.request(Method::POST, "leases").json(&body);
        let leased: Leased = answered_in(call, wait).await?;
        let mut runs = Vec::with_capacity(leased.leases.len());
        for lease in leased.leases {
            let run_id = lease["run"]["id"].as_str().unwrap_or_default().to_owned();
            match leased_run(lease) {
                Ok(run) => {
                    if let Some(trace_parent) = &run.trace_parent {
                        self.server.traces.begin(run.lease(), trace_parent);
                    }
                    runs.push(run);
                }
                // Nobody renews it, so that it goes to another worker, maybe a newer one.
                Err(error) => error!(run.id = run_id, "the lease of run {run_id}: {error}"),
            }
        }
        let sessions = leased.ended_sessions.iter();
        let stopping = leased.stopping.iter();
        Ok(Leases {
            runs,
            ended_sessions: sessions
                .filter_map(|id| SessionId::parse(id).ok())
                .collect(),
            stopping: stopping.filter_map(|id| RunId::parse(id).ok()).collect(),
            brought: leased.brought,
        })
    }

    async fn renew(&self, lease: LeaseKey) -> Result<Renewal, ProtocolError> {
        let renewed: RenewalBody = answered(self.of(lease, "renew")).await?;
        let lease_expires_at = Timestamp::parse(&renewed.lease_expires_at);
        Ok(Renewal {
            lease_expires_at: lease_expires_at.map_err(|_| unclear("lease_expires_at"))?,
            cancel: renewed.cancel,
        })
    }

    async fn begin(&self, lease: LeaseKey) -> Result<Begun, ProtocolError> {
        let begun: BegunBody = answered(self.of(lease, "begin")).await?;
        let credential = begun.credential.map(opened).transpose();
        Ok(Begun {
            credential: credential.map_err(|error| misread(&error))?,
            cancel: begun.cancel,
        })
    }

    async fn progress(
        &self,
        lease: LeaseKey,
        progress: Vec<Progress>,
    ) -> Result<Heard, ProtocolError> {
        let body = ProgressBody {
            epoch: lease.epoch.0,
            message: None,
            step: None,
            entries: Some(entries(progress)),
        };
        let request = self.server.of_run(Method::POST, lease, "progress");
        // Lines that come twice are shown twice.
        let heard: HeardBody = answered_once(request.json(&body)).await?;
        Ok(Heard {
            cancel: heard.cancel,
        })
    }

    async fn store_file(&self, lease: LeaseKey, file: CapturedFile) -> Result<Kept, ProtocolError> {
        let data = match &file.extraction {
            Extraction::None => None,
            Extraction::Taken(data) => Some(data.to_string().into_bytes()),
            Extraction::Failed => Some(Value::Null.to_string().into_bytes()),
        };
        let data_length = data.as_ref().map(Vec::len);
        let metadata = file.metadata.map(|it| Value::Object(it).to_string());
        let content = Content::keep(data.unwrap_or_default(), file.content).await;
        let content = content.map_err(|error| not_whole(&error))?;
        let mut stalls = pin!(content.stalls_for(self.again));
        let mut backoff = Backoff::default();
        let mut patience = Patience::new(self.again, Instant::now());
        let kept = loop {
            let mut request = self.sends(lease, "files", &file.file_name, &file.file_type);
            if let Some(metadata) = &metadata {
                request = request.header(METADATA, header(metadata));
            }
            if let Some(length) = data_length {
                request = request.header(EXTRACTION_BYTES, length);
            }
            let request = request.header(SHA256, content.sha256());
            let body = content.body().map_err(|error| not_whole(&error))?;
            patience.try_begins(Instant::now());
            let said = tokio::select! {
                said = answered::<ContentKeptBody>(request.body(body)) => said,
                () = &mut stalls => {
                    let message = format!("no answer came within {} s", self.again.as_secs());
                    return Err(ProtocolError::Unavailable { message });
                }
            };
            match said {
                Err(error @ ProtocolError::Unavailable { .. })
                    if patience.ends(content.furthest(), Instant::now()) =>
                {
                    return Err(error);
                }
                Err(error @ ProtocolError::Unavailable { .. }) => tokio::select! {
                    () = tokio::time::sleep(backoff.next()) => {}
                    () = &mut stalls => return Err(error),
                },
                said => break said?,
            }
        };
        let storage_id = kept.id.as_deref().map(StorageId::parse);
        Ok(Kept {
            storage_id: storage_id.transpose().map_err(|_| unclear("id"))?,
            cancel: kept.cancel,
        })
    }

    async fn store_screenshot(
        &self,
        lease: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        let (name, kind) = (&screenshot.file_name, &screenshot.file_type);
        let mut request = self.sends(lease, "screenshots", name, kind);
        if let Some(reasoning) = &screenshot.reasoning {
            request = request.header(REASONING, header(&cut(reasoning)));
        }
        if let Some(step) = screenshot.step {
            request = request.header(STEP, step);
        }
        if let Some((width, height)) = screenshot.size {
            request = request.header(WIDTH, width).header(HEIGHT, height);
        }
        let sha256 = hexadecimal(&Sha256::digest(&screenshot.content));
        let request = request.header(SHA256, sha256).body(screenshot.content);
        let kept: ContentKeptBody = answered(request).await?;
        Ok(Heard {
            cancel: kept.cancel,
        })
    }

    async fn interact(&self, lease: LeaseKey, question: Question) -> Result<Heard, ProtocolError> {
        let checkpoint = question.checkpoint.as_ref();
        let body = AskBody {
            epoch: lease.epoch.0,
            attempt: question.attempt,
            kind: question.kind,
            message: question.message,
            fields: Some(question.fields.into_iter().map(asked).collect()),
            checkpoint: checkpoint.map(|bytes| STANDARD.encode(bytes.expose_secret())),
        };
        let request = self.server.of_run(Method::POST, lease, "interaction");
        heard(request.json(&body)).await
    }

    async fn withdraw(&self, lease: LeaseKey, attempt: u32) -> Result<Heard, ProtocolError> {
        let body = WithdrawBody {
            epoch: lease.epoch.0,
            attempt: Some(attempt),
        };
        let request = self
            .server
            .of_run(Method::POST, lease, "interaction/withdraw");
        heard(request.json(&body)).await
    }

    async fn answer(&self, lease: LeaseKey, wait: Duration) -> Result<Answer, ProtocolError> {
        let wait = wait.min(MAX_WAIT);
        let (epoch, seconds) = (lease.epoch.0, wait.as_secs());
        let call = format!("interaction?epoch={epoch}&wait={seconds}");
        let request = self.server.of_run(Method::GET, lease, &call);
        let told: AnswerBody = answered(Server::waiting(request, wait)).await?;
        let answers = told.answer.map(|answers| {
            let secret = answers
                .into_iter()
                .map(|(name, answer)| (name, SecretString::from(answer)));
            secret.collect()
        });
        Ok(Answer {
            answers,
            cancel: told.cancel,
        })
    }

    async fn finish(&self, lease: LeaseKey, finish: FinishReport) -> Result<Status, ProtocolError> {
        let mut finish = finished(lease, finish);
        finish.trace_parent = self.server.traces.of(lease);
        self.finishes.say(lease, finish).await
    }

    async fn release(&self, lease: LeaseKey) -> Result<Status, ProtocolError> {
        let released: RunEndedBody = answered(self.of(lease, "release")).await?;
        status(&released.status)
    }

    async fn release_asking(&self, lease: LeaseKey, attempt: u32) -> Result<Status, ProtocolError> {
        let body = ReleaseRunBody {
            epoch: lease.epoch.0,
            asking: Some(true),
            attempt: Some(attempt),
        };
        let request = self.server.of_run(Method::POST, lease, "release");
        let released: RunEndedBody = answered(request.json(&body)).await?;
        status(&released.status)
    }

    async fn evict(
        &self,
        worker: &str,
        incarnation: u32,
        session_id: SessionId,
    ) -> Result<(), ProtocolError> {
        let body = EvictSessionBody {
            worker: worker.to_owned(),
            incarnation,
        };
        let path = format!("sessions/{session_id}/evict");
        let request = self.server.request(Method::POST, &path).json(&body);
        let _evicted: SessionEvictedBody = answered(request).await?;
        Ok(())
    }

    async fn drain(&self, worker: &str, incarnation: u32) -> Result<(), ProtocolError> {
        let body = DrainWorkerBody {
            incarnation: Some(incarnation),
        };
        let path = format!("workers/{}/drain", segment(worker));
        let request = self.server.request(Method::POST, &path).json(&body);
        let _drained: WorkerDrainedBody = answered(request).await?;
        Ok(())
    }

    fn forget(&self, lease: LeaseKey) {
        self.server.traces.end(lease);
    }
}

async fn heard(request: RequestBuilder) -> Result<Heard, ProtocolError> {
    let heard: HeardBody = answered(request).await?;
    Ok(Heard {
        cancel: heard.cancel,
    })
}

fn finished(lease: LeaseKey, finish: FinishReport) -> RunFinishBody {
    let (result, output, errors) = match finish.result {
        Ok(output) => (FinishResultName::Success, Some(output), None),
        Err(errors) => (FinishResultName::Failure, None, Some(errors)),
    };
    let errors = errors.map(|errors| {
        let told = errors.into_iter().map(|error| FinishErrorBody {
            error_type: error.code.error_type().as_str().to_owned(),
            code: error.code.as_str().to_owned(),
            message: error.message,
            field: error.field,
        });
        told.collect()
    });
    let progress = entries(finish.progress);
    RunFinishBody {
        run_id: lease.run_id.to_string(),
        epoch: lease.epoch.0,
        result,
        // To leave it out says the same.
        output: output.filter(|output| !output.is_null()),
        errors,
        credential: finish.credential.map(|report| match report {
            CredentialReport::Verified => CredentialReportName::Verified,
            CredentialReport::Invalid => CredentialReportName::Invalid,
        }),
        session: Some(match finish.session {
            AfterRun::Keep => AfterRunName::Keep,
            AfterRun::End => AfterRunName::End,
        }),
        login: finish.login.map(|login| STANDARD.encode(login.bytes())),
        progress: Some(progress).filter(|progress| !progress.is_empty()),
        trace_parent: None,
    }
}

fn entries(progress: Vec<Progress>) -> Vec<ProgressEntryBody> {
    let entries = progress.into_iter().map(|said| ProgressEntryBody {
        message: said.message,
        step: said.step,
    });
    entries.collect()
}

fn asked(field: Field) -> AskFieldBody {
    let options = field.options.map(|options| {
        let told = options.into_iter().map(|option| AskOptionBody {
            value: option.value,
            label: option.label,
        });
        told.collect()
    });
    AskFieldBody {
        name: field.name,
        kind: field.kind,
        label: field.label,
        options,
        required: Some(field.required),
    }
}

/// As many as one call may name.
fn texts(ids: &[impl ToString]) -> Vec<String> {
    ids.iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect()
}

/// What came from the agent, or what was kept of it, cannot be read: no server is to blame.
fn not_whole(error: &io::Error) -> ProtocolError {
    ProtocolError::Refused {
        message: format!("the file did not arrive whole: {error}"),
    }
}

/// A text as a header holds it.
fn header(text: &str) -> String {
    utf8_percent_encode(text, HEADER).to_string()
}

/// What is shown of a text that an agent wrote, and a letter more where there is more: a head with all of a long
/// one would be too large.
fn cut(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARACTERS + 1).collect()
}

/// Said again it would be the same.
fn misread(error: &NotUnderstood) -> ProtocolError {
    ProtocolError::Refused {
        message: format!("its answer: {error}"),
    }
}

fn unclear(field: &str) -> ProtocolError {
    ProtocolError::Unavailable {
        message: format!("its answer: {field} is not understood"),
    }
}
