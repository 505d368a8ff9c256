//! What follows from an attempt, and that one bad destination harms no other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use secrecy::SecretString;
use windlass_domain::Timestamp;
use windlass_domain::delivery::{Delivery, DeliveryState, DeliverySummary};
use windlass_domain::destination::{Destination, DestinationStatus, EventFilter};
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::{DeliveryId, EventId, Random};

use super::*;
use crate::contents::SigningSecret;
use crate::fixture::{OpenVault, clock, now, organization};
use crate::ports::deliveries::MockDeliveries;
use crate::ports::destination::MockDestinationSender;

fn destination_id() -> DestinationId {
    DestinationId::new(now(), Random([1; 10]))
}

fn due(attempts: u32, secret_of: DestinationId) -> DueDelivery {
    let event_id = EventId::new(now(), Random([2; 10]));
    let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    DueDelivery {
        organization_id: organization().organization_id(),
        delivery: Delivery {
            id: DeliveryId::new(now(), Random([3; 10])),
            event_id,
            event_type: EventType::DeliveryParked,
            destination_id: destination_id(),
            state: DeliveryState::Pending {
                next_attempt_at: now(),
            },
            attempts,
            created_at: now(),
        },
        event: Event {
            id: event_id,
            event_type: EventType::DeliveryParked,
            sequence: 1,
            created_at: now(),
            data: EventData::Delivery(DeliverySummary {
                id: DeliveryId::new(now(), Random([4; 10])),
                event_id,
                event_type: EventType::RunQueued,
                destination_id: DestinationId::new(now(), Random([5; 10])),
                attempts: 10,
            }),
        },
        destination: Destination {
            id: destination_id(),
            name: "Billing".to_owned(),
            status: DestinationStatus::Active,
            events: EventFilter::All,
            configuration: Configuration::Webhook(Webhook {
                url: "https://hooks.example/".to_owned(),
                retry_profile: RetryProfile::Durable,
                secret: contents::seal_signing_secrets(
                    &OpenVault,
                    secret_of,
                    &[SigningSecret::present(secret)],
                ),
                custom_headers: None,
            }),
            created_at: now(),
            updated_at: now(),
        },
    }
}

fn attempt(at: Timestamp, error: Option<&str>) -> Attempt {
    Attempt {
        at,
        status_code: Some(if error.is_some() { 503 } else { 200 }),
        duration: Duration::from_millis(5),
        error: error.map(str::to_owned),
        retry_after: None,
    }
}

/// Dispatches this one delivery, whose attempts end so, until it is recorded.
async fn dispatched(
    due: DueDelivery,
    error: Option<&'static str>,
    sends: usize,
) -> (Attempt, Next) {
    let recorded = Arc::new(Mutex::new(None));
    let stop = CancellationToken::new();
    let mut deliveries = MockDeliveries::new();
    let leases = AtomicU32::new(0);
    deliveries.expect_lease().returning(move |_, _, _, _| {
        let first = leases.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(if first { vec![due.clone()] } else { Vec::new() })
    });
    deliveries.expect_due().return_const(());
    let (keeps, stops) = (recorded.clone(), stop.clone());
    deliveries
        .expect_record()
        .times(1)
        .returning(move |_, attempt, next| {
            *keeps.lock().unwrap() = Some((attempt, next));
            stops.cancel();
            Ok(())
        });
    let mut webhooks = MockDestinationSender::new();
    webhooks
        .expect_send()
        .times(sends)
        .returning(move |_, _| attempt(now(), error));
    let dispatcher = Arc::new(Dispatcher {
        deliveries: Arc::new(deliveries),
        webhooks: Arc::new(webhooks),
        vault: Arc::new(OpenVault),
        clock: clock(),
    });

    dispatcher.run_until(&stop).await;

    let kept = recorded.lock().unwrap().take();
    kept.expect("the attempt was kept")
}

// The mock of `due` never waits, so the deliveries need a thread of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_delivery_that_was_taken_is_done() {
    let (attempt, next) = dispatched(due(0, destination_id()), None, 1).await;

    assert_eq!(next, Next::Delivered);
    assert_eq!(attempt.status_code, Some(200));
}

// The mock of `due` never waits, so the deliveries need a thread of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_delivery_that_failed_is_tried_again_and_in_the_end_parked() {
    let (_, first) = dispatched(due(0, destination_id()), Some("503"), 1).await;
    let (_, last) = dispatched(due(9, destination_id()), Some("503"), 1).await;

    assert!(matches!(first, Next::Retry { .. }), "{first:?}");
    assert_eq!(last, Next::Park { deactivate: false });
}

// The mock of `due` never waits, so the deliveries need a thread of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_secret_that_does_not_open_sends_nothing_and_is_told() {
    let of_another = DestinationId::new(now(), Random([9; 10]));

    let (attempt, next) = dispatched(due(0, of_another), None, 0).await;

    assert_eq!(
        attempt.error.as_deref(),
        Some("The destination's secrets cannot be opened.")
    );
    assert!(matches!(next, Next::Retry { .. }), "{next:?}");
}

/// A receiver that never answers.
struct Silent;

#[async_trait]
impl DestinationSender for Silent {
    async fn send(&self, _: &Event, _: &OpenedConfiguration) -> Attempt {
        std::future::pending().await
    }

    async fn ping(&self, _: &Destination, _: &OpenedConfiguration) -> Attempt {
        unreachable!("a dispatcher sends what happened")
    }
}

#[tokio::test]
async fn with_all_hands_full_it_waits_for_one_to_be_free_and_looks_at_nothing() {
    let mut deliveries = MockDeliveries::new();
    deliveries
        .expect_lease()
        .times(1)
        .returning(|limit, _, _, _| {
            let many = vec![due(0, destination_id()); limit as usize];
            Ok(many)
        });
    deliveries.expect_due().times(0).return_const(());
    let dispatcher = Arc::new(Dispatcher {
        deliveries: Arc::new(deliveries),
        webhooks: Arc::new(Silent),
        vault: Arc::new(OpenVault),
        clock: clock(),
    });

    let stop = CancellationToken::new();
    let running = dispatcher.run_until(&stop);
    let ended = tokio::time::timeout(Duration::from_millis(50), running).await;

    assert!(ended.is_err(), "it waits");
}

// The mock of `due` never waits, so the deliveries need a thread of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_delivery_that_broke_off_does_not_keep_its_destination_busy() {
    let stop = CancellationToken::new();
    let mut deliveries = MockDeliveries::new();
    let (leases, stops) = (AtomicU32::new(0), stop.clone());
    deliveries.expect_lease().returning(move |_, _, busy, _| {
        if leases.fetch_add(1, Ordering::SeqCst) == 0 {
            return Ok(vec![due(0, destination_id())]);
        }
        if busy.is_empty() {
            stops.cancel();
        }
        Ok(Vec::new())
    });
    deliveries.expect_due().return_const(());
    let mut webhooks = MockDestinationSender::new();
    webhooks
        .expect_send()
        .returning(|_, _| panic!("a bug of the sender"));
    let dispatcher = Arc::new(Dispatcher {
        deliveries: Arc::new(deliveries),
        webhooks: Arc::new(webhooks),
        vault: Arc::new(OpenVault),
        clock: clock(),
    });

    let stopped = tokio::time::timeout(Duration::from_secs(5), dispatcher.run_until(&stop)).await;

    assert!(stopped.is_ok(), "it is free again");
}

#[test]
fn a_window_grows_with_success_and_shrinks_with_failure() {
    let mut window = Window::default();
    for _ in 0..100 {
        window.under_way += 1;
        window.ended(true);
    }
    assert_eq!(window.size, MAX_WINDOW);

    window.ended(false);
    assert_eq!(window.size, MAX_WINDOW / 2);
    for _ in 0..10 {
        window.ended(false);
    }
    assert_eq!(window.size, QUANTUM);
}

#[test]
fn a_full_window_takes_no_more() {
    let mut window = Window::default();
    assert!(!window.is_full());

    window.under_way = 1;

    assert!(window.is_full());
}
