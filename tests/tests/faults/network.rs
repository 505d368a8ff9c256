//! A network between workers and their server on which calls come late, twice and out of order, or not
//! at all, and on which answers are lost.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use windlass_tests::client::http;

use crate::chance::Chance;

/// How long a call may be held up: longer than others take, and shorter than a lease lives.
const LATE: Duration = Duration::from_millis(1_500);

/// How long a part of an answer has to leave.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// Of so many calls one meets each of the faults.
const ONE_IN: u64 = 25;

/// What the network does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// It is held up, and others overtake it.
    Late,
    /// It comes twice at the same time, and one of the two is answered.
    Twice,
    /// It comes once more, after its answer.
    Again,
    /// It never comes.
    Lost,
    /// It comes, and its answer does not.
    Unanswered,
    /// It comes, and of its answer a part.
    Torn,
    /// It comes, and its answer is held up.
    AnsweredLate,
}

/// What happens on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Any of [`FAULTS`], to any call.
    Bad,
    /// Ends of runs are answered late; all else is well.
    EndsAnsweredLate,
}

const FAULTS: [Fault; 6] = [
    Fault::Late,
    Fault::Twice,
    Fault::Again,
    Fault::Lost,
    Fault::Unanswered,
    Fault::Torn,
];

/// The network, up until it is dropped.
pub(crate) struct Network {
    address: SocketAddr,
    lines: Arc<Lines>,
    accepting: JoinHandle<()>,
}

struct Lines {
    server: String,
    client: reqwest::Client,
    weather: Weather,
    chance: Mutex<Chance>,
    faults: Mutex<BTreeMap<String, usize>>,
    /// The lines of progress that have come, each call as it was said.
    progress: Mutex<Vec<(String, Bytes)>>,
}

/// The connection ends without a word.
#[derive(Debug, thiserror::Error)]
#[error("the network cuts this connection")]
struct Cut;

/// A call, as it can be made more than once.
#[derive(Clone)]
struct Call {
    method: hyper::Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

struct Answer {
    status: hyper::StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

impl Network {
    /// A bad network that leads to this server.
    pub(crate) async fn to(server: String, chance: Chance) -> anyhow::Result<Self> {
        Self::start(server, Weather::Bad, chance).await
    }

    /// A network that leads to this server, which hears the ends of runs long before their workers
    /// hear that it did.
    pub(crate) async fn answering_ends_late(
        server: String,
        chance: Chance,
    ) -> anyhow::Result<Self> {
        Self::start(server, Weather::EndsAnsweredLate, chance).await
    }

    async fn start(server: String, weather: Weather, chance: Chance) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let lines = Arc::new(Lines {
            server,
            client: http(),
            weather,
            chance: Mutex::new(chance),
            faults: Mutex::default(),
            progress: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&lines)));
        Ok(Self {
            address,
            lines,
            accepting,
        })
    }

    /// Where the server is, seen through this network.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often each fault happened to each call.
    pub(crate) fn faults(&self) -> BTreeMap<String, usize> {
        let faults = self.lines.faults.lock();
        faults.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines of progress that a worker has said again, though the first could have been heard.
    pub(crate) fn said_again(&self) -> Vec<String> {
        let progress = self.lines.progress.lock();
        let progress = progress.unwrap_or_else(PoisonError::into_inner);
        let mut known = HashSet::new();
        let again = progress.iter().filter(|said| !known.insert(*said));
        again
            .map(|(path, body)| format!("{path} {}", String::from_utf8_lossy(body)))
            .collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, lines: Arc<Lines>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let lines = Arc::clone(&lines);
        connections.spawn(async move {
            let carry = service_fn(move |request| Arc::clone(&lines).carry(request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), carry);
            // How it ends is what this is for.
            let _ = served.await;
        });
    }
}

impl Lines {
    async fn carry(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let call = Call::read(request).await?;
        if call.kind().ends_with("progress") {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.push((call.path.clone(), call.body.clone()));
        }
        let fault = self.draw(&call);
        match fault {
            None => whole(self.send(call).await?),
            Some(Fault::Late) => {
                sleep(self.while_late()).await;
                whole(self.send(call).await?)
            }
            Some(Fault::Twice) => {
                let (first, second) = tokio::join!(self.send(call.clone()), self.send(call));
                let is_first = self.lock().below(2) == 0;
                whole(if is_first { first? } else { second? })
            }
            Some(Fault::Again) => {
                let answer = self.send(call.clone()).await?;
                let after = self.while_late();
                tokio::spawn(async move {
                    sleep(after).await;
                    // Nobody waits for this one.
                    let _ = self.send(call).await;
                });
                whole(answer)
            }
            Some(Fault::Lost) => Err(Cut),
            Some(Fault::Unanswered) => {
                self.send(call).await?;
                Err(Cut)
            }
            Some(Fault::Torn) => Ok(torn(self.send(call).await?)),
            Some(Fault::AnsweredLate) => {
                let answer = self.send(call).await?;
                sleep(self.while_late()).await;
                whole(answer)
            }
        }
    }

    fn draw(&self, call: &Call) -> Option<Fault> {
        let fault = match self.weather {
            Weather::Bad => {
                let drawn = self.lock().below(ONE_IN) as usize;
                FAULTS.get(drawn).copied()?
            }
            Weather::EndsAnsweredLate if call.kind().ends_with("finish") => Fault::AnsweredLate,
            Weather::EndsAnsweredLate => return None,
        };
        let name = format!("{fault:?} {} {}", call.method, call.kind());
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *faults.entry(name).or_default() += 1;
        Some(fault)
    }

    fn while_late(&self) -> Duration {
        self.lock().up_to(LATE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, call: Call) -> Result<Answer, Cut> {
        let url = format!("{}{}", self.server, call.path);
        let request = self.client.request(call.method, url);
        let request = request.headers(call.headers).body(call.body);
        let answer = request.send().await.map_err(|_| Cut)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|_| Cut)?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

impl Call {
    async fn read(request: Request<Incoming>) -> Result<Self, Cut> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        for hop in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers.remove(hop);
        }
        Ok(Self {
            method: head.method,
            path: head.uri.to_string(),
            headers: head.headers,
            body,
        })
    }

    /// Its path without ids.
    fn kind(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let words = path.split('/').filter(|word| !word.contains('_'));
        words.skip(2).collect::<Vec<_>>().join("/")
    }
}

fn whole(answer: Answer) -> Result<Response<Body>, Cut> {
    let body = answer.body.clone();
    let frames = stream::iter([Ok(Frame::data(body))]);
    Ok(answered(answer, frames.boxed()))
}

/// The first half, and then nothing.
fn torn(answer: Answer) -> Response<Body> {
    let half = answer.body.slice(..answer.body.len() / 2);
    let broken = async {
        // Else nothing of it has left when it breaks off.
        sleep(ON_ITS_WAY).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let frames = stream::iter([Ok(Frame::data(half))]).chain(stream::once(broken));
    answered(answer, frames.boxed())
}

fn answered(
    answer: Answer,
    frames: BoxStream<'static, io::Result<Frame<Bytes>>>,
) -> Response<Body> {
    let mut response = Response::new(StreamBody::new(frames));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    for hop in [CONNECTION, TRANSFER_ENCODING] {
        response.headers_mut().remove(hop);
    }
    response
}
