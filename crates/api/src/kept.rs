//! Answers to writes, and how they are kept for a retry: the very bytes that went out, sealed,
//! since an answer may show a secret once.

use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use windlass_application::contents::{IDEMPOTENCY_ANSWER, answer_row};
use windlass_application::ports::credentials::CredentialView;
use windlass_application::ports::deliveries::DeliveryView;
use windlass_application::ports::runs::RunView;
use windlass_application::ports::sessions::SessionView;
use windlass_application::ports::vault::Place;
use windlass_application::ports::{Clock, OrganizationVault};
use windlass_application::{IdempotencyRequest, KeptAnswer, Outcome, Written};
use windlass_domain::Timestamp;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::destination::Destination;
use windlass_domain::id::RequestId;
use windlass_domain::playbook::Playbook;
use windlass_domain::source::Source;
use windlass_domain::task::Task;
use windlass_domain::token::Token;
use windlass_wire::agent::AgentBody;
use windlass_wire::answer::{Answer, DeletedBody};
use windlass_wire::credential::CredentialBody;
use windlass_wire::delivery::DeliveryBody;
use windlass_wire::destination::{DestinationBody, ReplayedBody};
use windlass_wire::playbook::{DeletedPlaybookBody, PlaybookBody};
use windlass_wire::run::RunBody;
use windlass_wire::session::SessionBody;
use windlass_wire::source::SourceBody;
use windlass_wire::task::TaskBody;
use windlass_wire::token::TokenBody;

use crate::error::ApiError;
use crate::error_code::ErrorCode;
use crate::request::{json_bytes, json_of};

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that a caller wants done once.
#[derive(Debug, Clone)]
pub(crate) struct KeyedRequest {
    pub(crate) key: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body_hash: [u8; 32],
}

/// What a write answers beside what it made.
#[derive(Clone)]
pub(crate) enum Shape {
    /// What it made, with this status.
    Made(StatusCode),
    /// A token, which is shown once.
    MadeToken(SecretString),
    /// A destination, with the secret that is shown once, and this status.
    MadeWithSecret(StatusCode, SecretString),
    /// That something is gone.
    Deleted {
        /// Its id.
        id: String,
        /// What it was.
        object: &'static str,
    },
    /// That a playbook is gone.
    DeletedPlaybook {
        /// The task that it did.
        task_id: String,
        /// The source that it led through.
        source_id: String,
    },
}

impl Shape {
    fn status(&self) -> StatusCode {
        match self {
            Self::Made(status) | Self::MadeWithSecret(status, _) => *status,
            Self::MadeToken(_) => StatusCode::CREATED,
            Self::Deleted { .. } | Self::DeletedPlaybook { .. } => StatusCode::OK,
        }
    }
}

/// Makes the answer to one write: when it is done, or, for a retry, inside its transaction.
#[derive(Clone)]
pub(crate) struct Answering {
    shape: Shape,
    request_id: RequestId,
    clock: Arc<dyn Clock>,
    vault: Arc<dyn OrganizationVault>,
    keyed: Option<KeyedRequest>,
    /// What was kept: the first answer and every later one have the same bytes.
    kept: Arc<Mutex<Option<Vec<u8>>>>,
}

/// What a write can make.
pub(crate) trait Made {
    /// As the application names it.
    fn outcome(&self) -> Outcome<'_>;
}

macro_rules! made {
    ($($type:ty => $outcome:ident),+ $(,)?) => {
        $(impl Made for $type {
            fn outcome(&self) -> Outcome<'_> {
                Outcome::$outcome(self)
            }
        })+
    };
}

made!(
    AgentWithTasks => Agent,
    Source => Source,
    CredentialView => Credential,
    Task => Task,
    Playbook => Playbook,
    RunView => Run,
    SessionView => Session,
    Destination => Destination,
    DeliveryView => Delivery,
    u32 => Replayed,
    Token => Token,
);

impl Made for () {
    fn outcome(&self) -> Outcome<'_> {
        Outcome::Deleted
    }
}

impl Answering {
    pub(crate) fn new(
        shape: Shape,
        request_id: RequestId,
        clock: Arc<dyn Clock>,
        vault: Arc<dyn OrganizationVault>,
        keyed: Option<KeyedRequest>,
    ) -> Self {
        Self {
            shape,
            request_id,
            clock,
            vault,
            keyed,
            kept: Arc::default(),
        }
    }

    /// What the store keeps of the request, where its caller wants it done once.
    pub(crate) fn request(&self) -> Option<IdempotencyRequest> {
        let KeyedRequest {
            key,
            method,
            path,
            body_hash,
        } = self.keyed.clone()?;
        let answering = self.clone();
        Some(IdempotencyRequest {
            key,
            method,
            path,
            body_hash,
            render: Arc::new(move |outcome| answering.keep(outcome)),
        })
    }

    /// Answers a write.
    pub(crate) fn answer<T: Made>(&self, written: &Written<T>) -> Result<Response, ApiError> {
        match written {
            Written::Done(made) => {
                let bytes = self
                    .lock()
                    .take()
                    .unwrap_or_else(|| self.bytes(made.outcome()));
                Ok(json_of(self.shape.status(), bytes))
            }
            Written::Replayed(kept) => self.replay(kept),
        }
    }

    /// The answer that was given before.
    pub(crate) fn replay(&self, kept: &KeptAnswer) -> Result<Response, ApiError> {
        let bytes = self.opened(kept)?;
        let status = StatusCode::from_u16(kept.status)
            .map_err(|error| ApiError::plain(ErrorCode::ApiError).because(error))?;
        Ok(replayed(json_of(status, bytes)))
    }

    /// The body that was given before.
    pub(crate) fn opened(&self, kept: &KeptAnswer) -> Result<Vec<u8>, ApiError> {
        let row = self.row();
        let opened = self.vault.open(
            Place {
                name: IDEMPOTENCY_ANSWER,
                row: &row,
            },
            &kept.body,
        )?;
        Ok(opened.expose_secret().to_vec())
    }

    /// The request that is answered.
    pub(crate) fn request_id(&self) -> RequestId {
        self.request_id
    }

    fn keep(&self, outcome: Outcome<'_>) -> KeptAnswer {
        let bytes = self.bytes(outcome);
        let row = self.row();
        let body = self.vault.seal(
            Place {
                name: IDEMPOTENCY_ANSWER,
                row: &row,
            },
            &bytes,
        );
        *self.lock() = Some(bytes);
        KeptAnswer {
            status: self.shape.status().as_u16(),
            body,
        }
    }

    /// A kept answer opens for its own request alone.
    fn row(&self) -> String {
        self.keyed.as_ref().map_or_else(String::new, |keyed| {
            answer_row(&keyed.method, &keyed.path, &keyed.key)
        })
    }

    fn bytes(&self, outcome: Outcome<'_>) -> Vec<u8> {
        let request_id = self.request_id.to_string();
        match outcome {
            Outcome::Agent(agent) => answered(AgentBody::from(agent), request_id),
            Outcome::Source(source) => answered(SourceBody::from(source), request_id),
            Outcome::Credential(view) => answered(credential(view), request_id),
            Outcome::Task(task) => answered(TaskBody::from(task), request_id),
            Outcome::Playbook(playbook) => answered(PlaybookBody::from(playbook), request_id),
            Outcome::Run(view) => answered(run(view, self.clock.now()), request_id),
            Outcome::Session(view) => answered(session(view, self.clock.now()), request_id),
            Outcome::Destination(destination) => {
                answered(self.destination(destination), request_id)
            }
            Outcome::Delivery(view) => answered(delivery(view), request_id),
            Outcome::Replayed(sent) => json_bytes(&ReplayedBody {
                object: "replay",
                deliveries: *sent,
                request_id,
            }),
            Outcome::Token(token) => answered(self.token(token), request_id),
            Outcome::Deleted => self.deleted(request_id),
        }
    }

    fn destination(&self, destination: &Destination) -> DestinationBody {
        let secret = match &self.shape {
            Shape::MadeWithSecret(_, secret) => Some(secret.expose_secret().to_owned()),
            Shape::Made(_)
            | Shape::MadeToken(_)
            | Shape::Deleted { .. }
            | Shape::DeletedPlaybook { .. } => None,
        };
        DestinationBody::new(destination, secret)
    }

    fn token(&self, token: &Token) -> TokenBody {
        match &self.shape {
            Shape::MadeToken(shown) => TokenBody::new(token, shown.expose_secret().to_owned()),
            Shape::Made(_)
            | Shape::MadeWithSecret(..)
            | Shape::Deleted { .. }
            | Shape::DeletedPlaybook { .. } => {
                unreachable!("the handler that makes a token shows it")
            }
        }
    }

    fn deleted(&self, request_id: String) -> Vec<u8> {
        match &self.shape {
            Shape::DeletedPlaybook { task_id, source_id } => json_bytes(&DeletedPlaybookBody {
                object: "playbook",
                task_id: task_id.clone(),
                source_id: source_id.clone(),
                deleted: true,
                request_id,
            }),
            Shape::Deleted { id, object } => json_bytes(&DeletedBody {
                id: id.clone(),
                object,
                deleted: true,
                request_id,
            }),
            Shape::Made(_) | Shape::MadeToken(_) | Shape::MadeWithSecret(..) => {
                unreachable!("a handler that deletes says what it deletes")
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        // Each change replaces the whole, which a panic cannot leave half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that an answer was given before.
pub(crate) fn replayed(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn answered(body: impl Answer, request_id: String) -> Vec<u8> {
    json_bytes(&body.answering(request_id))
}

/// A credential as its caller sees it.
pub(crate) fn credential(view: &CredentialView) -> CredentialBody {
    CredentialBody::new(
        &view.credential,
        view.username.clone(),
        view.source_fields.clone(),
    )
}

/// A delivery as its caller sees it.
pub(crate) fn delivery(view: &DeliveryView) -> DeliveryBody {
    DeliveryBody::new(&view.delivery, &view.attempt_log)
}

/// A run as its caller sees it at this moment.
pub(crate) fn run(view: &RunView, now: Timestamp) -> RunBody {
    RunBody::new(&view.run, &view.metadata, view.output.as_ref(), now)
}

/// A session as its caller sees it at this moment.
pub(crate) fn session(view: &SessionView, now: Timestamp) -> SessionBody {
    SessionBody::new(&view.session, &view.runs, now)
}
