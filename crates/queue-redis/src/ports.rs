//! The ports, in front of those of one process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use tokio::time::timeout;
use windlass_application::ports::limits::{Limits, Rate};
use windlass_application::ports::signals::{Listener, Queue, Signals, Topic};
use windlass_application::random;
use windlass_domain::id::OrganizationId;
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;

use crate::link::{Link, Names};
use crate::rate;

/// How long a request waits to be counted by Redis before it is counted here.
const COUNT: Duration = Duration::from_millis(250);

/// The ports of this process alone: they wake who waits here, and count while Redis is away.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its name")]
pub struct Local {
    pub queue: Arc<dyn Queue>,
    pub signals: Arc<dyn Signals>,
    pub limits: Arc<dyn Limits>,
}

/// Wake-ups and counters that replicas share. No call waits for Redis, but for a counted request,
/// which does so for a quarter of a second at most.
pub struct Redis {
    local: Local,
    names: Arc<Names>,
    link: Link,
}

/// The text names no Redis server. Never shows it: a password may be in it.
#[derive(Debug, thiserror::Error)]
#[error("write an address such as redis://:password@redis.example:6379/0, or rediss:// for TLS")]
pub struct NotAnAddress;

impl Redis {
    /// Connects as soon as the server at `url` is there, and again whenever it was away. All names in
    /// it begin with `prefix`: other installations have others.
    ///
    /// # Errors
    /// The address is none.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(url: &str, prefix: &str, local: Local) -> Result<Self, NotAnAddress> {
        let client = client(url).ok_or(NotAnAddress)?;
        let names = Arc::new(Names {
            prefix: prefix.to_owned(),
            sender: format!("{:032x}", u128::from_be_bytes(random::bytes())),
        });
        Ok(Self {
            link: Link::new(client, Arc::clone(&names), local.clone()),
            names,
            local,
        })
    }
}

/// Messages come over the connection that also asks, as version 3 of the protocol lets them.
fn client(url: &str) -> Option<Client> {
    let info: ConnectionInfo = url.into_connection_info().ok()?;
    let settings = info.redis_settings().clone();
    let settings = settings.set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings)).ok()
}

#[async_trait]
impl Queue for Redis {
    async fn announce(&self, pool: &Pool) {
        self.local.queue.announce(pool).await;
        self.link.tell(&Signal::Ready { pool: pool.clone() });
    }

    fn listen(&self, pools: &[Pool]) -> Box<dyn Listener> {
        self.local.queue.listen(pools)
    }
}

#[async_trait]
impl Signals for Redis {
    async fn send(&self, signals: &[Signal]) {
        self.local.signals.send(signals).await;
        for signal in signals {
            match signal {
                Signal::Ready { .. } => {}
                Signal::RunChanged { .. } | Signal::SessionChanged { .. } | Signal::Stop { .. } => {
                    self.link.tell(signal);
                }
            }
        }
    }

    fn listen(&self, topics: &[Topic]) -> Box<dyn Listener> {
        self.local.signals.listen(topics)
    }
}

#[async_trait]
impl Limits for Redis {
    async fn count(&self, organization_id: OrganizationId, limit: u32, window: Duration) -> Rate {
        if let Some(mut connection) = self.link.connection() {
            let key = self.names.rate(&organization_id.to_string());
            let counting = rate::count(&mut connection, &key, limit, window);
            match timeout(COUNT, counting).await {
                Ok(Ok(rate)) => return rate,
                // Why, the connection's keeper finds out and says once.
                Ok(Err(_)) | Err(_) => self.link.doubt(),
            }
        }
        self.local
            .limits
            .count(organization_id, limit, window)
            .await
    }
}
