//! What a process is asked by its operator.

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Sets `stop` once the process is asked to end. Where it cannot be asked so it ends as it always did.
pub(crate) async fn asked_to_end(stop: CancellationToken) {
    match first().await {
        Ok(signal) => {
            info!("{signal}: the worker leaves");
            stop.cancel();
        }
        Err(error) => warn!("nobody can ask the worker to leave: {error}"),
    }
}

#[cfg(unix)]
async fn first() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminated.recv() => "SIGTERM",
        _ = interrupted.recv() => "SIGINT",
    })
}

#[cfg(not(unix))]
async fn first() -> std::io::Result<&'static str> {
    tokio::signal::ctrl_c().await?;
    Ok("Ctrl-C")
}
