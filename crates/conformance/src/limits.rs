//! What rates promise.

use std::time::Duration;

use windlass_application::ports::limits::Limits;
use windlass_domain::id::{OrganizationId, Random};
use windlass_domain::time::Timestamp;

/// So long that no test lives to see its end.
const WINDOW: Duration = Duration::from_secs(3600);

/// Everything that [`Limits`] promise, but for the start of a new window, which takes its time.
pub async fn check(limits: &dyn Limits) {
    requests_are_counted_down_and_then_exceeded(limits).await;
    organizations_are_counted_apart(limits).await;
    requests_at_the_same_time_are_each_counted(limits).await;
}

async fn requests_are_counted_down_and_then_exceeded(limits: &dyn Limits) {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let rate = limits.count(organization(1), 3, WINDOW).await;
        assert_eq!(rate.limit, 3);
        assert!(rate.resets_in <= WINDOW && rate.resets_in > WINDOW / 2);
        seen.push((rate.remaining, rate.exceeded));
    }

    assert_eq!(seen, [(2, false), (1, false), (0, false), (0, true)]);
}

async fn organizations_are_counted_apart(limits: &dyn Limits) {
    for _ in 0..5 {
        limits.count(organization(2), 1, WINDOW).await;
    }

    let other = limits.count(organization(3), 1, WINDOW).await;

    assert!(!other.exceeded);
}

async fn requests_at_the_same_time_are_each_counted(limits: &dyn Limits) {
    for _ in 0..10 {
        tokio::join!(
            limits.count(organization(4), 100, WINDOW),
            limits.count(organization(4), 100, WINDOW),
            limits.count(organization(4), 100, WINDOW),
        );
    }

    let last = limits.count(organization(4), 100, WINDOW).await;

    assert_eq!(last.remaining, 100 - 31);
}

fn organization(byte: u8) -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
}
