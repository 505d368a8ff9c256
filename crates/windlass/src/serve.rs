//! `windlass serve`: a server until it is asked to stop.

use tracing::{info, warn};

use crate::config::ServeArguments;
use crate::log;
use crate::server::Server;
use crate::stop_signal::StopSignal;

/// Serves until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// It could not start, or a part of it has ended by itself.
pub(crate) async fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    log::to_standard_error(&arguments.log)?;
    // Before the start, so that a signal in the middle of it is not lost.
    let stop = StopSignal::listen()?;
    let mut server = Server::start(&arguments.config).await?;
    info!(
        api.url = server.api_url(),
        ops.url = server.ops_url(),
        "serving the API at {} and operations at {}",
        server.api_url(),
        server.ops_url()
    );
    let ended = tokio::select! {
        () = stop.asked() => Ok(()),
        error = server.broken() => Err(error),
    };
    tokio::select! {
        () = server.stop() => info!("stopped"),
        () = stop.asked_again() => warn!("stopped without waiting, as asked a second time"),
    }
    ended
}
