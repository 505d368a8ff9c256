//! The embedded worker apart from the server: its agents compute, as where a page is parsed, and a call
//! to the server should not stand in line behind that. So they have threads of their own.

use std::future::Future;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// The threads of the agents. Dropped, what is left on them is cut.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    /// As many as the machine has cores: beside the server and the store they share them.
    ///
    /// # Errors
    /// They cannot be started.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(crate::cores())
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
