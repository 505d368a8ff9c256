//! Attempts against receivers on this machine: good ones, and bad ones of every kind.

mod receiver;

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::HeaderMap;
use secrecy::SecretString;
use standardwebhooks::Webhook;
use windlass_demo_site::WebhookReceiver;
use windlass_domain::event::{EventData, EventType, RunSummary};
use windlass_domain::id::{AgentId, EventId, Random, RunId, SessionId, TaskId};
use windlass_domain::run::Status;

use super::*;
use receiver::{Manner, Receiver};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Short, for the receivers that use it up.
const SHORT: Patience = Patience {
    status: Duration::from_millis(300),
    rest: Duration::from_millis(300),
};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap())
    }
}

fn sender(allowed: &str, patience: Patience) -> WebhookSender {
    let policy = allowed.parse().unwrap();
    WebhookSender::with_patience(policy, Arc::new(SystemClock), patience).unwrap()
}

fn configuration(url: &str, secrets: &[&str]) -> OpenedConfiguration {
    OpenedConfiguration::Webhook {
        url: url.to_owned(),
        secrets: secrets
            .iter()
            .map(|text| SecretString::from(*text))
            .collect(),
        custom_headers: vec![("X-Team".to_owned(), SecretString::from("billing"))],
    }
}

fn event() -> Event {
    let at = Timestamp::parse("2026-01-05T10:02:19.967Z").unwrap();
    let random = Random([7; 10]);
    Event {
        id: EventId::new(at, random),
        event_type: EventType::RunRunning,
        sequence: 12,
        created_at: at,
        data: EventData::Run(RunSummary {
            id: RunId::new(at, random),
            status: Status::Running,
            result: None,
            task_id: TaskId::new(at, random),
            credential_id: None,
            agent_id: AgentId::new(at, random),
            source_id: None,
            session_id: SessionId::new(at, random),
            runtime: Duration::ZERO,
            version: 2,
            metadata: BTreeMap::from([("house".to_owned(), "nr. 31, Ås".to_owned())]),
            created_at: at,
            updated_at: at,
        }),
    }
}

async fn attempt_at(url: &str, patience: Patience) -> Attempt {
    sender("127.0.0.1", patience)
        .send(&event(), &configuration(url, &[SECRET]))
        .await
}

/// One attempt at a receiver of this manner.
async fn attempt(manner: Manner, patience: Patience) -> Attempt {
    let receiver = Receiver::start(manner).await;
    attempt_at(&receiver.url(), patience).await
}

fn error(attempt: &Attempt) -> &str {
    attempt.error.as_deref().unwrap()
}

#[tokio::test]
async fn a_receiver_verifies_what_is_sent() {
    let receiver = WebhookReceiver::start(Some(SECRET.to_owned()))
        .await
        .unwrap();

    let attempt = attempt_at(&receiver.url(), Patience::DEFAULT).await;

    assert_eq!(attempt.error, None);
    assert_eq!(attempt.status_code, Some(204));
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].verified, Ok(()));
    assert_eq!(received[0].id, event().id.to_string());
    assert_eq!(received[0].event_type, "task_run.running");
    let headers = &received[0].attempt_headers;
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        headers["user-agent"],
        format!("Windlass/{}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(headers["x-team"], "billing");
    assert_eq!(
        headers["webhook-timestamp"],
        attempt.at.seconds().to_string()
    );
    receiver.stop().await;
}

#[tokio::test]
async fn while_a_rotated_secret_is_valid_both_verify() {
    let receiver = Receiver::start(Manner::Answer(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ));
    let mut receiver = receiver.await;
    let both = configuration(&receiver.url(), &[SECRET, OLD_SECRET]);

    let attempt = sender("127.0.0.1", Patience::DEFAULT)
        .send(&event(), &both)
        .await;

    assert_eq!(attempt.error, None);
    let (headers, body) = receiver.request().await;
    assert_eq!(body, EventBody::from(&event()).to_bytes());
    for secret in [SECRET, OLD_SECRET] {
        let verified = Webhook::new(secret).unwrap().verify(&body, &headers);
        assert!(verified.is_ok(), "{verified:?}");
    }
    let other = Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert!(other.verify(&body, &headers).is_err());
}

#[tokio::test]
async fn the_same_event_is_the_same_bytes_at_every_attempt() {
    let mut receiver = Receiver::start(Manner::Answer(
        "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",
    ))
    .await;
    let sender = sender("127.0.0.1", Patience::DEFAULT);
    let configuration = configuration(&receiver.url(), &[SECRET]);

    let mut seen: Vec<(HeaderMap, Vec<u8>)> = Vec::new();
    for _ in 0..2 {
        sender.send(&event(), &configuration).await;
        seen.push(receiver.request().await);
    }

    assert_eq!(seen[0].1, seen[1].1);
    assert_eq!(seen[0].0["webhook-id"], seen[1].0["webhook-id"]);
}

#[tokio::test]
async fn an_answer_of_another_kind_is_a_failure_with_its_status() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 4\r\n\r\nbusy";

    let attempt = attempt(Manner::Answer(busy), Patience::DEFAULT).await;

    assert_eq!(attempt.status_code, Some(503));
    assert_eq!(error(&attempt), "The receiver answered 503.");
    assert_eq!(attempt.retry_after, Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_success_asks_for_no_wait() {
    let odd = "HTTP/1.1 202 Accepted\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";

    let attempt = attempt(Manner::Answer(odd), Patience::DEFAULT).await;

    assert_eq!((attempt.error, attempt.retry_after), (None, None));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let mut elsewhere = Receiver::start(Manner::Answer("HTTP/1.1 200 OK\r\n\r\n")).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let redirecting = Receiver::start(Manner::Answer(redirect.leak())).await;

    let attempt = attempt_at(&redirecting.url(), Patience::DEFAULT).await;

    assert_eq!(attempt.status_code, Some(307));
    assert_eq!(
        error(&attempt),
        "The receiver answered 307, a redirect, and redirects are not followed."
    );
    assert!(elsewhere.was_left_alone());
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_left_when_its_time_is_over() {
    let attempt = attempt(Manner::Silent, SHORT).await;

    assert_eq!(attempt.status_code, None);
    assert_eq!(error(&attempt), "The receiver did not answer within 0.3 s.");
    assert!(attempt.duration >= SHORT.status);
}

#[tokio::test]
async fn an_endless_head_of_an_answer_is_no_answer() {
    let attempt = attempt(Manner::EndlessHead, SHORT).await;

    assert_eq!(attempt.status_code, None);
    assert_eq!(error(&attempt), "The receiver did not answer within 0.3 s.");
}

#[tokio::test]
async fn an_endless_body_changes_nothing() {
    let started = Instant::now();

    // With more patience than the test would have: what ends it is the length.
    let attempt = attempt(Manner::EndlessBody, Patience::DEFAULT).await;

    assert_eq!((attempt.status_code, attempt.error), (Some(200), None));
    assert!(started.elapsed() < Patience::DEFAULT.rest);
}

#[tokio::test]
async fn a_body_that_stalls_changes_nothing_and_is_left_when_its_time_is_over() {
    let stalling = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe rest never comes";
    let started = Instant::now();

    let attempt = attempt(Manner::AnswerAndStay(stalling), SHORT).await;

    assert_eq!((attempt.status_code, attempt.error), (Some(200), None));
    assert!(attempt.duration < started.elapsed() - SHORT.rest / 2);
    assert!(started.elapsed() >= SHORT.rest);
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe rest never comes";

    let attempt = attempt(Manner::Answer(broken), Patience::DEFAULT).await;

    assert_eq!((attempt.status_code, attempt.error), (Some(200), None));
}

#[tokio::test]
async fn a_half_closed_connection_is_no_answer() {
    let attempt = attempt(Manner::HalfClose, Patience::DEFAULT).await;

    assert_eq!(attempt.status_code, None);
    assert_eq!(
        error(&attempt),
        "The receiver closed the connection without an answer."
    );
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let attempt = attempt(
        Manner::Answer("220 mail.example ESMTP\r\n"),
        Patience::DEFAULT,
    )
    .await;

    assert_eq!(attempt.status_code, None);
    assert_eq!(error(&attempt), "What the receiver answered is not HTTP.");
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let free = Receiver::free_address().await;

    let attempt = attempt_at(&format!("http://{free}/"), Patience::DEFAULT).await;

    assert_eq!(attempt.status_code, None);
    assert_eq!(error(&attempt), "The connection was refused.");
}

#[tokio::test]
async fn a_receiver_without_tls_cannot_be_reached_by_https() {
    let receiver = Receiver::start(Manner::Answer("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let url = receiver.url().replace("http://", "https://");

    let attempt = attempt_at(&url, Patience::DEFAULT).await;

    assert_eq!(attempt.status_code, None);
    assert!(
        error(&attempt).starts_with("The TLS connection failed: "),
        "{attempt:?}"
    );
}

#[tokio::test]
async fn what_the_egress_policy_refuses_is_never_connected_to() {
    let mut receiver = Receiver::start(Manner::Answer("HTTP/1.1 200 OK\r\n\r\n")).await;
    let sender = sender("", Patience::DEFAULT);
    for (host, sentence) in [
        (
            "127.0.0.1",
            "The egress policy refuses 127.0.0.1: a loopback address.",
        ),
        (
            "localhost",
            "The egress policy refuses localhost: a loopback address.",
        ),
    ] {
        let url = receiver.url().replace("127.0.0.1", host);

        let attempt = sender.send(&event(), &configuration(&url, &[SECRET])).await;

        assert_eq!(error(&attempt), sentence);
    }
    assert!(receiver.was_left_alone());
}

#[tokio::test]
async fn a_failure_tells_no_secret() {
    let free = Receiver::free_address().await;
    let url = format!("http://{free}/hook?token=hunter2");
    let mut configuration = configuration(&url, &[SECRET]);
    let OpenedConfiguration::Webhook { custom_headers, .. } = &mut configuration;
    custom_headers.push(("Authorization".to_owned(), SecretString::from("hunter2")));

    let sender = sender("127.0.0.1", Patience::DEFAULT);
    let refused = sender.send(&event(), &configuration).await;
    let OpenedConfiguration::Webhook { url, .. } = &mut configuration;
    "hunter2 is no address".clone_into(url);
    let malformed = sender.send(&event(), &configuration).await;

    for attempt in [refused, malformed] {
        assert!(!format!("{attempt:?}").contains("hunter2"), "{attempt:?}");
    }
}
