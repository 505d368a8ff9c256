//! What may be asked of a run. Source: docs/lifecycle.md, "Run transitions".

use std::time::Duration;

use serde_json::Value;

use super::error::RunError;
use super::interaction::Field;
use super::{Epoch, Holder};
use crate::id::{InteractionId, Random};
use crate::sealed::Sealed;

/// What may be asked of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunCommand {
    /// A worker takes it.
    Lease {
        /// Who.
        holder: Holder,
        /// Whether the worker will say when it begins; else it has begun at once.
        explicit_begin: bool,
        /// How long the lease lives until its first renewal.
        length: Duration,
    },
    /// Its caller stops it.
    Cancel {
        /// How long its agent has to stop.
        grace: Duration,
    },
    /// A person answers.
    Answer {
        /// The question that is answered. What was checked against one is no answer to another.
        interaction_id: InteractionId,
        /// The answers, sealed. Already checked against that question's fields.
        answers: Sealed,
    },
    /// A person refuses to answer.
    Decline,
    /// A person accepts the output, or a corrected one that was checked already.
    Approve {
        /// The corrected output.
        output: Option<Value>,
    },
    /// A person rejects the output.
    Reject {
        /// Why.
        reason: Option<String>,
    },
    /// Its worker says something, under its epoch.
    Worker {
        /// The lease that it speaks for.
        epoch: Epoch,
        /// What it says.
        command: WorkerCommand,
    },
    /// A clock has run out.
    TimedOut(Clock),
    /// The worker that holds it is gone, before its lease was over: `lease_lost`.
    WorkerGone {
        /// Who is gone; a run that another holds by now is left alone.
        holder: Holder,
    },
    /// Its session was ended by `end`. Sent by the session's decision alone.
    SessionEnded {
        /// How long its agent has to stop.
        grace: Duration,
    },
    /// Its session is gone. Sent by the session's decision alone.
    SessionFailed,
}

/// What the worker that holds a run may say.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerCommand {
    /// It is alive. No activity, no status.
    Renew {
        /// How long the lease lives from now.
        length: Duration,
    },
    /// From here on the source may have been touched.
    Begin,
    /// Progress, a screenshot or a file: an activity.
    Touch,
    /// The source asks the user for something.
    Interact {
        /// Numbers the interactions of this lease, from 1.
        attempt: u32,
        /// `mfa`, `security_question`, `account_selection`, …: an open set.
        kind: String,
        /// What the user is told.
        message: String,
        /// What the user is asked for.
        fields: Vec<Field>,
        /// Where another worker may go on.
        checkpoint: Option<Sealed>,
        /// For the interaction's id.
        random: Random,
    },
    /// The source went on by itself.
    Withdraw {
        /// Which question is taken back: one that comes late is none of the next. None is the present one.
        attempt: Option<u32>,
    },
    /// Execution is over.
    Finish(Finish),
    /// It gives the run back.
    Release,
    /// It gives the run back for as long as that waits for a person and left a checkpoint: what was
    /// answered meanwhile goes on.
    ReleaseAsking {
        /// Which question waits: one that comes late gives no run back that asks the next. None is the
        /// present one.
        attempt: Option<u32>,
    },
}

/// How execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// SHA-256 of what the worker said, to know a repeated call.
    pub digest: [u8; 32],
    /// What came of it.
    pub outcome: FinishOutcome,
    /// What the source said of the credential.
    pub credential: Option<CredentialReport>,
    /// Whether the worker keeps the session.
    pub session: AfterRun,
    /// What the source knows the person by who is logged in, sealed for the run's credential.
    pub login: Option<Sealed>,
}

/// What came of an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishOutcome {
    /// The output, which matches the task's schema.
    Success {
        /// Never null.
        output: Value,
    },
    /// A success whose output breaks the task's schema.
    OutputInvalid {
        /// Up to 10 of what is wrong; never empty.
        errors: Vec<RunError>,
    },
    /// A failure.
    Failure {
        /// As the agent gave them; never empty.
        errors: Vec<RunError>,
    },
}

/// What a source said of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialReport {
    /// A login succeeded.
    Verified,
    /// It was refused.
    Invalid,
}

/// What becomes of a session after a run, in its worker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRun {
    /// It stays, as the task's settings say.
    Keep,
    /// It is over.
    End,
}

/// The clocks of a run. Source: docs/lifecycle.md, "Clocks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Nobody leased it in time: `queue_timed_out`.
    Queue,
    /// Its lease was not renewed: `lease_lost`.
    Lease,
    /// No activity: `inactivity_timed_out`.
    Inactivity,
    /// It ran too long in all: `run_timed_out`.
    Run,
    /// Nobody answered: `interaction_timed_out`.
    Interaction,
    /// Nobody reviewed it: `review_timed_out`.
    Review,
    /// Its agent did not stop: `cancel_grace_over`.
    CancelGrace,
}
