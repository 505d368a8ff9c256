//! SIGTERM and Ctrl-C: the first asks the process to stop, a second to do so at once.

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

/// Hears the signals from the moment that it is made.
pub(crate) struct StopSignal {
    asked: CancellationToken,
    asked_again: CancellationToken,
    /// Listens as long as this lives.
    _listening: AbortOnDropHandle<()>,
}

impl StopSignal {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system does not let it.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let asked = CancellationToken::new();
        let asked_again = CancellationToken::new();
        let listening = listening(asked.clone(), asked_again.clone())
            .context("failed to listen for signals")?;
        Ok(Self {
            asked,
            asked_again,
            _listening: AbortOnDropHandle::new(listening),
        })
    }

    /// Waits until the process is asked to stop.
    pub(crate) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until it is asked a second time.
    pub(crate) async fn asked_again(&self) {
        self.asked_again.cancelled().await;
    }
}

#[cfg(unix)]
fn listening(
    asked: CancellationToken,
    asked_again: CancellationToken,
) -> std::io::Result<tokio::task::JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        for token in [asked, asked_again] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            info!("{name} came");
            token.cancel();
        }
    }))
}

#[cfg(not(unix))]
fn listening(
    asked: CancellationToken,
    asked_again: CancellationToken,
) -> std::io::Result<tokio::task::JoinHandle<()>> {
    Ok(tokio::spawn(async move {
        for token in [asked, asked_again] {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::error!(%error, "Ctrl-C is not heard");
                return;
            }
            info!("Ctrl-C came");
            token.cancel();
        }
    }))
}
