//! Who writes, and what is kept of the request, so that a retry has one effect.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use windlass_domain::Timestamp;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::destination::Destination;
use windlass_domain::id::{KeyId, OrganizationId, RequestId};
use windlass_domain::key::Scope;
use windlass_domain::organization::Environment;
use windlass_domain::playbook::Playbook;
use windlass_domain::source::Source;
use windlass_domain::task::Task;
use windlass_domain::token::Token;

use crate::ports::credentials::CredentialView;
use crate::ports::deliveries::DeliveryView;
use crate::ports::runs::RunView;
use crate::ports::sessions::SessionView;
use crate::random::random;

/// The organization that a statement may touch. Only authentication makes one for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationContext(OrganizationId);

impl OrganizationContext {
    /// For the server's own work on one organization: what a worker leased, what a clock ended,
    /// what an operator does at the command line. Never from anything that a caller sent.
    pub fn of_server(organization_id: OrganizationId) -> Self {
        Self(organization_id)
    }

    /// Which.
    pub fn organization_id(self) -> OrganizationId {
        self.0
    }
}

/// Who makes a request, once its key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Its organization.
    pub organization: OrganizationContext,
    /// Live or test.
    pub environment: Environment,
    /// The key that it showed.
    pub key_id: KeyId,
    /// What it may do.
    pub scope: Scope,
}

/// Who changes something, for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A caller, by its key.
    Key(KeyId),
    /// A worker, whose lease says which.
    Worker,
    /// The server itself: a clock, a start.
    Server,
}

/// An operator, who changes what no caller may: by a command, or by a server's first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Of this one act, as a request has one.
    pub request_id: RequestId,
    /// The name of the machine that it was done on, where that is known.
    pub host: Option<String>,
}

impl Operator {
    /// One act of an operator, now.
    pub fn now(at: Timestamp, host: Option<String>) -> Self {
        Self {
            request_id: RequestId::new(at, random()),
            host,
        }
    }
}

/// What every writing method of a port takes beside its own arguments.
#[derive(Clone)]
pub struct Write {
    /// Whose rows it may touch.
    pub organization: OrganizationContext,
    /// Who.
    pub actor: Actor,
    /// By which request.
    pub request_id: RequestId,
    /// Where the request came from, where it came over a network.
    pub address: Option<IpAddr>,
    /// W3C trace context, carried through queue and outbox.
    pub trace_parent: Option<String>,
    /// The caller's key for "do this once".
    pub idempotency: Option<IdempotencyRequest>,
}

/// A caller's key for "do this once", and how its answer is kept.
#[derive(Clone)]
pub struct IdempotencyRequest {
    /// 1 to 256 printable ASCII characters.
    pub key: String,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
    /// Makes the sealed answer to keep; called inside the transaction.
    pub render: Arc<dyn Fn(Outcome<'_>) -> KeptAnswer + Send + Sync>,
}

impl fmt::Debug for IdempotencyRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("IdempotencyRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What a write made, for the answer that is kept of it.
#[derive(Clone, Copy)]
pub enum Outcome<'a> {
    /// An agent.
    Agent(&'a AgentWithTasks),
    /// A source.
    Source(&'a Source),
    /// A credential.
    Credential(&'a CredentialView),
    /// A task.
    Task(&'a Task),
    /// A playbook.
    Playbook(&'a Playbook),
    /// A run.
    Run(&'a RunView),
    /// A session.
    Session(&'a SessionView),
    /// A destination.
    Destination(&'a Destination),
    /// A delivery.
    Delivery(&'a DeliveryView),
    /// How many events are sent once more.
    Replayed(&'a u32),
    /// A token.
    Token(&'a Token),
    /// A deletion, which needs no more than the request's path.
    Deleted,
}

/// The first answer to an idempotency key, as the API made and sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, sealed.
    pub body: windlass_domain::sealed::Sealed,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written<T> {
    /// It was done now.
    Done(T),
    /// It was done before, by a request with the same idempotency key.
    Replayed(KeptAnswer),
}
