//! What the use cases need besides the store: a vault, files, signals, receivers. None of it fails
//! but as the chaos draws.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use secrecy::SecretSlice;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use url::Url;
use windlass_application::Problem;
use windlass_application::ports::blobs::{BlobError, BlobFacts, BlobId, OwnedBlob};
use windlass_application::ports::destination::OpenedConfiguration;
use windlass_application::ports::egress::EgressRefusal;
use windlass_application::ports::limits::Rate;
use windlass_application::ports::signals::Topic;
use windlass_application::ports::vault::{Place, VaultError};
use windlass_application::ports::{
    Blobs, Clock, DestinationSender, EgressPolicy, Limits, Listener, OrganizationVault,
    PlaybookRules, Queue, Signals, Vault,
};
use windlass_domain::delivery::Attempt;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::sealed::Sealed;

use crate::chaos::Chaos;
use crate::pacer::Yield;

/// A receiver that takes everything, however often it is down.
pub(crate) const STEADY: &str = "https://steady.example/";
/// A receiver that often fails.
pub(crate) const SHAKY: &str = "https://shaky.example/";
/// A receiver that never takes anything.
pub(crate) const DEAD: &str = "https://dead.example/";

/// The longest that a receiver takes to answer: longer than the dispatcher's lease would be wrong
/// of the sender, which gives up before.
const SLOWEST_ANSWER: Duration = Duration::from_secs(20);

/// What the use cases need besides the store, the same for every replica.
pub(crate) struct Outside {
    chaos: Arc<Chaos>,
    blobs: Mutex<BTreeMap<BlobId, Bytes>>,
    bell: Arc<Notify>,
    received: Mutex<BTreeSet<(String, EventId)>>,
}

impl Outside {
    /// With nothing in it.
    pub(crate) fn new(chaos: Arc<Chaos>) -> Self {
        Self {
            chaos,
            blobs: Mutex::default(),
            bell: Arc::default(),
            received: Mutex::default(),
        }
    }

    /// Waits for a signal.
    pub(crate) async fn heard(&self) {
        self.bell.notified().await;
    }

    /// Whether the receiver at this address has the event.
    pub(crate) fn has_received(&self, url: &str, event_id: EventId) -> bool {
        lock(&self.received).contains(&(url.to_owned(), event_id))
    }

    /// Tells all who wait, unless it is lost.
    fn ring(&self) {
        if !self.chaos.strikes("signal lost", 200) {
            self.bell.notify_waiters();
        }
    }
}

/// Seals by writing the place before the text: what is opened elsewhere is noticed.
struct PlainVault;

fn place(place: Place<'_>) -> Vec<u8> {
    format!("{}/{}/", place.name, place.row).into_bytes()
}

impl OrganizationVault for PlainVault {
    fn seal(&self, at: Place<'_>, plaintext: &[u8]) -> Sealed {
        let mut bytes = place(at);
        bytes.extend_from_slice(plaintext);
        Sealed::from_bytes(bytes)
    }

    fn open(&self, at: Place<'_>, sealed: &Sealed) -> Result<SecretSlice<u8>, VaultError> {
        let plaintext = sealed.as_bytes().strip_prefix(place(at).as_slice());
        let plaintext = plaintext.ok_or(VaultError::DoesNotOpen { name: at.name })?;
        Ok(SecretSlice::from(plaintext.to_vec()))
    }
}

#[async_trait]
impl Vault for Outside {
    async fn of(
        &self,
        _organization_id: OrganizationId,
    ) -> Result<Arc<dyn OrganizationVault>, VaultError> {
        Ok(Arc::new(PlainVault))
    }
}

#[async_trait]
impl Blobs for Outside {
    async fn put(
        &self,
        _organization_id: OrganizationId,
        id: BlobId,
        mut content: BoxStream<'static, io::Result<Bytes>>,
        _limit: u64,
    ) -> Result<BlobFacts, BlobError> {
        let mut bytes = Vec::new();
        while let Some(part) = content.next().await {
            bytes.extend_from_slice(&part.map_err(BlobError::Interrupted)?);
            Yield::default().await;
        }
        let facts = BlobFacts {
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: Sha256::digest(&bytes).into(),
        };
        lock(&self.blobs).insert(id, Bytes::from(bytes));
        Ok(facts)
    }

    async fn get(
        &self,
        _organization_id: OrganizationId,
        id: BlobId,
        _range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, BlobError> {
        let bytes = lock(&self.blobs).get(&id).cloned();
        let bytes = bytes.ok_or(BlobError::NotFound)?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }

    async fn delete(&self, _organization_id: OrganizationId, id: BlobId) -> Result<(), BlobError> {
        lock(&self.blobs).remove(&id);
        Ok(())
    }

    /// Nobody here keeps anything for long enough to ask.
    fn all(&self) -> BoxStream<'static, Result<OwnedBlob, BlobError>> {
        stream::empty().boxed()
    }
}

/// Hears whatever is told to anybody.
struct Hearing(Arc<Notify>);

#[async_trait]
impl Listener for Hearing {
    async fn heard(&mut self) {
        self.0.notified().await;
    }
}

#[async_trait]
impl Queue for Outside {
    async fn announce(&self, _pool: &Pool) {
        Yield::default().await;
        self.ring();
    }

    fn listen(&self, _pools: &[Pool]) -> Box<dyn Listener> {
        Box::new(Hearing(Arc::clone(&self.bell)))
    }
}

#[async_trait]
impl Signals for Outside {
    async fn send(&self, signals: &[Signal]) {
        Yield::default().await;
        if !signals.is_empty() {
            self.ring();
        }
    }

    fn listen(&self, _topics: &[Topic]) -> Box<dyn Listener> {
        Box::new(Hearing(Arc::clone(&self.bell)))
    }
}

#[async_trait]
impl Limits for Outside {
    async fn count(&self, _organization_id: OrganizationId, limit: u32, window: Duration) -> Rate {
        Rate {
            limit,
            remaining: limit,
            resets_in: window,
            exceeded: false,
        }
    }
}

#[async_trait]
impl EgressPolicy for Outside {
    async fn check(&self, _url: &Url) -> Result<(), EgressRefusal> {
        Ok(())
    }
}

impl PlaybookRules for Outside {
    fn check(&self, _document: &Value) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

#[async_trait]
impl DestinationSender for Outside {
    async fn send(&self, event: &Event, configuration: &OpenedConfiguration) -> Attempt {
        let OpenedConfiguration::Webhook { url, .. } = configuration;
        let at = self.chaos.pacer.now();
        Yield::default().await;
        if self.chaos.strikes("receiver slow", 30) {
            let length = self.chaos.draw(|chance| chance.up_to(SLOWEST_ANSWER));
            self.chaos.pacer.sleep(length).await;
        }
        let refused = url.starts_with(DEAD)
            || (url.starts_with(SHAKY) && self.chaos.strikes("receiver down", 300))
            || self.chaos.strikes("receiver down", 20);
        // What it took it may have taken without being able to say so.
        let unheard = self.chaos.strikes("receiver's answer lost", 20);
        if !refused {
            lock(&self.received).insert((url.clone(), event.id));
        }
        Yield::default().await;
        let error = if refused {
            Some("The receiver answered 503.".to_owned())
        } else {
            unheard.then(|| "The receiver did not answer.".to_owned())
        };
        Attempt {
            at,
            status_code: match (refused, unheard) {
                (true, _) => Some(503),
                (false, true) => None,
                (false, false) => Some(200),
            },
            duration: self.chaos.pacer.now().since(at),
            error,
            retry_after: None,
        }
    }

    async fn ping(&self, _: &Destination, _: &OpenedConfiguration) -> Attempt {
        unreachable!("no caller of a simulation tests a destination")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
