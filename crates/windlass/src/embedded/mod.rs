//! The protocol of the embedded worker: the calls of workers, made in the server's own process.

mod answers;
mod lease;
mod threads;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use windlass_application::ports::runs::ProgressLine;
use windlass_application::ports::{Clock, Runs, Sessions};
use windlass_application::random::random;
use windlass_application::worker::{
    CapturedFile as FileToKeep, CapturedScreenshot as ScreenshotToKeep, FinishReport as Finish,
    LeaseCall, LeaseWish, Question as QuestionToAsk, WorkerCalls,
};
use windlass_application::{Actor, Application, CallError, OrganizationContext};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::{OrganizationId, RequestId, SessionId};
use windlass_domain::run::{Holder, Status};
use windlass_worker::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Question, Registration, Renewal,
};
use windlass_worker::{Login, OpenedCredential, Protocol, ProtocolError};

use self::answers::of_call;
pub(crate) use self::threads::Threads;

/// What the embedded worker speaks with the server that it is part of.
pub(crate) fn protocol(application: &Application) -> Arc<dyn Protocol> {
    Arc::new(InProcess {
        calls: WorkerCalls::new(application),
        runs: Arc::clone(&application.ports.runs),
        sessions: Arc::clone(&application.ports.sessions),
        clock: Arc::clone(&application.ports.clock),
        holder: Mutex::default(),
        never: CancellationToken::new(),
        held: Mutex::default(),
    })
}

/// The calls of one worker, which belongs to no organization and does everybody's runs.
struct InProcess {
    calls: WorkerCalls,
    runs: Arc<dyn Runs>,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    /// The worker's start, once it has registered.
    holder: Mutex<Option<Holder>>,
    /// The worker drops a poll that it no longer waits for.
    never: CancellationToken,
    /// What is known of each held run: a worker's calls name its lease alone.
    held: Mutex<BTreeMap<LeaseKey, Held>>,
}

/// What is known of a held run.
#[derive(Clone)]
struct Held {
    /// Whose it is.
    owner: OrganizationId,
    /// The trace that its start was a part of.
    trace_parent: Option<String>,
}

impl InProcess {
    fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        // It is set whole, so that a panic elsewhere leaves nothing half done.
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<LeaseKey, Held>> {
        // Each change is one insert or remove.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker's start; a call before its registration, or of an older start, has none.
    fn registered(&self) -> Result<Holder, ProtocolError> {
        self.holder().ok_or(ProtocolError::LeaseLost)
    }

    fn request_id(&self) -> RequestId {
        RequestId::new(self.clock.now(), random())
    }

    async fn call(&self, lease: LeaseKey) -> Result<LeaseCall, ProtocolError> {
        self.registered()?;
        let known = self.held().get(&lease).cloned();
        let held = match known {
            Some(held) => held,
            // It ended, and its end is said again.
            None => {
                let owner = self.runs.organization_of(lease.run_id).await;
                let owner = owner.map_err(|error| of_call(CallError::Store(error)))?;
                Held {
                    owner: owner.ok_or(ProtocolError::LeaseLost)?,
                    trace_parent: None,
                }
            }
        };
        Ok(LeaseCall {
            organization: OrganizationContext::of_server(held.owner),
            actor: Actor::Worker,
            request_id: self.request_id(),
            trace_parent: held.trace_parent,
            run_id: lease.run_id,
            epoch: lease.epoch,
        })
    }

    /// What the worker hears; a run that is not its any more is forgotten.
    fn heard<T>(&self, lease: LeaseKey, done: Result<T, CallError>) -> Result<T, ProtocolError> {
        done.map_err(|error| {
            let answer = of_call(error);
            if matches!(answer, ProtocolError::LeaseLost) {
                self.held().remove(&lease);
            }
            answer
        })
    }
}

#[async_trait]
impl Protocol for InProcess {
    async fn register(
        &self,
        worker: &str,
        start: Option<&str>,
    ) -> Result<Registration, ProtocolError> {
        let register = &self.calls.register_worker;
        let started = register.execute(None, worker, start).await;
        let started = started.map_err(of_call)?;
        *self.holder() = Some(started.holder);
        Ok(Registration {
            incarnation: started.holder.incarnation,
            lost_leases: started.lost_leases,
            lease_length: started.lease_length,
        })
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leases, ProtocolError> {
        let holder = self.registered()?;
        if holder.incarnation != request.incarnation {
            return Err(ProtocolError::LeaseLost);
        }
        let wish = LeaseWish {
            organization: None,
            request_id: self.request_id(),
            holder,
            pools: request.pools,
            capacity: request.capacity,
            explicit_begin: true,
            sessions: request.sessions,
            held: Some(request.held),
            heard: Some(request.heard),
            wait: request.wait,
        };
        let leased = self.calls.lease_runs.execute(&wish, &self.never).await;
        let leased = leased.map_err(of_call)?;
        let mut held = self.held();
        let runs = leased.runs.into_iter().filter_map(|opened| {
            let known = Held {
                owner: opened.leased.run.organization_id,
                trace_parent: opened.leased.trace_parent.clone(),
            };
            let run = lease::run(opened)?;
            held.insert(run.lease(), known);
            Some(run)
        });
        Ok(Leases {
            runs: runs.collect(),
            ended_sessions: leased.ended_sessions,
            stopping: leased.stopping,
            brought: leased.brought,
        })
    }

    async fn renew(&self, lease: LeaseKey) -> Result<Renewal, ProtocolError> {
        let call = self.call(lease).await?;
        let renewed = self.calls.renew_lease.execute(&call).await;
        let renewed = self.heard(lease, renewed)?;
        Ok(Renewal {
            lease_expires_at: renewed.lease_expires_at,
            cancel: renewed.cancel,
        })
    }

    async fn begin(&self, lease: LeaseKey) -> Result<Begun, ProtocolError> {
        let call = self.call(lease).await?;
        let begun = self.calls.begin_run.execute(&call).await;
        let begun = self.heard(lease, begun)?;
        Ok(Begun {
            credential: begun.credential.map(|opened| OpenedCredential {
                id: opened.id,
                was_tried: opened.status != CredentialStatus::Unverified,
                username: opened.username,
                password: opened.password,
                totp_secret: opened.totp_secret,
                source_fields: opened.source_fields,
                login: opened
                    .login
                    .map(|login| Login::new(login.expose_secret().to_vec())),
            }),
            cancel: begun.cancel,
        })
    }

    async fn progress(
        &self,
        lease: LeaseKey,
        progress: Vec<Progress>,
    ) -> Result<Heard, ProtocolError> {
        let call = self.call(lease).await?;
        let report = &self.calls.report_progress;
        let heard = report.execute(&call, lines(progress)).await;
        let cancel = self.heard(lease, heard)?.cancel;
        Ok(Heard { cancel })
    }

    async fn store_file(&self, lease: LeaseKey, file: CapturedFile) -> Result<Kept, ProtocolError> {
        let call = self.call(lease).await?;
        let file = FileToKeep {
            file_name: file.file_name,
            file_type: file.file_type,
            metadata: file.metadata,
            extraction: file.extraction,
            content: file.content,
        };
        let kept = self.calls.store_file.execute(&call, file).await;
        let kept = self.heard(lease, kept)?;
        Ok(Kept {
            storage_id: kept.storage_id,
            cancel: kept.cancel,
        })
    }

    async fn store_screenshot(
        &self,
        lease: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        let call = self.call(lease).await?;
        let content = stream::iter([Ok(screenshot.content)]).boxed();
        let screenshot = ScreenshotToKeep {
            file_name: screenshot.file_name,
            file_type: screenshot.file_type,
            size: screenshot.size,
            reasoning: screenshot.reasoning,
            step: screenshot.step,
        };
        let kept = self
            .calls
            .store_screenshot
            .execute(&call, screenshot, content);
        let cancel = self.heard(lease, kept.await)?.cancel;
        Ok(Heard { cancel })
    }

    async fn interact(&self, lease: LeaseKey, question: Question) -> Result<Heard, ProtocolError> {
        let call = self.call(lease).await?;
        let question = QuestionToAsk {
            attempt: question.attempt,
            kind: question.kind,
            message: question.message,
            fields: question.fields,
            checkpoint: question.checkpoint,
        };
        let heard = self.calls.ask_person.execute(&call, question).await;
        let cancel = self.heard(lease, heard)?.cancel;
        Ok(Heard { cancel })
    }

    async fn withdraw(&self, lease: LeaseKey, attempt: u32) -> Result<Heard, ProtocolError> {
        let call = self.call(lease).await?;
        let withdraw = &self.calls.withdraw_question;
        let heard = withdraw.execute(&call, Some(attempt)).await;
        let cancel = self.heard(lease, heard)?.cancel;
        Ok(Heard { cancel })
    }

    async fn answer(&self, lease: LeaseKey, wait: Duration) -> Result<Answer, ProtocolError> {
        let call = self.call(lease).await?;
        let answer = self.calls.read_answer.execute(&call, wait).await;
        let answer = self.heard(lease, answer)?;
        Ok(Answer {
            answers: answer.answers,
            cancel: answer.cancel,
        })
    }

    async fn finish(&self, lease: LeaseKey, finish: FinishReport) -> Result<Status, ProtocolError> {
        let call = self.call(lease).await?;
        let report = Finish {
            result: finish.result,
            credential: finish.credential,
            session: finish.session,
            login: finish.login.map(|login| login.bytes().to_vec().into()),
        };
        let lines = lines(finish.progress);
        let finish_run = &self.calls.finish_run;
        let status = finish_run.with_progress(&call, report, lines).await;
        let status = self.heard(lease, status)?;
        self.held().remove(&lease);
        Ok(status)
    }

    async fn release(&self, lease: LeaseKey) -> Result<Status, ProtocolError> {
        let call = self.call(lease).await?;
        let status = self.calls.release_run.execute(&call).await;
        let status = self.heard(lease, status)?;
        self.held().remove(&lease);
        Ok(status)
    }

    async fn release_asking(&self, lease: LeaseKey, attempt: u32) -> Result<Status, ProtocolError> {
        let call = self.call(lease).await?;
        let release = &self.calls.release_run;
        let status = release.while_asking(&call, Some(attempt)).await;
        let status = self.heard(lease, status)?;
        self.held().remove(&lease);
        Ok(status)
    }

    async fn evict(
        &self,
        _: &str,
        incarnation: u32,
        session_id: SessionId,
    ) -> Result<(), ProtocolError> {
        let holder = self.registered()?;
        if holder.incarnation != incarnation {
            return Err(ProtocolError::LeaseLost);
        }
        let owner = self.sessions.organization_of(session_id).await;
        let owner = owner.map_err(|error| of_call(CallError::Store(error)))?;
        let Some(owner) = owner else {
            // It ended so long ago that nothing is left of it.
            return Ok(());
        };
        let organization = OrganizationContext::of_server(owner);
        let evict = &self.calls.evict_session;
        let evicted = evict.execute(organization, self.request_id(), holder, session_id);
        evicted.await.map_err(of_call)
    }

    async fn drain(&self, _: &str, incarnation: u32) -> Result<(), ProtocolError> {
        let holder = self.registered()?;
        if holder.incarnation != incarnation {
            return Err(ProtocolError::LeaseLost);
        }
        let drained = self.calls.drain_worker.execute(holder).await;
        drained.map(|_| ()).map_err(of_call)
    }

    fn forget(&self, lease: LeaseKey) {
        self.held().remove(&lease);
    }
}

fn lines(progress: Vec<Progress>) -> Vec<ProgressLine> {
    let lines = progress.into_iter().map(|line| ProgressLine {
        message: line.message,
        step: line.step,
    });
    lines.collect()
}

#[cfg(test)]
mod tests;
