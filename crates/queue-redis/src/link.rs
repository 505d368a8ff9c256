//! The one connection of a process to Redis: made anew for as long as it takes, tried every few
//! seconds, and never waited for.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Msg, PushInfo, PushKind, RedisError};
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use windlass_domain::lifecycle::Signal;

use crate::ports::Local;
use crate::{message, rate};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long Redis may take to answer before the connection is given up.
const ANSWER: Duration = Duration::from_secs(1);

/// How often a connection that nobody doubts is tried: one that fell silent is noticed so.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// Between two tries to connect, from the first to the last, doubled each time. The longest is what
/// the news of other replicas come late after Redis is back.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How many signals wait to be told. What is over it is lost, and whoever waits looks by itself.
const OUTGOING: usize = 10_000;

/// How many signals are told at once.
const BATCH: usize = 500;

/// How many messages of others wait to be heard.
const INCOMING: usize = 10_000;

/// The connection, and the task that keeps it.
pub(crate) struct Link {
    shared: Arc<Shared>,
    outgoing: Sender<Signal>,
    /// Ends with the link.
    _keeping: AbortOnDropHandle<()>,
}

/// What the task and those who use the connection share.
#[derive(Default)]
struct Shared {
    /// None while Redis is away.
    connection: RwLock<Option<MultiplexedConnection>>,
    /// Somebody's call failed: the connection should be tried.
    doubted: Notify,
}

/// Names in Redis, and who we are.
pub(crate) struct Names {
    pub(crate) prefix: String,
    /// Unlike every other process's.
    pub(crate) sender: String,
}

impl Names {
    fn channel(&self) -> String {
        format!("{}:signals", self.prefix)
    }

    /// The counter of `what`.
    pub(crate) fn rate(&self, what: &str) -> String {
        format!("{}:rate:{what}", self.prefix)
    }
}

/// Why a connection came to its end.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("it does not answer")]
    Silent,
    #[error("it has closed the connection")]
    Closed,
    #[error(transparent)]
    Failed(#[from] RedisError),
}

impl Link {
    /// Connects as soon as Redis is there.
    pub(crate) fn new(client: Client, names: Arc<Names>, local: Local) -> Self {
        let shared = Arc::new(Shared::default());
        let (outgoing, to_tell) = mpsc::channel(OUTGOING);
        let keeper = Keeper {
            client,
            names,
            local,
            shared: Arc::clone(&shared),
        };
        Self {
            shared,
            outgoing,
            _keeping: AbortOnDropHandle::new(tokio::spawn(keeper.keep(to_tell))),
        }
    }

    /// The connection; None while Redis is away.
    pub(crate) fn connection(&self) -> Option<MultiplexedConnection> {
        self.shared.read()
    }

    /// Tells the other replicas, if they can be told.
    pub(crate) fn tell(&self, signal: &Signal) {
        if self.shared.is_connected() {
            // Full, it is lost, which costs the others their next look.
            drop(self.outgoing.try_send(signal.clone()));
        }
    }

    /// A call failed: the connection is tried now, not only when its turn comes.
    pub(crate) fn doubt(&self) {
        self.shared.doubted.notify_one();
    }
}

impl Shared {
    fn read(&self) -> Option<MultiplexedConnection> {
        let connection = self.connection.read();
        connection.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_connected(&self) -> bool {
        let connection = self.connection.read();
        connection.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn write(&self, connection: Option<MultiplexedConnection>) {
        *self
            .connection
            .write()
            .unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

struct Keeper {
    client: Client,
    names: Arc<Names>,
    local: Local,
    shared: Arc<Shared>,
}

impl Keeper {
    async fn keep(self, mut outgoing: Receiver<Signal>) {
        let address = self.client.get_connection_info().addr().to_string();
        let mut pause = PAUSES.0;
        // Said once for each time that it is away, not once for each try.
        let mut is_said = false;
        loop {
            let tried = Instant::now();
            let lost = match self.connect().await {
                Ok((connection, incoming)) => {
                    info!("Redis at {address} carries signals and counts");
                    is_said = false;
                    self.shared.write(Some(connection.clone()));
                    let lost = self.serve(connection, incoming, &mut outgoing).await;
                    self.shared.write(None);
                    lost
                }
                Err(lost) => lost,
            };
            if !is_said {
                warn!(
                    error = %lost,
                    "Redis at {address} is away: {lost}; until it is back, replicas find each other's \
                     news by looking, and each counts by itself"
                );
                is_said = true;
            }
            if tried.elapsed() > PAUSES.1 + CONNECT {
                pause = PAUSES.0;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            // They are old by the time that somebody hears them.
            while outgoing.try_recv().is_ok() {}
        }
    }

    /// A connection that hears the others and may do all that it is for.
    async fn connect(&self) -> Result<(MultiplexedConnection, Receiver<PushInfo>), Lost> {
        let (heard, incoming) = mpsc::channel(INCOMING);
        let hear = move |push| match heard.try_send(push) {
            // Those who wait look by themselves; should it be the end, the next try tells.
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(redis::aio::SendError),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(hear);
        let connecting = async {
            let mut connection = self
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            connection.subscribe(self.names.channel()).await?;
            self.try_out(&mut connection).await?;
            Ok((connection, incoming))
        };
        timeout(CONNECT, connecting)
            .await
            .unwrap_or(Err(Lost::Silent))
    }

    /// Does what it is for, so that a user who may not, or a server that only reads, is noticed.
    async fn try_out(&self, connection: &mut MultiplexedConnection) -> Result<(), Lost> {
        rate::count(connection, &self.names.rate("try"), u32::MAX, TRY_EVERY).await?;
        Ok(())
    }

    /// Uses it for as long as it works; why it does not any more.
    async fn serve(
        &self,
        connection: MultiplexedConnection,
        incoming: Receiver<PushInfo>,
        outgoing: &mut Receiver<Signal>,
    ) -> Lost {
        let ended = tokio::select! {
            ended = self.publish(connection.clone(), outgoing) => ended,
            ended = self.hear(incoming) => ended,
            ended = self.watch(connection) => ended,
        };
        let Err(lost) = ended;
        lost
    }

    async fn publish(
        &self,
        mut connection: MultiplexedConnection,
        outgoing: &mut Receiver<Signal>,
    ) -> Result<Infallible, Lost> {
        let channel = self.names.channel();
        let mut batch = Vec::new();
        loop {
            if outgoing.recv_many(&mut batch, BATCH).await == 0 {
                // Nobody is left to tell anything; the task ends with the link.
                std::future::pending::<()>().await;
            }
            let message = message::encode(&self.names.sender, &batch);
            batch.clear();
            let mut command = redis::cmd("PUBLISH");
            command.arg(&channel).arg(message);
            command.query_async::<()>(&mut connection).await?;
        }
    }

    async fn hear(&self, mut incoming: Receiver<PushInfo>) -> Result<Infallible, Lost> {
        while let Some(push) = incoming.recv().await {
            if push.kind == PushKind::Disconnection {
                break;
            }
            let Some(heard) = Msg::from_push_info(push) else {
                continue;
            };
            for signal in message::decode(heard.get_payload_bytes(), &self.names.sender) {
                match &signal {
                    Signal::Ready { pool } => self.local.queue.announce(pool).await,
                    Signal::RunChanged { .. }
                    | Signal::SessionChanged { .. }
                    | Signal::Stop { .. } => self.local.signals.send(&[signal]).await,
                }
            }
        }
        Err(Lost::Closed)
    }

    async fn watch(&self, mut connection: MultiplexedConnection) -> Result<Infallible, Lost> {
        loop {
            tokio::select! {
                () = sleep(TRY_EVERY) => {}
                () = self.shared.doubted.notified() => {}
            }
            self.try_out(&mut connection).await?;
        }
    }
}
