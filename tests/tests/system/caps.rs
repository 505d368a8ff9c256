//! Caps on what an organization may have, set by an operator and met by a caller.

use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use windlass_tests::client::http;
use windlass_tests::server::KEY;
use windlass_tests::{Answer, Backend};

use crate::logged_server::LoggedServer;

/// What three starts of runs that nobody does are answered, on a server with these settings.
async fn three_starts(backend: Backend, settings: &[(&str, &str)]) -> Vec<Answer> {
    let ground = backend.ground().await.expect("a database");
    let mut variables = vec![("WINDLASS_BOOTSTRAP_KEY", KEY)];
    variables.extend_from_slice(settings);
    let server = LoggedServer::start(&ground, &variables).await;
    let server = server.expect("the server starts");
    let post = async |path: &str, body: Value| {
        let client = server.client(KEY);
        let answer = client.call(Method::POST, path, Some(&body)).await;
        answer.expect("an answer")
    };
    let agent = post("/v2/agents", json!({"name": "Bills"})).await;
    let task = json!({
        "name": "Latest bill", "agent_id": agent.body["id"], "settings": {"source": "none"}
    });
    let task = post("/v2/tasks", task).await;
    let path = format!("/v2/tasks/{}/run", task.body["id"].as_str().expect("an id"));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(post(&path, json!({})).await);
    }
    answers
}

/// A server that takes two requests in ten seconds is asked four times.
#[rstest]
#[tokio::test]
async fn requests_beyond_the_rate_are_refused_and_told_when_to_come_back(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.expect("a database");
    let settings = [
        ("WINDLASS_BOOTSTRAP_KEY", KEY),
        ("WINDLASS_RATE_LIMIT", "2"),
    ];
    let server = LoggedServer::start(&ground, &settings).await;
    let server = server.expect("the server starts");
    let url = format!("{}/v2/test", server.url());

    let mut answers = Vec::new();
    for _ in 0..4 {
        let call = http().get(&url).bearer_auth(KEY).send();
        answers.push(call.await.expect("an answer"));
    }

    let statuses: Vec<u16> = answers.iter().map(|it| it.status().as_u16()).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
    for answer in &answers {
        assert_eq!(answer.headers()["ratelimit-limit"], "2");
    }
    let number = |name| answers[3].headers()[name].to_str().unwrap().parse().ok();
    let retry_after: Option<u32> = number("retry-after");
    assert!(retry_after.is_some_and(|it| (1..=10).contains(&it)));
    assert_eq!(number("ratelimit-reset"), retry_after);
}

fn codes(answers: &[Answer]) -> Vec<(StatusCode, String)> {
    let answers = answers.iter();
    answers.map(|it| (it.status, it.code())).collect()
}

#[rstest]
#[tokio::test]
async fn a_start_beyond_a_cap_is_refused_by_its_own_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let queue = three_starts(backend, &[("WINDLASS_QUEUE_CAP", "2")]).await;
    let sessions = three_starts(
        backend,
        &[
            ("WINDLASS_SESSION_CAP", "2"),
            ("WINDLASS_SESSION_OVERFLOW", "refuse"),
        ],
    )
    .await;
    let waiting = three_starts(backend, &[("WINDLASS_SESSION_CAP", "2")]).await;

    let created = || (StatusCode::CREATED, String::new());
    let refused = |code: &str| (StatusCode::TOO_MANY_REQUESTS, code.to_owned());
    let queue_full = refused("rate_limit/queue_limit_exceeded");
    let sessions_full = refused("rate_limit/session_limit_exceeded");
    assert_eq!(codes(&queue), [created(), created(), queue_full]);
    assert_eq!(codes(&sessions), [created(), created(), sessions_full]);
    assert_eq!(codes(&waiting), [created(), created(), created()]);
}
