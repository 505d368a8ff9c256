//! The embedded worker apart from the server: its agents compute, as where a page is parsed, and a call
//! to the server or a change of the store should not stand in line behind that. So they have threads of
//! their own, and what they say to the server is done on the server's.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;
use windlass_domain::id::SessionId;
use windlass_domain::run::Status;
use windlass_worker::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Question, Registration, Renewal,
};
use windlass_worker::{Protocol, ProtocolError};

/// The threads of the agents. Dropped, what is left on them is cut.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    /// Half as many as the machine has cores: the server and the store need theirs.
    ///
    /// # Errors
    /// They cannot be started.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads((crate::cores() / 2).max(1))
            .thread_name("agents")
            .enable_all()
            .build()
            .context("failed to start the threads of the embedded worker")?;
        Ok(Self(Some(runtime)))
    }

    /// Does this on them.
    pub(crate) async fn run<Done: Send + 'static>(
        &self,
        work: impl Future<Output = Done> + Send + 'static,
    ) -> anyhow::Result<Done> {
        let runtime = self.0.as_ref().context("the threads have ended")?;
        let task = AbortOnDropHandle::new(runtime.spawn(work));
        task.await.context("the embedded worker broke off")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // To wait for them would block a thread of the server.
            runtime.shutdown_background();
        }
    }
}

/// A protocol whose calls are made on the server's threads.
pub(super) struct OnServer {
    protocol: Arc<dyn Protocol>,
    server: Handle,
}

impl OnServer {
    /// On those of whoever calls this.
    pub(super) fn new(protocol: Arc<dyn Protocol>) -> Self {
        Self {
            protocol,
            server: Handle::current(),
        }
    }

    async fn call<Said, Calling>(
        &self,
        call: impl FnOnce(Arc<dyn Protocol>) -> Calling,
    ) -> Result<Said, ProtocolError>
    where
        Said: Send + 'static,
        Calling: Future<Output = Result<Said, ProtocolError>> + Send + 'static,
    {
        let calling = call(Arc::clone(&self.protocol));
        let task = AbortOnDropHandle::new(self.server.spawn(calling));
        task.await.unwrap_or_else(|error| {
            let message = format!("the call broke off: {error}");
            Err(ProtocolError::Unavailable { message })
        })
    }
}

#[async_trait]
impl Protocol for OnServer {
    async fn register(
        &self,
        worker: &str,
        start: Option<&str>,
    ) -> Result<Registration, ProtocolError> {
        let (worker, start) = (worker.to_owned(), start.map(str::to_owned));
        self.call(|it| async move { it.register(&worker, start.as_deref()).await })
            .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leases, ProtocolError> {
        self.call(|it| async move { it.lease(request).await }).await
    }

    async fn renew(&self, lease: LeaseKey) -> Result<Renewal, ProtocolError> {
        self.call(|it| async move { it.renew(lease).await }).await
    }

    async fn begin(&self, lease: LeaseKey) -> Result<Begun, ProtocolError> {
        self.call(|it| async move { it.begin(lease).await }).await
    }

    async fn progress(
        &self,
        lease: LeaseKey,
        progress: Vec<Progress>,
    ) -> Result<Heard, ProtocolError> {
        self.call(|it| async move { it.progress(lease, progress).await })
            .await
    }

    async fn store_file(&self, lease: LeaseKey, file: CapturedFile) -> Result<Kept, ProtocolError> {
        self.call(|it| async move { it.store_file(lease, file).await })
            .await
    }

    async fn store_screenshot(
        &self,
        lease: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        self.call(|it| async move { it.store_screenshot(lease, screenshot).await })
            .await
    }

    async fn interact(&self, lease: LeaseKey, question: Question) -> Result<Heard, ProtocolError> {
        self.call(|it| async move { it.interact(lease, question).await })
            .await
    }

    async fn withdraw(&self, lease: LeaseKey, attempt: u32) -> Result<Heard, ProtocolError> {
        self.call(|it| async move { it.withdraw(lease, attempt).await })
            .await
    }

    async fn answer(&self, lease: LeaseKey, wait: Duration) -> Result<Answer, ProtocolError> {
        self.call(|it| async move { it.answer(lease, wait).await })
            .await
    }

    async fn finish(&self, lease: LeaseKey, finish: FinishReport) -> Result<Status, ProtocolError> {
        self.call(|it| async move { it.finish(lease, finish).await })
            .await
    }

    async fn release(&self, lease: LeaseKey) -> Result<Status, ProtocolError> {
        self.call(|it| async move { it.release(lease).await }).await
    }

    async fn release_asking(&self, lease: LeaseKey, attempt: u32) -> Result<Status, ProtocolError> {
        self.call(|it| async move { it.release_asking(lease, attempt).await })
            .await
    }

    async fn evict(
        &self,
        worker: &str,
        incarnation: u32,
        session_id: SessionId,
    ) -> Result<(), ProtocolError> {
        let worker = worker.to_owned();
        self.call(|it| async move { it.evict(&worker, incarnation, session_id).await })
            .await
    }

    async fn drain(&self, worker: &str, incarnation: u32) -> Result<(), ProtocolError> {
        let worker = worker.to_owned();
        self.call(|it| async move { it.drain(&worker, incarnation).await })
            .await
    }

    fn forget(&self, lease: LeaseKey) {
        self.protocol.forget(lease);
    }
}
