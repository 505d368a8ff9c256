//! Events as they commit. Source: docs/api.md, "Following events".

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::Method;
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_api::CallLimits;
use windlass_application::Operator;

use crate::fixture::Fixture;

/// One line break between two blocks, two after each: what a reader of the stream takes apart.
#[derive(Debug, Clone, PartialEq, Default)]
struct Block {
    id: Option<String>,
    event: Option<String>,
    data: Option<Value>,
    retry: Option<String>,
}

/// A stream that is read.
struct Reading {
    body: BodyDataStream,
    text: String,
}

impl Reading {
    fn of(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            text: String::new(),
        }
    }

    /// The next block; None at the end of the stream.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = parsed(block);
                self.text = rest.to_owned();
                return Some(block);
            }
            let next = tokio::time::timeout(Duration::from_secs(10), self.body.next());
            let chunk = next.await.expect("a heartbeat is due")?;
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        loop {
            let block = self.block().await.expect("the stream goes on");
            if let Some(data) = block.data {
                assert_eq!(block.id.as_deref(), data["id"].as_str());
                assert_eq!(block.event.as_deref(), data["type"].as_str());
                return data;
            }
        }
    }
}

fn parsed(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').expect("a field or a comment");
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match name {
            "" => {}
            "id" => block.id = Some(value),
            "event" => block.event = Some(value),
            "data" => block.data = Some(serde_json::from_str(&value).unwrap()),
            "retry" => block.retry = Some(value),
            _ => panic!("{line}"),
        }
    }
    block
}

/// A server that looks for new events, as the binary's does.
async fn looking(limits: CallLimits) -> (Fixture, DropGuard) {
    let fixture = Fixture::with_limits(limits).await;
    let stop = CancellationToken::new();
    let follow = Arc::clone(&fixture.application.follow_events);
    let until = stop.clone();
    tokio::spawn(async move { follow.look_until(&until).await });
    (fixture, stop.drop_guard())
}

const LIMITS: CallLimits = CallLimits {
    requests: 0,
    open_calls: 2,
};

async fn stream(fixture: &Fixture, query: &str, last_event_id: Option<&str>) -> Reading {
    let mut call = fixture.call(Method::GET, &format!("/v2/events/stream{query}"));
    if let Some(id) = last_event_id {
        call = call.header("last-event-id", id);
    }
    let answered = call.begin().await;
    assert_eq!(answered.status(), 200);
    assert_eq!(answered.headers()["content-type"], "text/event-stream");
    assert_eq!(answered.headers()["cache-control"], "no-store");
    Reading::of(answered.into_body())
}

#[tokio::test]
async fn events_come_as_they_commit_and_look_as_when_they_are_read() {
    let (fixture, _looking) = looking(LIMITS).await;
    fixture.agent().await;
    let newest = fixture.get("/v2/events").await.body()["data"][0]["id"].clone();

    let mut reading = stream(&fixture, "", None).await;
    let opening = reading.block().await.unwrap();
    fixture.run().await;
    let mut events = Vec::new();
    while events.len() < 5 {
        events.push(reading.event().await);
    }

    assert_eq!(opening.retry.as_deref(), Some("1000"));
    assert_eq!(opening.id.as_deref(), newest.as_str());
    let mut read = fixture.get("/v2/events?limit=5").await.body()["data"].clone();
    let read = read.as_array_mut().unwrap();
    read.sort_by_key(|event| event["sequence"].as_u64());
    assert_eq!(&events, read);
    assert_eq!(events[4]["type"], "task_run.queued");
}

#[tokio::test]
async fn a_reader_that_comes_back_has_all_once() {
    let (fixture, _looking) = looking(LIMITS).await;
    for _ in 0..40 {
        fixture.agent().await;
    }
    let mut listed = fixture.get("/v2/events?limit=100").await.body()["data"].clone();
    let listed = listed.as_array_mut().unwrap();
    listed.sort_by_key(|event| event["sequence"].as_u64());
    let third = listed[2]["id"].as_str().unwrap();

    let mut reading = stream(&fixture, "", Some(third)).await;
    let mut events = Vec::new();
    while events.len() < 37 {
        events.push(reading.event().await);
    }
    fixture.agent().await;
    let next = reading.event().await;

    assert_eq!(events, listed[3..]);
    assert_eq!(next["sequence"], 41);
}

#[tokio::test]
async fn filters_leave_out_and_the_place_goes_on() {
    let (fixture, _looking) = looking(LIMITS).await;
    let run_id = fixture.run().await;
    let mut of_types = stream(
        &fixture,
        "?type=session.*&type=task_run.pending,agent.created",
        None,
    )
    .await;
    let mut of_run = stream(&fixture, &format!("?task_run_id={run_id}"), None).await;

    fixture.run().await;
    let cancel = format!("/v2/task-runs/{run_id}/cancel");
    fixture.post(&cancel, json!({})).await;
    let types = [of_types.event().await, of_types.event().await];
    let of_cancel = [of_run.event().await, of_run.event().await];
    fixture.source().await;
    let source = fixture.get("/v2/events?limit=1").await.body()["data"][0]["id"].clone();
    let passed = loop {
        let heartbeat = of_run.block().await.unwrap();
        assert_eq!((heartbeat.event, heartbeat.data), (None, None));
        if heartbeat.id.as_deref() == source.as_str() {
            break heartbeat.id;
        }
    };

    let types = types.map(|event| event["type"].clone());
    assert_eq!(types, ["agent.created", "session.queued"]);
    let of_cancel = of_cancel.map(|event| event["type"].clone());
    assert_eq!(of_cancel, ["task_run.canceling", "task_run.canceled"]);
    assert_eq!(passed.as_deref(), source.as_str());
}

#[rstest]
#[case("", Some("evt_0324ygWvJAh4Zk8gsToV1V"), "parameter_invalid")]
#[case("", Some("rubbish"), "parameter_invalid")]
#[case("", Some("evt_\u{fc}"), "parameter_invalid")]
#[case("?type=task_run", None, "parameter_invalid")]
#[case("?type=*", None, "parameter_invalid")]
#[case("?since=1", None, "parameter_unknown")]
#[tokio::test]
async fn what_cannot_be_followed_is_refused(
    #[case] query: &str,
    #[case] last_event_id: Option<&str>,
    #[case] code: &str,
) {
    let fixture = Fixture::new().await;
    let mut call = fixture.call(Method::GET, &format!("/v2/events/stream{query}"));
    if let Some(id) = last_event_id {
        call = call.header("last-event-id", id);
    }

    let answered = call.send().await;

    assert_eq!(answered.error(), (400, code.to_owned()));
    if last_event_id.is_some() {
        assert_eq!(answered.body()["errors"][0]["field"], "Last-Event-ID");
    }
}

#[tokio::test]
async fn another_organizations_event_and_run_are_none() {
    let fixture = Fixture::new().await;
    let run_id = fixture.run().await;
    let events = fixture.get("/v2/events?limit=1").await.body();
    let event_id = events["data"][0]["id"].as_str().unwrap();
    let theirs = |query: String| {
        let path = format!("/v2/events/stream{query}");
        fixture.call_with(&fixture.stranger, Method::GET, &path)
    };

    let behind = theirs(String::new()).header("last-event-id", event_id);
    let of_run = theirs(format!("?task_run_id={run_id}"));

    assert_eq!(behind.send().await.error().0, 400);
    let not_found = (404, "task_run_not_found".to_owned());
    assert_eq!(of_run.send().await.error(), not_found);
}

#[tokio::test]
async fn a_stream_is_open_until_it_is_dropped_and_counts_as_no_request() {
    let (fixture, _looking) = looking(CallLimits {
        requests: 1,
        open_calls: 1,
    })
    .await;

    let first = stream(&fixture, "", None).await;
    let second = fixture.get("/v2/events/stream").await;
    drop(first);
    let third = stream(&fixture, "", None).await;
    let counted = fixture.get("/v2/test").await;

    assert_eq!(second.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(counted.status, 200);
    drop(third);
}

#[tokio::test]
async fn a_stream_ends_with_the_server_and_with_its_key() {
    let (fixture, _looking) = looking(LIMITS).await;
    let mut reading = stream(&fixture, "", None).await;
    let reader = fixture.call_with(&fixture.reader, Method::GET, "/v2/events/stream");
    let mut revoked = Reading::of(reader.begin().await.into_body());
    let key = SecretString::from(fixture.reader.clone());
    let caller = fixture
        .application
        .authenticate
        .execute(&key)
        .await
        .unwrap();

    let keys = &fixture.application.ports.keys;
    let operator = Operator::now(fixture.application.ports.clock.now(), None);
    keys.revoke(operator, caller.key_id).await.unwrap();
    while revoked.block().await.is_some() {}
    assert!(reading.block().await.is_some(), "another key's goes on");
    fixture.drain.begin();
    while reading.block().await.is_some() {}
}
