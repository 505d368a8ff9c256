//! The accept loop: TLS, bounded connections, a limit on how long and how large a head may be and how
//! long an answer may take to be taken, and a drain at the end. `axum::serve` has none of these.
//! How it drains: docs/decisions/0034-a-drain-takes-calls-to-its-end.md.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::drain::Drain;
use crate::patient::Patient;
use crate::request::{Peer, WaitsUntil};

/// How long the loop rests where no connection can be accepted: all files of the process are open.
const PAUSE: Duration = Duration::from_millis(100);

/// How long answers may take that are under way when the last connection is taken, at least: where the
/// drain's time is over.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// And at most: nobody can renew a lease meanwhile, and what is cut is asked for again.
const LATE_ANSWERS: Duration = Duration::from_secs(5);

/// What bounds the connections of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// How many connections are open at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client has for the head of a request.
    pub header_read_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub header_bytes: usize,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// How long requests have to end once the server stops.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_read_timeout: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

/// Serves until `drain` begins, goes on until what was under way then has ended, and answers what is
/// under way at the end. With `tls` it speaks nothing else.
///
/// # Errors
/// Where the listener cannot be asked for its address.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    drain: Drain,
    limits: ServeLimits,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(limits.header_bytes);
    let door = Door {
        listener,
        address,
        router,
        http,
        tls: tls.map(TlsAcceptor::from),
        limits,
        connections: Arc::new(Semaphore::new(limits.connections)),
    };
    let before = GracefulShutdown::new();
    let taking = door.take_all(&before, drain.begun());
    drain.begun().run_until_cancelled(taking).await;

    let until = Instant::now() + limits.drain;
    let before = before.shutdown().shared();
    let since = GracefulShutdown::new();
    let quiet = async { tokio::join!(before.clone(), drain.alone()) };
    tokio::select! {
        () = door.take_all(&since, drain.closed()) => {}
        _ = timeout_at(until, quiet) => {}
    }
    drain.closed().cancel();
    drop(door);
    let now = Instant::now();
    let last = until.clamp(now + LAST_ANSWERS, now + LATE_ANSWERS);
    let answered = timeout_at(last, async {
        tokio::join!(before, since.shutdown());
        drain.ended(limits.drain).await
    });
    if !answered.await.unwrap_or(false) {
        warn!("requests on {address} did not end within the drain");
    }
    Ok(())
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    http: http1::Builder,
    tls: Option<TlsAcceptor>,
    limits: ServeLimits,
    connections: Arc<Semaphore>,
}

impl Door {
    /// Takes one connection after the other. `graceful` closes them; who waits on one of them waits no
    /// longer than `waits_until`.
    async fn take_all(&self, graceful: &GracefulShutdown, waits_until: &CancellationToken) {
        loop {
            match accept(&self.listener, &self.connections).await {
                Ok(accepted) => self.take(accepted, graceful, waits_until),
                Err(error) => {
                    warn!(%error, "could not accept a connection on {}", self.address);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(
        &self,
        (stream, peer, permit): (TcpStream, Peer, OwnedSemaphorePermit),
        graceful: &GracefulShutdown,
        waits_until: &CancellationToken,
    ) {
        let router = self.router.clone();
        let until = WaitsUntil(waits_until.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            if !names_its_host(&request) {
                return Either::Left(ready(Ok(no_request())));
            }
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(until.clone());
            Either::Right(router.clone().oneshot(request.map(Body::new)))
        });
        let (http, watcher, limits) = (self.http.clone(), graceful.watcher(), self.limits);
        match self.tls.clone() {
            None => {
                let stream = TokioIo::new(Patient::new(stream, limits.write_timeout));
                let connection = watcher.watch(http.serve_connection(stream, service));
                tokio::spawn(served(connection, permit));
            }
            Some(tls) => {
                let stopping = waits_until.clone();
                tokio::spawn(async move {
                    let greeting = tls.accept(stream);
                    let greeting = timeout(limits.header_read_timeout, greeting);
                    // A client that says nothing does not hold up a stop, either.
                    let greeted = stopping.run_until_cancelled(greeting).await;
                    let Some(Ok(Ok(stream))) = greeted else {
                        debug!("a connection ended before TLS was agreed on");
                        return;
                    };
                    let stream = TokioIo::new(Patient::new(stream, limits.write_timeout));
                    let connection = watcher.watch(http.serve_connection(stream, service));
                    served(connection, permit).await;
                });
            }
        }
    }
}

/// Whether a request says once whom it is for: who stands before the server may have read another
/// one of two hosts. Source: RFC 9112, section 3.2.
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// A host with or without a port; it may be empty. Source: RFC 9110, section 7.2.
fn is_host(value: &[u8]) -> bool {
    value.is_empty() || Authority::try_from(value).is_ok() && !value.contains(&b'@')
}

/// The answer to what is no request of HTTP.
fn no_request() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Serves a connection to its end. A task of its own kind for each kind of stream: every open
/// connection has the memory of the largest that its task could be. No `async fn`, which would have
/// room for the connection twice, as what it was given and as what it waits for.
fn served(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    permit: OwnedSemaphorePermit,
) -> impl Future<Output = ()> {
    connection.map(move |ended| {
        if let Err(error) = ended {
            debug!(%error, "a connection ended early");
        }
        drop(permit);
    })
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let permit = connections.clone().acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    // Answers are written whole; waiting for more to send would only delay them.
    stream.set_nodelay(true)?;
    // An IPv4 client of a listener of both kinds is shown as what it is.
    Ok((stream, Peer(address.ip().to_canonical()), permit))
}
