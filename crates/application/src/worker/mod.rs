//! What workers ask, the embedded one as well as outside ones. Source: docs/workers.md.

mod ask_person;
mod begin_run;
mod drain_worker;
mod evict_session;
mod file_fields;
mod finish_digest;
mod finish_run;
#[cfg(test)]
mod fixture;
mod held_runs;
mod lease_runs;
mod open_credential;
mod patience;
mod read_answer;
mod register_worker;
mod release_run;
mod renew_lease;
mod report_progress;
mod store_file;
mod store_screenshot;
mod value_digest;
mod withdraw_question;

use std::sync::Arc;
use std::time::Duration;

pub use self::ask_person::{AskPerson, Asked, MAX_CHECKPOINT_BYTES, Question};
pub use self::begin_run::{BeginRun, Begun};
pub use self::drain_worker::DrainWorker;
pub use self::evict_session::EvictSession;
pub use self::finish_run::{FinishReport, FinishRun, MAX_LOGIN_BYTES, MAX_OUTPUT_BYTES};
pub use self::held_runs::{Heard, LeaseCall};
pub use self::lease_runs::{LeaseRuns, LeaseWish, OpenedRun, RunsLeased};
pub use self::open_credential::OpenedCredential;
pub use self::read_answer::{Answer, ReadAnswer};
pub use self::register_worker::{RegisterWorker, WorkerStart};
pub use self::release_run::ReleaseRun;
pub use self::renew_lease::{RenewLease, Renewal};
pub use self::report_progress::ReportProgress;
pub use self::store_file::{CapturedFile, Kept, StoreFile};
pub use self::store_screenshot::{CapturedScreenshot, ScreenshotKept, StoreScreenshot};
pub use self::withdraw_question::WithdrawQuestion;

use self::held_runs::HeldRuns;
use self::open_credential::CredentialVault;
use crate::application::Application;

/// Whoever waits for something looks by itself so often: a signal may be lost.
const LOOK: Duration = Duration::from_secs(1);

/// How long a new lease lives, until its first renewal: a poller who vanished costs little.
const NEW_LEASE: Duration = Duration::from_secs(10);

/// The calls of workers, ready to be made.
pub struct WorkerCalls {
    /// A worker starts.
    pub register_worker: RegisterWorker,
    /// It waits for runs.
    pub lease_runs: LeaseRuns,
    /// It is alive.
    pub renew_lease: RenewLease,
    /// It is about to touch the source.
    pub begin_run: BeginRun,
    /// It says what it does.
    pub report_progress: ReportProgress,
    /// It captured a file.
    pub store_file: StoreFile,
    /// It saw a page.
    pub store_screenshot: StoreScreenshot,
    /// It asks a person.
    pub ask_person: AskPerson,
    /// It takes its question back.
    pub withdraw_question: WithdrawQuestion,
    /// It waits for the answer.
    pub read_answer: ReadAnswer,
    /// It is done.
    pub finish_run: FinishRun,
    /// It gives a run back.
    pub release_run: ReleaseRun,
    /// It has no room for a session.
    pub evict_session: EvictSession,
    /// It leaves.
    pub drain_worker: DrainWorker,
}

impl WorkerCalls {
    /// The calls over the application's ports.
    pub fn new(application: &Application) -> Self {
        let ports = application.ports.clone();
        let announcer = application.announcer.clone();
        let lease = application.settings.lease;
        let held = HeldRuns {
            runs: ports.runs,
            announcer: announcer.clone(),
        };
        let credentials = CredentialVault {
            credentials: ports.credentials,
            vault: Arc::clone(&ports.vault),
        };
        Self {
            register_worker: RegisterWorker {
                workers: Arc::clone(&ports.workers),
                announcer: announcer.clone(),
                lease_length: lease,
            },
            lease_runs: LeaseRuns {
                held: held.clone(),
                vault: Arc::clone(&ports.vault),
                credentials: credentials.clone(),
                queue: ports.queue,
                signals: Arc::clone(&ports.signals),
                length: NEW_LEASE.min(lease),
            },
            renew_lease: RenewLease {
                held: held.clone(),
                length: lease,
            },
            begin_run: BeginRun {
                held: held.clone(),
                vault: credentials,
            },
            report_progress: ReportProgress { held: held.clone() },
            store_file: StoreFile {
                held: held.clone(),
                tasks: Arc::clone(&ports.tasks),
                files: ports.files,
                blobs: Arc::clone(&ports.blobs),
                schemas: Arc::clone(&application.schemas),
                clock: Arc::clone(&ports.clock),
            },
            store_screenshot: StoreScreenshot {
                held: held.clone(),
                screenshots: ports.screenshots,
                blobs: ports.blobs,
                clock: ports.clock,
            },
            ask_person: AskPerson {
                held: held.clone(),
                vault: Arc::clone(&ports.vault),
            },
            withdraw_question: WithdrawQuestion { held: held.clone() },
            read_answer: ReadAnswer {
                held: held.clone(),
                vault: Arc::clone(&ports.vault),
                signals: ports.signals,
            },
            finish_run: FinishRun {
                held: held.clone(),
                tasks: ports.tasks,
                schemas: Arc::clone(&application.schemas),
                vault: ports.vault,
            },
            release_run: ReleaseRun { held },
            evict_session: EvictSession {
                sessions: ports.sessions,
                announcer: announcer.clone(),
            },
            drain_worker: DrainWorker {
                workers: ports.workers,
                announcer,
            },
        }
    }
}
