//! What a server does beside answering: the worker, the sweeper, the dispatcher, the look at runs
//! that are waited for. Each is owned here, watched, and stopped in order.

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Tasks with names, of which none ends before it is asked to.
pub(crate) struct Background {
    stopping: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    names: Vec<(Id, &'static str)>,
}

impl Background {
    /// No tasks yet.
    pub(crate) fn new() -> Self {
        Self {
            stopping: CancellationToken::new(),
            tasks: JoinSet::new(),
            names: Vec::new(),
        }
    }

    /// Starts a task, which ends once its token is set.
    pub(crate) fn start<Task>(
        &mut self,
        name: &'static str,
        task: impl FnOnce(CancellationToken) -> Task,
    ) where
        Task: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let handle = self.tasks.spawn(task(self.stopping.clone()));
        self.names.push((handle.id(), name));
    }

    /// Waits until a task has ended that was not asked to: the server cannot do its work without
    /// it, and says so by ending too.
    pub(crate) async fn broken(&mut self) -> anyhow::Error {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self
                .reason(ended)
                .unwrap_or_else(|name| anyhow!("the {name} has ended")),
            None => std::future::pending().await,
        }
    }

    /// Asks all tasks to end, and cuts those that have not `within` this time.
    pub(crate) async fn stop(mut self, within: Duration) {
        self.stopping.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if let Ok(error) = self.reason(ended) {
                    warn!("{error:#}");
                }
            }
        };
        if tokio::time::timeout(within, all_ended).await.is_err() {
            warn!("the time to stop was over before all was done: the rest is cut");
            self.tasks.shutdown().await;
        }
    }

    /// Why a task has ended; its name, where that was no error.
    fn reason(
        &self,
        ended: Result<(Id, anyhow::Result<()>), JoinError>,
    ) -> Result<anyhow::Error, &'static str> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let named = self.names.iter().find(|(known, _)| *known == id);
        let name = named.map_or("task", |(_, name)| name);
        match ended {
            Ok((_, Ok(()))) => Err(name),
            Ok((_, Err(error))) => Ok(error.context(format!("the {name} has ended"))),
            Err(error) => Ok(anyhow!(error).context(format!("the {name} has broken off"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named_with_its_reason() {
        let mut background = Background::new();
        background.start("sweeper", |stop| async move {
            stop.cancelled().await;
            Ok(())
        });
        background.start("worker", |_| async { Err(anyhow!("another has its name")) });

        let error = background.broken().await;

        assert_eq!(
            format!("{error:#}"),
            "the worker has ended: another has its name"
        );
        background.stop(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_cut() {
        let mut background = Background::new();
        background.start("dispatcher", |_| std::future::pending());

        background.stop(Duration::from_millis(10)).await;
    }
}
