//! Files and screenshots that workers send. Source: docs/workers.md.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::fixture::Fixture;
use crate::serving::served;
use crate::working::{Leased, Working};

const BILL: &[u8] = b"%PDF-1.7 a bill";

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn leased(fixture: &Fixture) -> (Working<'_>, Leased) {
    fixture.run().await;
    let worker = Working::start(fixture, "scraper-1").await;
    let leased = worker.lease().await;
    (worker, leased)
}

/// The files, or screenshots, of a run.
async fn kept(fixture: &Fixture, leased: &Leased, what: &str) -> Vec<Value> {
    let path = format!("/v2/task-runs/{}/{what}", leased.run_id);
    let page = fixture.get(&path).await.body();
    page["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_file_is_kept_as_it_was_told_and_the_same_content_once() {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;
    let send = || {
        let call = worker.sends(&leased, "files", BILL);
        call.header("content-type", "application/pdf")
            .header(
                "windlass-file-name",
                "../faktura%20p%C3%A5%20str%C3%B8m.pdf",
            )
            .header("windlass-metadata", "%7B%22page%22%3A2%7D")
            .header("windlass-sha256", &sha256(BILL).to_uppercase())
    };

    let first = send().send().await.body();
    let again = send().send().await.body();

    let files = kept(&fixture, &leased, "storage").await;
    assert_eq!(files.len(), 1);
    assert_eq!(first["id"], files[0]["id"]);
    assert_eq!(again["id"], files[0]["id"]);
    assert_eq!(first["sha256"], sha256(BILL));
    assert_eq!(again["sha256"], sha256(BILL));
    assert_eq!(first["cancel"], false);
    assert_eq!(files[0]["file_name"], "faktura på strøm.pdf");
    assert_eq!(files[0]["file_type"], "application/pdf");
    assert_eq!(files[0]["file_size"], BILL.len());
    assert_eq!(files[0]["metadata"], json!({"page": 2}));
}

#[rstest]
#[case("files", "storage")]
#[case("screenshots", "screenshots")]
#[tokio::test]
async fn a_content_that_is_another_than_was_told_is_not_kept(
    #[case] call: &str,
    #[case] list: &str,
) {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;
    let with_trailer = |told: &str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("windlass-sha256", told.parse().expect("a header"));
        let body = Full::new(Bytes::from_static(BILL));
        Body::new(body.with_trailers(async { Some(Ok(trailers)) }))
    };

    let head = worker.sends(&leased, call, BILL);
    let head = head.header("windlass-sha256", &sha256(b"another"));
    let trailer = worker.sends(&leased, call, with_trailer(&sha256(b"another")));
    let unreadable = worker.sends(&leased, call, with_trailer("nonsense"));
    for refused in [head, trailer, unreadable] {
        let refused = refused.send().await;
        assert_eq!(refused.error(), (400, "input_invalid".to_owned()));
        assert_eq!(refused.body()["errors"][0]["field"], "Windlass-Sha256");
    }
    assert_eq!(kept(&fixture, &leased, list).await, [Value::Null; 0]);

    let right = worker.sends(&leased, call, with_trailer(&sha256(BILL)));
    assert_eq!(right.send().await.status, 201);
    assert_eq!(kept(&fixture, &leased, list).await.len(), 1);
}

#[tokio::test]
async fn a_content_that_breaks_off_is_not_kept() {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;
    let breaks = stream::iter([Ok(Bytes::from_static(b"%PDF")), Err("gone")]);

    let refused = worker
        .sends(&leased, "files", Body::from_stream(breaks))
        .send()
        .await;

    assert_eq!(refused.error(), (400, "body_invalid".to_owned()));
    assert_eq!(kept(&fixture, &leased, "storage").await, [Value::Null; 0]);
}

#[tokio::test]
async fn what_was_taken_out_of_a_file_comes_before_its_content() {
    let fixture = Fixture::new().await;
    let agent_id = fixture.agent().await;
    let task = json!({"name": "Bills", "agent_id": agent_id, "settings": {"source": "none"},
        "storage": {"enabled": true, "extraction": true}});
    let task_id = fixture.post("/v2/tasks", task).await.id();
    let start = format!("/v2/tasks/{task_id}/run");
    assert_eq!(fixture.post(&start, json!({})).await.status, 201);
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let send = |first: &str, content: &[u8]| {
        let whole = [first.as_bytes(), content].concat();
        let call = worker.sends(&leased, "files", whole);
        call.header("windlass-extraction-bytes", &first.len().to_string())
            .header("windlass-sha256", &sha256(content))
    };

    let taken = send(r#"{"amount": 1249.5}"#, b"one").send().await;
    let failed = send("null", b"two").send().await;
    let no_json = send("{", b"three").send().await;
    let short = worker.sends(&leased, "files", "{}");
    let short = short.header("windlass-extraction-bytes", "3").send().await;
    let long = worker.sends(&leased, "files", "{}");
    let long = long.header("windlass-extraction-bytes", "65537");
    let long = long.send().await;

    assert_eq!((taken.status.as_u16(), failed.status.as_u16()), (201, 201));
    let files = kept(&fixture, &leased, "storage").await;
    let shown = files
        .iter()
        .map(|file| json!([file["extraction"], file["result"]]));
    let expected = [
        json!([null, "failure"]),
        json!([{"amount": 1249.5}, "success"]),
    ];
    assert_eq!(shown.collect::<Vec<Value>>(), expected, "the newest first");
    for refused in [no_json, short, long] {
        assert_eq!(refused.error(), (400, "input_invalid".to_owned()));
        let field = &refused.body()["errors"][0]["field"];
        assert_eq!(field, "Windlass-Extraction-Bytes");
    }
}

#[tokio::test]
async fn a_screenshot_is_kept_with_what_was_told_of_it() {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;

    let call = worker.sends(&leased, "screenshots", "\u{89}PNG");
    let answered = call
        .header("content-type", "image/png")
        .header("windlass-file-name", "step-03.png")
        .header("windlass-reasoning", "click%20%22Next%22")
        .header("windlass-step", "3")
        .header("windlass-width", "1280")
        .header("windlass-height", "720")
        .send()
        .await;

    let screenshots = kept(&fixture, &leased, "screenshots").await;
    assert_eq!(screenshots.len(), 1);
    let (answered, screenshot) = (answered.body(), &screenshots[0]);
    assert_eq!(answered["id"], screenshot["id"]);
    assert_eq!(screenshot["file_name"], "step-03.png");
    assert_eq!(screenshot["file_type"], "image/png");
    assert_eq!(screenshot["reasoning"], "click \"Next\"");
    assert_eq!(
        [
            &screenshot["step"],
            &screenshot["width"],
            &screenshot["height"]
        ],
        [&json!(3), &json!(1280), &json!(720)]
    );
}

#[tokio::test]
async fn a_screenshot_that_is_too_long_is_refused() {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;

    let long = worker.sends(&leased, "screenshots", vec![0; (2 << 20) + 1]);
    let long = long.send().await;

    assert_eq!(long.error(), (413, "body_too_large".to_owned()));
    assert_eq!(
        kept(&fixture, &leased, "screenshots").await,
        [Value::Null; 0]
    );
}

#[rstest]
#[case("files", &[("windlass-epoch", "x")], "Windlass-Epoch")]
#[case("files", &[("windlass-epoch", "4294967296")], "Windlass-Epoch")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-epoch", "1")], "Windlass-Epoch")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-file-name", "%ff")], "Windlass-File-Name")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-metadata", "[]")], "Windlass-Metadata")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-metadata", "{")], "Windlass-Metadata")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-metadata", r#"{"a":"\u0000"}"#)], "Windlass-Metadata")]
#[case("files", &[("windlass-epoch", "1"), ("windlass-sha256", "00")], "Windlass-Sha256")]
#[case("screenshots", &[("windlass-epoch", "1"), ("windlass-step", "-1")], "Windlass-Step")]
#[case("screenshots", &[("windlass-epoch", "1"), ("windlass-width", "7")], "Windlass-Width")]
#[case("screenshots", &[], "Windlass-Epoch")]
#[tokio::test]
async fn what_is_wrong_in_the_head_is_told_with_its_name(
    #[case] call: &str,
    #[case] headers: &[(&str, &str)],
    #[case] field: &str,
) {
    let fixture = Fixture::new().await;
    let (_, leased) = leased(&fixture).await;
    let before = fixture.tables();

    let path = format!("/v2/worker/leases/{}/{call}", leased.run_id);
    let call = fixture.call_with(&fixture.worker, Method::POST, &path);
    let call = headers
        .iter()
        .fold(call.bytes(BILL), |call, (name, value)| {
            call.header(name, value)
        });
    let refused = call.send().await;

    assert_eq!(refused.status, 400);
    assert_eq!(refused.body()["errors"][0]["field"], field);
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[rstest]
#[case("files")]
#[case("screenshots")]
#[tokio::test]
async fn a_content_that_breaks_off_is_told_as_such(#[case] call: &str) {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;
    let broken = stream::iter([Ok("%PDF"), Err(std::io::Error::other("it is gone"))]);

    let sent = worker.sends(&leased, call, Body::from_stream(broken));
    let answered = sent.send().await;

    assert_eq!(answered.error(), (400, "body_invalid".to_owned()));
    let message = &answered.body()["errors"][0]["message"];
    assert_eq!(message, "The content did not arrive whole.");
}

#[tokio::test]
async fn a_content_of_an_old_lease_or_a_canceled_run_is_not_kept() {
    let fixture = Fixture::new().await;
    let (mut worker, old) = leased(&fixture).await;
    worker.start_again().await;
    let new = worker.lease().await;

    let late = worker.sends(&old, "files", BILL).send().await;
    let path = format!("/v2/task-runs/{}/cancel", new.run_id);
    fixture.call(Method::POST, &path).send().await;
    let canceled = worker.sends(&new, "files", BILL).send().await;
    let seen = worker.sends(&new, "screenshots", BILL).send().await;

    assert_eq!(late.error(), (409, "lease_lost".to_owned()));
    assert_eq!(canceled.body()["id"], Value::Null);
    assert_eq!(canceled.body()["cancel"], true);
    assert_eq!(seen.body()["cancel"], true);
    assert_eq!(kept(&fixture, &new, "storage").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_file_that_is_dropped_as_it_comes_has_the_time_that_it_takes() {
    let fixture = Fixture::new().await;
    let agent_id = fixture.agent().await;
    let task = json!({"name": "Bills", "agent_id": agent_id, "settings": {"source": "none"},
        "storage": {"enabled": false}});
    let task_id = fixture.post("/v2/tasks", task).await.id();
    let start = format!("/v2/tasks/{task_id}/run");
    assert_eq!(fixture.post(&start, json!({})).await.status, 201);
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let slow = stream::once(async {
        // Longer than what is wanted by nobody is read for.
        tokio::time::sleep(Duration::from_secs(11)).await;
        Ok::<_, Infallible>(Bytes::from_static(BILL))
    });

    let sent = worker.sends(&leased, "files", Body::from_stream(slow));
    let told = sent.send().await.body();

    assert_eq!(told["sha256"], sha256(BILL), "all of it was heard");
    assert_eq!(told["id"], Value::Null);
}

#[rstest]
#[case("files")]
#[case("screenshots")]
#[tokio::test]
async fn a_content_that_came_while_its_run_was_canceled_is_told_and_not_kept(#[case] call: &str) {
    let fixture = Fixture::new().await;
    let (worker, leased) = leased(&fixture).await;
    let (asked, begins) = oneshot::channel();
    let (canceled, comes) = oneshot::channel();
    let content = stream::once(async move {
        asked.send(()).expect("the test waits");
        comes.await.expect("the test goes on");
        Ok::<_, Infallible>(Bytes::from_static(BILL))
    });

    let sending = worker.sends(&leased, call, Body::from_stream(content));
    let canceling = async {
        begins.await.expect("the content is read");
        let path = format!("/v2/task-runs/{}/cancel", leased.run_id);
        fixture.call(Method::POST, &path).send().await;
        canceled.send(()).expect("the content waits");
    };
    let (told, ()) = tokio::join!(sending.send(), canceling);

    let told = told.body();
    assert_eq!((&told["cancel"], &told["id"]), (&json!(true), &Value::Null));
    assert_eq!(told["sha256"], sha256(BILL));
    for what in ["storage", "screenshots"] {
        assert_eq!(kept(&fixture, &leased, what).await, [Value::Null; 0]);
    }
}

/// Nobody wants what they send; they may send the rest, and go on with the connection.
#[rstest]
#[case("files", 0, "\"cancel\":true")]
#[case("screenshots", 0, "\"cancel\":true")]
#[case("files", 1, "\"code\":\"lease_lost\"")]
#[case("screenshots", 1, "\"code\":\"lease_lost\"")]
#[tokio::test]
async fn who_sends_for_nobody_hears_so_before_they_have_sent_it_all(
    #[case] call: &str,
    #[case] newer: u64,
    #[case] told: &str,
) {
    let fixture = Fixture::new().await;
    let (_, leased) = leased(&fixture).await;
    let path = format!("/v2/task-runs/{}/cancel", leased.run_id);
    fixture.call(Method::POST, &path).send().await;
    let (address, _server) = served(&fixture).await;
    let head = format!("Host: x\r\nAuthorization: Bearer {}\r\n", fixture.worker);
    let (run_id, epoch) = (&leased.run_id, leased.epoch + newer);
    let first = format!(
        "POST /v2/worker/leases/{run_id}/{call} HTTP/1.1\r\n{head}Windlass-Epoch: {epoch}\r\n\
         Content-Length: 20\r\n\r\nthe first "
    );

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(told) {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
    }
    let rest = format!("ten bytes.GET /openapi.json HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
    stream.write_all(rest.as_bytes()).await.unwrap();
    answer.clear();
    stream.read_to_end(&mut answer).await.unwrap();

    let next = String::from_utf8_lossy(&answer);
    assert!(next.contains("HTTP/1.1 200"), "{next}");
}
