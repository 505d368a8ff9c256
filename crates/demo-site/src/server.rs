//! One HTTP server on one socket: accepts, serves a router, and stops without leaving a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

/// Connections at once; more wait in the socket's backlog.
const MAX_CONNECTIONS: usize = 1_024;

/// How long requests under way may take to end once the server stops. Pages answer in milliseconds, so
/// only one that was made slow on purpose is cut.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long to wait before accepting again, where the machine has no file descriptor to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. Dropped without [`Server::stop`], it ends at once with all its connections.
pub(crate) struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: AbortOnDropHandle<()>,
}

impl Server {
    /// Binds `address` and serves `router` on it.
    pub(crate) async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let accepting =
            AbortOnDropHandle::new(tokio::spawn(accept(listener, router, stopping.clone())));
        Ok(Self {
            address,
            stopping,
            accepting,
        })
    }

    /// Where the server listens, with the port that it was given.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and ends those that there are: graceful first, then cut.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        if let Err(error) = self.accepting.await {
            warn!(%error, "a demo server did not stop by itself");
        }
    }
}

async fn accept(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(
                            TokioIo::new(stream),
                            TowerToHyperService::new(router.clone()),
                        );
                    let connection = graceful.watch(connection);
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            debug!(%error, "a connection to a demo server broke off");
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "a demo server could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopping.cancelled() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(STOP_GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        debug!("requests to a demo server were cut at its stop");
    }
    connections.shutdown().await;
}
