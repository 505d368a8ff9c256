//! Rates of requests, counted in fixed windows inside one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use windlass_application::ports::limits::{Limits, Rate};
use windlass_domain::id::OrganizationId;

/// Counts the requests of each organization. A window starts with its first request.
#[derive(Default)]
pub struct LocalLimits {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    windows: HashMap<OrganizationId, Window>,
    /// When windows that are over are dropped again.
    sweep_at: Option<Instant>,
}

struct Window {
    ends_at: Instant,
    requests: u32,
}

#[async_trait]
impl Limits for LocalLimits {
    async fn count(&self, organization_id: OrganizationId, limit: u32, window: Duration) -> Rate {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(organization_id, limit, window, Instant::now())
    }
}

impl Counts {
    fn count(
        &mut self,
        organization_id: OrganizationId,
        limit: u32,
        length: Duration,
        now: Instant,
    ) -> Rate {
        self.sweep(length, now);
        let window = self
            .windows
            .entry(organization_id)
            .and_modify(|window| {
                if window.ends_at <= now {
                    *window = Window::starting(now, length);
                }
            })
            .or_insert_with(|| Window::starting(now, length));
        window.requests = window.requests.saturating_add(1);
        Rate {
            limit,
            remaining: limit.saturating_sub(window.requests),
            resets_in: window.ends_at.saturating_duration_since(now),
            exceeded: window.requests > limit,
        }
    }

    /// Drops the windows that are over, once a window's length: an organization that went silent
    /// takes memory for two windows at most.
    fn sweep(&mut self, length: Duration, now: Instant) {
        if self.sweep_at.is_none_or(|at| at <= now) {
            self.windows.retain(|_, window| window.ends_at > now);
            self.sweep_at = Some(now + length);
        }
    }
}

impl Window {
    fn starting(now: Instant, length: Duration) -> Self {
        Self {
            ends_at: now + length,
            requests: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::Random;
    use windlass_domain::time::Timestamp;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn organization(byte: u8) -> OrganizationId {
        OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
    }

    #[test]
    fn a_window_that_is_over_starts_anew() {
        let (mut counts, start) = (Counts::default(), Instant::now());
        for _ in 0..3 {
            counts.count(organization(1), 2, MINUTE, start);
        }

        let late = start + MINUTE - Duration::from_millis(1);
        let before = counts.count(organization(1), 2, MINUTE, late);
        let after = counts.count(organization(1), 2, MINUTE, start + MINUTE);

        assert!(before.exceeded);
        assert_eq!(before.resets_in, Duration::from_millis(1));
        assert!(!after.exceeded);
        assert_eq!((after.remaining, after.resets_in), (1, MINUTE));
    }

    #[test]
    fn organizations_that_went_silent_take_no_memory() {
        let (mut counts, start) = (Counts::default(), Instant::now());
        for byte in 1..=200 {
            counts.count(organization(byte), 10, MINUTE, start);
        }
        assert_eq!(counts.windows.len(), 200);

        counts.count(organization(201), 10, MINUTE, start + 2 * MINUTE);

        assert_eq!(counts.windows.len(), 1);
    }
}
