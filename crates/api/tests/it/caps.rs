//! Starts that are one too many for their organization.

use serde_json::{Value, json};
use windlass_domain::slot::{Caps, Overflow};

use crate::fixture::{Answered, Fixture};

const CAPS: Caps = Caps {
    sessions: 1,
    queued: 10,
    overflow: Overflow::Wait,
};

/// A task with a source, of which runs are started.
struct Starts<'a> {
    fixture: &'a Fixture,
    path: String,
    body: Value,
}

impl<'a> Starts<'a> {
    async fn new(fixture: &'a Fixture) -> Self {
        let (task_id, source_id) = (fixture.task().await, fixture.source().await);
        Self {
            fixture,
            path: format!("/v2/tasks/{task_id}/run"),
            body: json!({"source_id": source_id, "input": {"month": "2025-12"}}),
        }
    }

    async fn start(&self) -> Answered {
        self.fixture.post(&self.path, self.body.clone()).await
    }

    async fn count(&self) -> usize {
        let runs = self.fixture.get("/v2/task-runs").await.body();
        runs["data"].as_array().expect("a list").len()
    }
}

fn check(refused: &Answered, code: &str, message: &str) {
    assert_eq!(refused.error(), (429, code.to_owned()));
    let body = refused.body();
    assert_eq!(body["errors"][0]["type"], "rate_limit");
    assert_eq!(body["errors"][0]["message"], message);
    assert_eq!(refused.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_start_beyond_the_session_cap_waits_unless_it_is_to_be_refused() {
    let waiting = Fixture::with_caps(CAPS).await;
    let refusing = Fixture::with_caps(Caps {
        overflow: Overflow::Refuse,
        ..CAPS
    })
    .await;
    let (waits, refuses) = (Starts::new(&waiting).await, Starts::new(&refusing).await);
    for starts in [&waits, &refuses] {
        assert_eq!(starts.start().await.status, 201);
    }

    assert_eq!(waits.start().await.body()["status"], "queued");
    let refused = refuses.start().await;

    let message = "The organization may have 1 live sessions, and has them.";
    check(&refused, "session_limit_exceeded", message);
    assert_eq!((waits.count().await, refuses.count().await), (2, 1));
}

#[tokio::test]
async fn a_start_beyond_the_queue_cap_is_refused_until_there_is_room() {
    let fixture = Fixture::with_caps(Caps { queued: 1, ..CAPS }).await;
    let starts = Starts::new(&fixture).await;
    let first = starts.start().await.id();

    let refused = starts.start().await;

    let message = "The organization may have 1 queued runs, and has them.";
    check(&refused, "queue_limit_exceeded", message);
    assert_eq!(starts.count().await, 1);
    let path = format!("/v2/task-runs/{first}/cancel");
    fixture.post(&path, json!({})).await;
    assert_eq!(starts.start().await.status, 201);
}
