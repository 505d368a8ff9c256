//! The receiver, met by a sender that signs as Windlass does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use time::OffsetDateTime;
use windlass_demo_site::{Unverified, WebhookReceiver};

use crate::browser::client;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const SOON: Duration = Duration::from_secs(5);

async fn send(receiver: &WebhookReceiver, id: &str, secret: &str) -> StatusCode {
    let body = json!({"id": id, "type": "task_run.completed"}).to_string();
    let sent_at = OffsetDateTime::now_utc().unix_timestamp();
    let signature = Webhook::new(secret)
        .unwrap()
        .sign(id, sent_at, body.as_bytes())
        .unwrap();
    let request = client()
        .post(receiver.url())
        .header(HEADER_WEBHOOK_ID, id)
        .header(HEADER_WEBHOOK_TIMESTAMP, sent_at)
        .header(HEADER_WEBHOOK_SIGNATURE, signature)
        .body(body);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_right_signature_is_verified_and_a_wrong_one_is_not() {
    let receiver = WebhookReceiver::start(Some(SECRET.to_owned()))
        .await
        .unwrap();

    assert_eq!(
        send(&receiver, "evt_1", SECRET).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        send(&receiver, "evt_2", OTHER_SECRET).await,
        StatusCode::NO_CONTENT
    );
    client()
        .post(receiver.url())
        .body("{}")
        .send()
        .await
        .unwrap();

    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].verified, Ok(()));
    assert_eq!(received[0].id, "evt_1");
    assert_eq!(received[0].event_type, "task_run.completed");
    assert_eq!(received[0].body["id"], "evt_1");
    assert!(
        matches!(received[1].verified, Err(Unverified::Refused { .. })),
        "{:?}",
        received[1]
    );
    assert!(
        matches!(received[2].verified, Err(Unverified::Refused { .. })),
        "{:?}",
        received[2]
    );
    receiver.stop().await;
}

#[tokio::test]
async fn what_came_before_the_secret_is_verified_when_it_is_known() {
    let receiver = WebhookReceiver::start(None).await.unwrap();
    send(&receiver, "evt_1", SECRET).await;
    send(&receiver, "evt_2", OTHER_SECRET).await;
    assert_eq!(receiver.received()[0].verified, Err(Unverified::NoSecret));

    receiver.set_secret(SECRET.to_owned());
    send(&receiver, "evt_3", SECRET).await;

    let verified: Vec<bool> = receiver
        .received()
        .iter()
        .map(|attempt| attempt.verified.is_ok())
        .collect();
    assert_eq!(verified, [true, false, true]);
    receiver.stop().await;
}

#[tokio::test]
async fn a_failing_receiver_keeps_each_attempt_with_its_answer() {
    let receiver = WebhookReceiver::start(Some(SECRET.to_owned()))
        .await
        .unwrap();
    receiver.fail_next(2);

    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(send(&receiver, "evt_1", SECRET).await);
    }

    assert_eq!(answers, [500, 500, 204]);
    let kept: Vec<u16> = receiver
        .received()
        .iter()
        .map(|attempt| attempt.answered.as_u16())
        .collect();
    assert_eq!(kept, [500, 500, 204]);
    receiver.stop().await;
}

#[tokio::test]
async fn waiting_ends_with_the_attempt_that_matches_or_with_the_time() {
    let receiver = WebhookReceiver::start(Some(SECRET.to_owned()))
        .await
        .unwrap();
    send(&receiver, "evt_1", SECRET).await;
    let mut asked = Vec::new();

    let (found, _) = tokio::join!(
        receiver.wait_for(
            |attempt| {
                asked.push(attempt.id.clone());
                asked.len() == 3
            },
            SOON,
        ),
        async {
            send(&receiver, "evt_2", SECRET).await;
            send(&receiver, "evt_3", SECRET).await;
        }
    );

    assert_eq!(found.unwrap().id, "evt_3");
    assert_eq!(asked, ["evt_1", "evt_2", "evt_3"]);
    let missed = receiver
        .wait_for(|attempt| attempt.id == "evt_4", Duration::from_millis(1))
        .await;
    assert_eq!(missed.unwrap_err().received, 3);
    receiver.stop().await;
}

#[tokio::test]
async fn a_slow_receiver_keeps_an_attempt_whose_sender_gave_up() {
    let receiver = WebhookReceiver::start(Some(SECRET.to_owned()))
        .await
        .unwrap();
    receiver.slow(Duration::from_secs(3_600));

    let arrived = tokio::select! {
        answer = send(&receiver, "evt_1", SECRET) => panic!("answered {answer}"),
        arrived = receiver.wait_for(|_| true, SOON) => arrived,
    };

    assert_eq!(arrived.unwrap().id, "evt_1");
    assert_eq!(receiver.received().len(), 1);
    receiver.stop().await;
}
