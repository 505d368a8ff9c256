//! What a server is told of traces, over a connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use windlass_domain::Timestamp;
use windlass_domain::id::{Random, RunId};
use windlass_domain::run::{AfterRun, Epoch};

use super::*;
use crate::http::HttpProtocol;
use crate::protocol::{
    CapturedFile, CapturedScreenshot, FinishReport, LeaseRequest, Progress, Protocol, Question,
};

/// How many runs are leased.
const RUNS: u8 = 40;

fn lease(number: u8) -> LeaseKey {
    LeaseKey {
        run_id: RunId::new(Timestamp::EPOCH, Random([number; 10])),
        epoch: Epoch(1),
    }
}

/// Of the run of this number; the last has none.
fn trace_parent(number: u8) -> Option<String> {
    let trace = format!("00-4bf92f3577b34da6a3ce929d0e0e47{number:02x}-00f067aa0ba902b7-01");
    (number < RUNS - 1).then_some(trace)
}

/// A call as the server gets it.
#[derive(Debug)]
struct Got {
    path: String,
    trace_parent: Option<String>,
    body: Vec<u8>,
}

impl Got {
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let header = |name: &str| {
            let mut lines = head.lines();
            let line = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.map(str::to_owned)
        };
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        Some(Self {
            path: head.split(' ').nth(1)?.to_owned(),
            trace_parent: header("traceparent"),
            body,
        })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn answer(&self) -> Value {
        let mut answer = json!({"request_id": "req_1", "cancel": false, "id": null, "sha256": null,
            "object": "storage", "credential": null, "answer": {}, "status": "completed",
            "lease_expires_at": "2026-01-05T10:00:00.000Z", "run_id": "", "ended_sessions": [],
            "stopping": [], "brought": 1});
        if self.path.ends_with("/leases") {
            answer["leases"] = (0..RUNS).map(leased).collect();
        }
        if self.path.ends_with("/leases/finish") {
            let finishes = self.json()["finishes"].as_array().unwrap().len();
            answer["finishes"] =
                vec![json!({"status": "completed", "errors": []}); finishes].into();
        }
        answer
    }
}

fn leased(number: u8) -> Value {
    let id = Random([number; 10]);
    let task_id = windlass_domain::id::TaskId::new(Timestamp::EPOCH, id);
    let session_id = windlass_domain::id::SessionId::new(Timestamp::EPOCH, id);
    json!({
        "run": {"id": lease(number).run_id.to_string(), "credential_id": null,
            "trace_parent": trace_parent(number)},
        "task": {"id": task_id.to_string(), "name": "Bills", "prompt": null, "input_schema": null,
            "output_schema": null, "storage": null, "settings": {
                "inactivity_timeout_seconds": 1, "timeout_seconds": null,
                "interaction_timeout_seconds": 1, "queue_timeout_seconds": 1,
                "review_timeout_seconds": null, "review": "none", "pool": null, "max_attempts": 1,
                "priority": 5, "concurrency": null, "keep_login": false, "session_idle_seconds": 1,
                "source": "none", "engine": "auto"}},
        "input": {}, "source": null,
        "session": {"id": session_id.to_string(), "resumed": false},
        "playbook": null, "checkpoint": null, "epoch": 1, "begun": false,
        "lease_expires_at": "2026-01-05T10:00:00.000Z",
    })
}

/// A server that answers all calls, and tells the test of each; and a worker's way to it.
async fn connected() -> (HttpProtocol, mpsc::UnboundedReceiver<Got>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, calls) = mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                while let Some(got) = Got::read(&mut stream).await {
                    let body = got.answer().to_string();
                    told.send(got).unwrap();
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    let protocol = HttpProtocol::new(&url, "sk_test_1").unwrap();
    let request = LeaseRequest {
        worker: "test".to_owned(),
        incarnation: 1,
        pools: Vec::new(),
        capacity: RUNS.into(),
        sessions: Vec::new(),
        held: Vec::new(),
        heard: 0,
        wait: Duration::ZERO,
    };
    let leases = protocol.lease(request).await.unwrap();
    assert_eq!(leases.runs.len(), usize::from(RUNS));
    (protocol, calls, serving)
}

fn finish() -> FinishReport {
    FinishReport {
        result: Ok(json!({})),
        credential: None,
        session: AfterRun::Keep,
        login: None,
        progress: Vec::new(),
    }
}

#[tokio::test]
async fn every_call_about_a_run_is_a_part_of_its_trace() {
    let (protocol, mut calls, _serving) = connected().await;

    for run in [lease(3), lease(RUNS - 1)] {
        protocol.renew(run).await.unwrap();
        protocol.begin(run).await.unwrap();
        let line = Progress {
            message: None,
            step: Some(1),
        };
        protocol.progress(run, vec![line]).await.unwrap();
        let file = CapturedFile::new("bill.pdf", "application/pdf", Bytes::from_static(b"bill"));
        protocol.store_file(run, file).await.unwrap();
        let screenshot = CapturedScreenshot {
            file_name: "step-01.png".to_owned(),
            file_type: "image/png".to_owned(),
            size: None,
            reasoning: None,
            step: None,
            content: Bytes::from_static(b"page"),
        };
        protocol.store_screenshot(run, screenshot).await.unwrap();
        let question = Question {
            attempt: 1,
            kind: "approval".to_owned(),
            message: "Pay?".to_owned(),
            fields: Vec::new(),
            checkpoint: None,
        };
        protocol.interact(run, question).await.unwrap();
        protocol.answer(run, Duration::ZERO).await.unwrap();
        protocol.withdraw(run, 1).await.unwrap();
        protocol.release_asking(run, 1).await.unwrap();
        protocol.release(run).await.unwrap();
        protocol.finish(run, finish()).await.unwrap();
        protocol.forget(run);
        protocol.finish(run, finish()).await.unwrap();
    }

    assert_eq!(
        calls.recv().await.unwrap().trace_parent,
        None,
        "the lease call is of all"
    );
    for number in [3, RUNS - 1] {
        for call in [
            "renew",
            "begin",
            "progress",
            "files",
            "screenshots",
            "interaction",
            "interaction?epoch=1&wait=0",
            "interaction/withdraw",
            "release",
            "release",
            "finish",
        ] {
            let got = calls.recv().await.unwrap();
            let path = format!("/v2/worker/leases/{}/{call}", lease(number).run_id);
            assert_eq!((got.path, got.trace_parent), (path, trace_parent(number)));
        }
        let forgotten = calls.recv().await.unwrap();
        assert_eq!(forgotten.trace_parent, None, "{forgotten:?}");
    }
}

#[tokio::test]
async fn among_many_ends_each_is_a_part_of_its_own_trace() {
    let (protocol, mut calls, _serving) = connected().await;
    let protocol = Arc::new(protocol);

    let ends = (0..RUNS).map(|number| {
        let protocol = Arc::clone(&protocol);
        async move { protocol.finish(lease(number), finish()).await }
    });
    for end in join_all(ends).await {
        end.unwrap();
    }

    let mut told = BTreeMap::new();
    let (mut together, mut alone) = (0, 0);
    calls.recv().await.unwrap();
    while told.len() < usize::from(RUNS) {
        let got = calls.recv().await.unwrap();
        if got.path != "/v2/worker/leases/finish" {
            alone += 1;
            let run_id = got.path.split('/').nth(4).unwrap().to_owned();
            told.insert(run_id, got.trace_parent);
            continue;
        }
        together += 1;
        assert_eq!(got.trace_parent, None, "they are of many traces");
        for end in got.json()["finishes"].as_array().unwrap() {
            let trace_parent = end
                .get("trace_parent")
                .map(|it| it.as_str().unwrap().to_owned());
            told.insert(end["run_id"].as_str().unwrap().to_owned(), trace_parent);
        }
    }
    assert!(together > 0, "{alone} alone");
    let expected = (0..RUNS).map(|number| (lease(number).run_id.to_string(), trace_parent(number)));
    assert_eq!(told, expected.collect());
}

#[test]
fn the_end_of_a_lease_leaves_the_next_one_of_its_run_alone() {
    let held = lease(1);
    let lost = LeaseKey {
        epoch: Epoch(2),
        ..held
    };
    let traces = Traces::default();
    traces.begin(lost, "00-a");
    traces.begin(held, "00-b");

    traces.end(lost);

    assert_eq!(traces.of(lost), None);
    assert_eq!(traces.of(held).as_deref(), Some("00-b"));
}
