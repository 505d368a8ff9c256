//! How a source is treated: how much at once, how fast, under which name, and how long it is waited
//! for. Source: docs/guides/respect-a-source.md.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use crate::turn::Turn;

/// How many hosts are remembered before those that nobody visits are forgotten.
const MAX_GATES: usize = 4096;

/// What every source is treated with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manners {
    /// What requests say who they are.
    pub user_agent: String,
    /// The languages that pages are asked for in.
    pub accept_language: String,
    /// How many requests one host has under way at once.
    pub requests_at_once: u32,
    /// The least time between the starts of two requests to one host.
    pub request_gap: Duration,
    /// How long the head of an answer may take, from the start of its request.
    pub head_timeout: Duration,
    /// How long a page may take to arrive whole.
    pub page_timeout: Duration,
    /// How long going to one page may take, with all redirects, refreshes and waits on the way.
    pub load_timeout: Duration,
    /// How long one step may take, with all its pages, files and frames.
    pub step_timeout: Duration,
    /// The longest wait that a source may ask for with `Retry-After`; one that asks for more has
    /// refused.
    pub retry_wait: Duration,
}

impl Default for Manners {
    /// What a patient person with a browser does; no pause between requests.
    fn default() -> Self {
        Self {
            user_agent: concat!(
                "Mozilla/5.0 (compatible; Windlass/",
                env!("CARGO_PKG_VERSION"),
                ")"
            )
            .to_owned(),
            accept_language: "en-US,en;q=0.9".to_owned(),
            requests_at_once: 16,
            request_gap: Duration::ZERO,
            head_timeout: Duration::from_secs(30),
            page_timeout: Duration::from_secs(60),
            load_timeout: Duration::from_secs(300),
            step_timeout: Duration::from_secs(1800),
            retry_wait: Duration::from_secs(60),
        }
    }
}

/// One gate for each host.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    by_host: Mutex<HashMap<String, Arc<Gate>>>,
}

#[derive(Debug)]
struct Gate {
    places: Arc<Semaphore>,
    times: Mutex<Times>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// When the next request may start: a gap after the one before, and after a pause.
    next_at: Instant,
    /// Until when the host wants none.
    paused_until: Instant,
}

/// When a request starts.
struct Start {
    at: Instant,
    /// Until when the host's own pause is why.
    paused_until: Instant,
}

impl Gates {
    /// Waits until a request may start. The place is free again when what is returned is dropped. What
    /// the others are waited for is noted as such; a pause is the host's own doing.
    pub(crate) async fn enter(
        &self,
        url: &Url,
        manners: &Manners,
        turn: &Turn,
    ) -> Option<OwnedSemaphorePermit> {
        let gate = self.gate(url, manners);
        let places = Arc::clone(&gate.places);
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => turn.wait(places.acquire_owned()).await.ok(),
        };
        let mut start = gate.reserve(Instant::now(), manners.request_gap);
        loop {
            if start.at > Instant::now() {
                tokio::time::sleep_until(start.paused_until).await;
                turn.wait(tokio::time::sleep_until(start.at)).await;
            }
            match gate.postponed(Instant::now(), manners.request_gap) {
                Some(later) => start = later,
                None => return place,
            }
        }
    }

    /// Lets no request to this host start until the time is over: the host has asked for it, and means
    /// all of them.
    pub(crate) fn pause(&self, url: &Url, manners: &Manners, wait: Duration) {
        let gate = self.gate(url, manners);
        gate.pause(Instant::now() + wait);
    }

    fn gate(&self, url: &Url, manners: &Manners) -> Arc<Gate> {
        let host = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        // A panic elsewhere cannot have left a change half done.
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if by_host.len() >= MAX_GATES && !by_host.contains_key(&host) {
            let now = Instant::now();
            by_host.retain(|_, gate| Arc::strong_count(gate) > 1 || gate.is_closed(now));
        }
        let places = usize::try_from(manners.requests_at_once).unwrap_or(usize::MAX);
        let open = || Gate {
            places: Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))),
            times: Mutex::new(Times {
                next_at: Instant::now(),
                paused_until: Instant::now(),
            }),
        };
        Arc::clone(by_host.entry(host).or_insert_with(|| Arc::new(open())))
    }
}

impl Gate {
    fn times(&self) -> MutexGuard<'_, Times> {
        // A panic elsewhere cannot have left a change half done.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When this request may start; the next one may a gap later.
    fn reserve(&self, now: Instant, gap: Duration) -> Start {
        let mut times = self.times();
        let at = times.next_at.max(now);
        times.next_at = at + gap;
        Start {
            at,
            paused_until: times.paused_until,
        }
    }

    /// Whether the host wants a pause meanwhile: when a request that was to start now does so, a gap
    /// apart from the others after it.
    fn postponed(&self, now: Instant, gap: Duration) -> Option<Start> {
        let is_paused = self.times().paused_until > now;
        is_paused.then(|| self.reserve(now, gap))
    }

    fn pause(&self, until: Instant) {
        let mut times = self.times();
        times.paused_until = times.paused_until.max(until);
        times.next_at = times.next_at.max(until);
    }

    fn is_closed(&self, now: Instant) -> bool {
        let times = self.times();
        times.next_at > now || Arc::strong_count(&self.places) > 1
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test]
    async fn requests_to_one_host_start_a_gap_apart() {
        let gates = Gates::default();
        let gate = gates.gate(&url("https://x.example/a"), &Manners::default());
        let (now, gap) = (Instant::now(), Duration::from_secs(2));
        let later = now + Duration::from_secs(60);

        let starts = [now, now, now, later].map(|at| gate.reserve(at, gap).at);

        assert_eq!(starts, [now, now + gap, now + 2 * gap, later]);
    }

    #[tokio::test]
    async fn a_host_has_no_more_requests_at_once_than_it_may() {
        let gates = Gates::default();
        let manners = Manners {
            requests_at_once: 2,
            ..Manners::default()
        };
        let address = url("https://x.example/");
        let turn = Turn::default();
        let enter = |address| gates.enter(address, &manners, &turn);
        let first = enter(&address).await;
        let _second = enter(&address).await;
        assert!(enter(&address).now_or_never().is_none());
        let other = url("https://y.example/");
        assert!(enter(&other).now_or_never().is_some());

        drop(first);

        assert!(enter(&address).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_pause_leaves_requests_a_gap_apart() {
        let gates = Gates::default();
        let gate = gates.gate(&url("https://x.example/"), &Manners::default());
        let (now, gap) = (Instant::now(), Duration::from_secs(2));
        let after = |seconds| now + Duration::from_secs(seconds);
        let [_, second, third] = [now; 3].map(|at| gate.reserve(at, gap).at);

        gate.pause(after(60));
        let next = gate.reserve(after(1), gap).at;
        let postponed = [second, third].map(|at| gate.postponed(at, gap).unwrap().at);

        assert_eq!(next, after(60));
        assert_eq!(postponed, [after(62), after(64)]);
        assert!(gate.postponed(after(62), gap).is_none());
    }

    #[tokio::test]
    async fn a_host_that_wants_a_pause_has_it_from_all() {
        let (gates, manners) = (Gates::default(), Manners::default());
        let address = url("https://x.example/");
        let other = url("https://y.example/");

        gates.pause(&address, &manners, Duration::from_secs(60));
        gates.pause(&address, &manners, Duration::from_secs(1));

        let turn = Turn::default();
        let enter = |address| gates.enter(address, &manners, &turn);
        assert!(enter(&address).now_or_never().is_none());
        assert!(enter(&other).now_or_never().is_some());
        let gate = gates.gate(&address, &manners);
        let at = gate.reserve(Instant::now(), Duration::ZERO).at;
        assert!(
            at > Instant::now() + Duration::from_secs(50),
            "the longer one"
        );
    }

    #[test]
    fn hosts_that_nobody_visits_are_forgotten() {
        let gates = Gates::default();
        for number in 0..10_000 {
            let address = url(&format!("https://h{number}.example/"));
            drop(gates.gate(&address, &Manners::default()));
        }

        assert!(gates.by_host.lock().unwrap().len() <= MAX_GATES);
    }
}
