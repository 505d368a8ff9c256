//! A worker that speaks by HTTP.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Answered, Call, Fixture};

/// A worker that has started, with a key of its own scope.
pub(crate) struct Working<'a> {
    fixture: &'a Fixture,
    pub(crate) name: &'static str,
    pub(crate) incarnation: u32,
}

/// A run that it holds.
pub(crate) struct Leased {
    pub(crate) run_id: String,
    pub(crate) session_id: String,
    pub(crate) epoch: u64,
    pub(crate) lease: Value,
}

impl<'a> Working<'a> {
    pub(crate) async fn start(fixture: &'a Fixture, name: &'static str) -> Self {
        let mut worker = Self {
            fixture,
            name,
            incarnation: 0,
        };
        worker.start_again().await;
        worker
    }

    pub(crate) async fn start_again(&mut self) -> Value {
        let started = self.post("workers", json!({"worker": self.name})).await;
        assert_eq!(started.status, 201);
        let body = started.body();
        let incarnation = body["incarnation"].as_u64().expect("a number");
        self.incarnation = u32::try_from(incarnation).unwrap();
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        let path = format!("/v2/worker/{path}");
        let call = self
            .fixture
            .call_with(&self.fixture.worker, Method::POST, &path);
        call.json(&body).send().await
    }

    /// A lease call with these beside.
    pub(crate) async fn asks(&self, more: Value) -> Answered {
        let mut body = json!({"worker": self.name, "incarnation": self.incarnation});
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.post("leases", body).await
    }

    /// The run that waits, not yet begun.
    pub(crate) async fn lease(&self) -> Leased {
        let answered = self.asks(json!({"begin": "explicit"})).await;
        let body = answered.body();
        let lease = body["leases"][0].clone();
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{body}"))
                .to_owned()
        };
        Leased {
            run_id: text(&lease["run"]["id"]),
            session_id: text(&lease["session"]["id"]),
            epoch: lease["epoch"].as_u64().expect("a number"),
            lease,
        }
    }

    /// A call about a lease, with these beside its epoch.
    pub(crate) async fn says(&self, leased: &Leased, call: &str, more: Value) -> Answered {
        let mut body = json!({"epoch": leased.epoch});
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.post(&format!("leases/{}/{call}", leased.run_id), body)
            .await
    }

    /// Reads the answer to the last question.
    pub(crate) async fn reads(&self, leased: &Leased, query: &str) -> Answered {
        let path = format!("/v2/worker/leases/{}/interaction?{query}", leased.run_id);
        let call = self
            .fixture
            .call_with(&self.fixture.worker, Method::GET, &path);
        call.send().await
    }

    /// A call that sends a content.
    pub(crate) fn sends(&self, leased: &Leased, call: &str, content: impl Into<Body>) -> Call<'a> {
        let path = format!("/v2/worker/leases/{}/{call}", leased.run_id);
        let call = self
            .fixture
            .call_with(&self.fixture.worker, Method::POST, &path);
        call.bytes(content)
            .header("windlass-epoch", &leased.epoch.to_string())
    }
}
