//! What the queue's wake-ups and the signals promise.

use std::time::Duration;

use windlass_domain::id::{Random, RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;
use windlass_domain::time::Timestamp;

use windlass_application::ports::signals::{Listener, Queue, Signals, Topic};

/// A ring must come within this. Long, so that a busy machine fails no test.
const SOON: Duration = Duration::from_secs(10);

/// How long silence is listened to.
const A_WHILE: Duration = Duration::from_millis(50);

/// Everything that a [`Queue`] promises.
pub async fn check_queue(queue: &dyn Queue) {
    announced_runs_wake_everybody_of_their_pool(queue).await;
    runs_of_another_pool_wake_nobody(queue).await;
    an_announcement_before_the_wait_is_not_lost(queue).await;
    an_announcement_before_the_listener_is_not_heard(queue).await;
}

/// Everything that [`Signals`] promise.
pub async fn check_signals(signals: &dyn Signals) {
    each_signal_reaches_its_topic_alone(signals).await;
    what_is_an_event_wakes_who_follows_events(signals).await;
    a_signal_before_the_wait_is_not_lost(signals).await;
    a_dropped_wait_loses_no_signal(signals).await;
    each_listener_hears_by_itself(signals).await;
    a_burst_of_signals_is_heard_at_least_once(signals).await;
}

async fn announced_runs_wake_everybody_of_their_pool(queue: &dyn Queue) {
    let pools = [pool("one"), pool("two")];
    let mut both = queue.listen(&pools);
    let mut second = queue.listen(&pools[1..]);

    queue.announce(&pools[1]).await;

    heard(&mut *both, "who listens to two pools").await;
    heard(&mut *second, "who listens to this pool").await;
}

async fn runs_of_another_pool_wake_nobody(queue: &dyn Queue) {
    let mut listener = queue.listen(&[pool("one")]);

    queue.announce(&pool("two")).await;

    silent(&mut *listener, "who listens to another pool").await;
}

async fn an_announcement_before_the_wait_is_not_lost(queue: &dyn Queue) {
    let mut listener = queue.listen(&[pool("one")]);

    queue.announce(&pool("one")).await;
    tokio::time::sleep(A_WHILE).await;

    heard(&mut *listener, "who was at work meanwhile").await;
    silent(&mut *listener, "who has heard it already").await;
}

async fn an_announcement_before_the_listener_is_not_heard(queue: &dyn Queue) {
    queue.announce(&pool("one")).await;

    let mut listener = queue.listen(&[pool("one")]);

    silent(&mut *listener, "who came after it").await;
}

async fn each_signal_reaches_its_topic_alone(signals: &dyn Signals) {
    let topics = [
        Topic::Run(run(1)),
        Topic::Session(session(1)),
        Topic::Worker(worker(1)),
    ];
    let ready = Signal::Ready { pool: pool("one") };
    for (signal, told) in [
        (Signal::RunChanged { run_id: run(1) }, Some(0)),
        (
            Signal::SessionChanged {
                session_id: session(1),
            },
            Some(1),
        ),
        (stop(worker(1)), Some(2)),
        (Signal::RunChanged { run_id: run(2) }, None),
        (stop(worker(2)), None),
        (ready, None),
    ] {
        for (index, topic) in topics.iter().enumerate() {
            let mut listener = signals.listen(std::slice::from_ref(topic));
            signals.send(std::slice::from_ref(&signal)).await;
            let what = format!("{topic:?} of {signal:?}");
            if told == Some(index) {
                heard(&mut *listener, &what).await;
            } else {
                silent(&mut *listener, &what).await;
            }
        }
    }
}

async fn what_is_an_event_wakes_who_follows_events(signals: &dyn Signals) {
    for (signal, is_event) in [
        (Signal::RunChanged { run_id: run(1) }, true),
        (
            Signal::SessionChanged {
                session_id: session(1),
            },
            true,
        ),
        (stop(worker(1)), false),
        (Signal::Ready { pool: pool("one") }, false),
    ] {
        let mut listener = signals.listen(&[Topic::Events]);
        let what = format!("who follows events, of {signal:?}");
        signals.send(&[signal.clone(), signal]).await;
        if is_event {
            heard(&mut *listener, &what).await;
        }
        silent(&mut *listener, &what).await;
    }
}

async fn a_signal_before_the_wait_is_not_lost(signals: &dyn Signals) {
    let mut listener = signals.listen(&[Topic::Run(run(1))]);

    signals.send(&[Signal::RunChanged { run_id: run(1) }]).await;
    tokio::time::sleep(A_WHILE).await;

    heard(&mut *listener, "who looked at the run meanwhile").await;
    silent(&mut *listener, "who has heard it already").await;
}

async fn a_dropped_wait_loses_no_signal(signals: &dyn Signals) {
    let mut listener = signals.listen(&[Topic::Run(run(1))]);
    silent(&mut *listener, "who waits for nothing yet").await;
    {
        // Begun, rung, and dropped before it is asked again.
        let mut wait = std::pin::pin!(listener.heard());
        tokio::select! {
            biased;
            () = &mut wait => panic!("nothing was told yet"),
            () = std::future::ready(()) => {}
        }
        signals.send(&[Signal::RunChanged { run_id: run(1) }]).await;
        tokio::time::sleep(A_WHILE).await;
    }

    heard(&mut *listener, "whose first wait was dropped").await;
}

async fn each_listener_hears_by_itself(signals: &dyn Signals) {
    let mut first = signals.listen(&[Topic::Run(run(1)), Topic::Run(run(2))]);
    let mut second = signals.listen(&[Topic::Run(run(1))]);
    drop(signals.listen(&[Topic::Run(run(1))]));

    signals
        .send(&[
            Signal::SessionChanged {
                session_id: session(1),
            },
            Signal::RunChanged { run_id: run(1) },
        ])
        .await;

    heard(&mut *first, "the first listener").await;
    heard(&mut *second, "the second listener").await;
}

async fn a_burst_of_signals_is_heard_at_least_once(signals: &dyn Signals) {
    let mut listener = signals.listen(&[Topic::Run(run(1))]);

    for _ in 0..10_000 {
        signals.send(&[Signal::RunChanged { run_id: run(1) }]).await;
    }

    heard(&mut *listener, "who was told ten thousand times").await;
}

async fn heard(listener: &mut dyn Listener, who: &str) {
    let heard = tokio::time::timeout(SOON, listener.heard()).await;
    assert!(heard.is_ok(), "{who} hears of it");
}

async fn silent(listener: &mut dyn Listener, who: &str) {
    let heard = tokio::time::timeout(A_WHILE, listener.heard()).await;
    assert!(heard.is_err(), "{who} hears nothing");
}

fn pool(name: &str) -> Pool {
    Pool::parse(name).expect("the suite's pools have proper names")
}

fn run(byte: u8) -> RunId {
    RunId::new(Timestamp::EPOCH, Random([byte; 10]))
}

fn session(byte: u8) -> SessionId {
    SessionId::new(Timestamp::EPOCH, Random([byte; 10]))
}

fn worker(byte: u8) -> WorkerId {
    WorkerId::new(Timestamp::EPOCH, Random([byte; 10]))
}

fn stop(worker_id: WorkerId) -> Signal {
    Signal::Stop {
        holder: Holder {
            worker_id,
            incarnation: 3,
        },
        run_id: run(1),
    }
}
