//! What a browser page may do with a token, and what it may not. Source: docs/api.md, "Tokens for
//! pages".

use http::{HeaderMap, Method};
use rstest::rstest;
use serde_json::{Value, json};
use windlass_api::document;

use crate::fixture::{Answered, Fixture};

/// The calls that a token may make.
const CALLS: [(&str, &str); 6] = [
    ("get", "/v2/sources"),
    ("get", "/v2/sources/{source_id}"),
    ("post", "/v2/credentials"),
    ("post", "/v2/tasks/{task_id}/run"),
    ("get", "/v2/task-runs/{run_id}"),
    ("post", "/v2/task-runs/{run_id}/interaction"),
];

fn forbidden() -> (u16, String) {
    (403, "scope_insufficient".to_owned())
}

fn unknown_run() -> (u16, String) {
    (404, "task_run_not_found".to_owned())
}

async fn token(fixture: &Fixture, narrowing: Value) -> String {
    let made = fixture.post("/v2/token", narrowing).await;
    assert_eq!(made.status, 201, "{}", made.body());
    let token = made.body()["token"].as_str().map(str::to_owned);
    token.expect("it is shown once")
}

/// A task that takes no input.
async fn task(fixture: &Fixture) -> String {
    let agent_id = fixture.agent().await;
    let task = json!({"name": "Latest bill", "agent_id": agent_id});
    fixture.post("/v2/tasks", task).await.id()
}

/// A page that holds a token.
struct Page<'a> {
    fixture: &'a Fixture,
    token: String,
}

impl<'a> Page<'a> {
    async fn new(fixture: &'a Fixture, narrowing: Value) -> Self {
        let token = token(fixture, narrowing).await;
        Self { fixture, token }
    }

    async fn get(&self, path: &str) -> Answered {
        let call = self.fixture.call_with(&self.token, Method::GET, path);
        call.send().await
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        let call = self.fixture.call_with(&self.token, Method::POST, path);
        call.json(&body).send().await
    }

    async fn credential(&self, source_id: &str, more: Value) -> Answered {
        let mut body = json!({"source_id": source_id, "auth_method": "username_password",
            "auth_credentials": {"username": "kari", "password": "vinter-og-vår"}});
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(more);
        self.post("/v2/credentials", body).await
    }

    async fn start(&self, task_id: &str, credential_id: &str) -> Answered {
        let body = json!({"credential_id": credential_id});
        self.post(&format!("/v2/tasks/{task_id}/run"), body).await
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_in_half_an_hour() {
    let fixture = Fixture::new().await;

    let made = fixture
        .call(Method::POST, "/v2/token")
        .header("idempotency-key", "page-7")
        .send()
        .await;
    let again = fixture
        .call(Method::POST, "/v2/token")
        .header("idempotency-key", "page-7")
        .send()
        .await;

    let body = made.body();
    assert_eq!(made.status, 201);
    assert_eq!(body["object"], "token");
    assert!(body["id"].as_str().unwrap().starts_with("tok_"));
    assert_eq!(body["token"].as_str().unwrap().len(), 46);
    let moment = |name: &str| windlass_domain::Timestamp::parse(body[name].as_str().unwrap());
    let length = moment("expires_at")
        .unwrap()
        .since(moment("created_at").unwrap());
    assert_eq!(length.as_secs(), 1800);
    assert_eq!(again.bytes, made.bytes, "a retry shows the same");
    for narrowing in [
        json!({"source_id": "src_none"}),
        json!({"task_id": "task_none"}),
        json!({"run_id": "trun_none"}),
        json!({"external_id": " "}),
        json!({"url": "x"}),
    ] {
        let refused = fixture.post("/v2/token", narrowing).await;
        assert!(refused.status.is_client_error(), "{}", refused.body());
    }
}

#[tokio::test]
async fn a_page_makes_a_credential_runs_a_task_with_it_and_reads_that_run() {
    let fixture = Fixture::new().await;
    let (source_id, task_id) = (fixture.source().await, task(&fixture).await);
    let page = Page::new(&fixture, json!({})).await;

    let sources = page.get("/v2/sources").await;
    let source = page.get(&format!("/v2/sources/{source_id}")).await;
    let credential = page.credential(&source_id, json!({})).await;
    let second = page.credential(&source_id, json!({})).await;
    let run = page.start(&task_id, &credential.id()).await;
    let run_id = run.id();
    let read = page.get(&format!("/v2/task-runs/{run_id}?wait=1")).await;
    let answer = format!("/v2/task-runs/{run_id}/interaction");
    let answer = page.post(&answer, json!({"input": {"code": "1"}})).await;

    assert_eq!(
        (sources.status.as_u16(), source.status.as_u16()),
        (200, 200)
    );
    assert_eq!(credential.status, 201);
    assert_eq!(second.error(), forbidden(), "one, and no more");
    assert_eq!((run.status.as_u16(), read.status.as_u16()), (201, 200));
    assert_eq!(answer.error(), (409, "interaction_not_pending".to_owned()));
}

#[tokio::test]
async fn every_other_call_is_forbidden() {
    let fixture = Fixture::new().await;
    let page = Page::new(&fixture, json!({})).await;
    let document = document();
    let mut forbidden_calls = 0;

    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let may = CALLS.contains(&(method.as_str(), path.as_str()));
            if may || !path.starts_with("/v2/") {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let call = fixture.call_with(&page.token, method.clone(), path);
            let answered = call.json(&json!({})).send().await;
            assert_eq!(answered.error(), forbidden(), "{method} {path}");
            forbidden_calls += 1;
        }
    }
    assert!(forbidden_calls > 30, "{forbidden_calls}");
}

#[tokio::test]
async fn a_page_gets_at_nothing_of_another_credential() {
    let fixture = Fixture::new().await;
    let (source_id, task_id) = (fixture.source().await, task(&fixture).await);
    let theirs = fixture.credential(&source_id).await;
    let start = json!({"credential_id": theirs});
    let path = format!("/v2/tasks/{task_id}/run");
    let run_id = fixture.post(&path, start).await.id();
    let page = Page::new(&fixture, json!({})).await;
    let own = page.credential(&source_id, json!({})).await.id();
    let own_run = page.start(&task_id, &own).await.id();
    let other = Page::new(&fixture, json!({})).await;
    let session_id = fixture.session_of(&run_id).await;

    for body in [
        json!({"credential_id": theirs}),
        json!({"source_id": source_id}),
        json!({}),
        json!({"session_id": session_id}),
        json!({"credential_id": own, "session_id": session_id}),
        json!({"credential_id": own, "input": {}}),
        json!({"credential_id": own, "metadata": {"customer": "7"}}),
    ] {
        let answered = page.post(&path, body.clone()).await;
        assert_eq!(answered.error(), forbidden(), "{body}");
    }
    for (page, run_id) in [(&page, &run_id), (&other, &own_run)] {
        let read = page.get(&format!("/v2/task-runs/{run_id}")).await;
        let answer = format!("/v2/task-runs/{run_id}/interaction");
        let answer = page.post(&answer, json!({"decline": true})).await;
        assert_eq!(read.error(), unknown_run());
        assert_eq!(answer.error(), unknown_run());
    }
    let encoded = own_run.replacen("trun", "%74run", 1);
    let encoded = page.get(&format!("/v2/task-runs/{encoded}")).await;
    let includes = format!("/v2/task-runs/{own_run}?incl%75de=input");
    let includes = page.get(&includes).await;
    assert_eq!(encoded.error(), unknown_run());
    assert_eq!(includes.error(), forbidden());
    let head = fixture.call_with(&page.token, Method::HEAD, "/v2/agents");
    assert_eq!(head.begin().await.status(), 403);
}

#[tokio::test]
async fn a_narrowed_token_is_for_that_alone() {
    let fixture = Fixture::new().await;
    let (source_id, task_id) = (fixture.source().await, task(&fixture).await);
    let elsewhere = json!({"type": "website", "website": {"url": "https://www.fjord.example/"}});
    let elsewhere = fixture.post("/v2/sources", elsewhere).await.id();
    let other_task = task(&fixture).await;
    let narrowing = json!({"source_id": source_id, "task_id": task_id, "external_id": "Kari"});
    let page = Page::new(&fixture, narrowing).await;

    let other_source = page.get(&format!("/v2/sources/{elsewhere}")).await;
    let sources = page.get("/v2/sources").await;
    let there = page.credential(&elsewhere, json!({})).await;
    let ola = page
        .credential(&source_id, json!({"external_id": "Ola"}))
        .await;
    let kari = page.credential(&source_id, json!({})).await;
    let other_run = page.start(&other_task, &kari.id()).await;
    let run = page.start(&task_id, &kari.id()).await;

    assert_eq!(other_source.error(), (404, "source_not_found".to_owned()));
    for answered in [sources, there, ola, other_run] {
        assert_eq!(answered.error(), forbidden());
    }
    assert_eq!(kari.body()["external_id"], "Kari");
    assert_eq!(run.status, 201);

    let of_run = Page::new(&fixture, json!({"run_id": run.id()})).await;
    let second = page.start(&task_id, &kari.id()).await.id();
    let own = of_run.get(&format!("/v2/task-runs/{}", run.id())).await;
    let not_own = of_run.get(&format!("/v2/task-runs/{second}")).await;
    assert_eq!(own.status, 200);
    assert_eq!(not_own.error(), unknown_run());
    assert_eq!(of_run.get("/v2/sources").await.error(), forbidden());
    let credential = of_run.credential(&source_id, json!({})).await;
    assert_eq!(credential.error(), forbidden());
    let start = of_run.start(&task_id, &kari.id()).await;
    assert_eq!(start.error(), forbidden());
}

/// Whoever guesses a key's idempotency key is not given what it was answered.
#[tokio::test]
async fn a_page_is_given_nobody_elses_kept_answer() {
    let fixture = Fixture::new().await;
    let source_id = fixture.source().await;
    let body = json!({"source_id": source_id, "auth_method": "none"});
    let with = async |key: &str| {
        let call = fixture.call_with(key, Method::POST, "/v2/credentials");
        call.header("idempotency-key", "1").json(&body).send().await
    };
    let (one, two) = (
        token(&fixture, json!({})).await,
        token(&fixture, json!({})).await,
    );

    let ours = with(&fixture.key).await.id();
    let first = with(&one).await.id();
    let second = with(&two).await.id();
    let again = with(&one).await;

    assert!(ours != first && first != second && ours != second);
    assert_eq!(again.id(), first);
    assert_eq!(again.headers["idempotent-replayed"], "true");
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[rstest]
#[case("/v2/credentials", "POST")]
#[case("/v2/sources/src_1", "GET")]
#[case("/v2/task-runs/trun_1/interaction", "POST")]
#[tokio::test]
async fn a_page_of_any_origin_may_make_a_tokens_calls(#[case] path: &str, #[case] method: &str) {
    let fixture = Fixture::new().await;
    let origin = "https://bank.example";

    let preflight = fixture
        .open(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .send()
        .await;
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let refused = fixture
        .open(method, path)
        .header("origin", origin)
        .send()
        .await;

    assert_eq!(preflight.status, 204);
    let told = |name| header(&preflight.headers, name);
    assert_eq!(told("access-control-allow-origin"), Some("*"));
    assert!(told("access-control-allow-methods").unwrap().contains("T"));
    assert!(
        told("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    assert_eq!(told("access-control-allow-credentials"), None);
    assert_eq!(refused.status, 401);
    let told = |name| header(&refused.headers, name);
    assert_eq!(told("access-control-allow-origin"), Some("*"));
    assert!(
        told("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );
}

#[rstest]
#[case("/v2/agents", "POST")]
#[case("/v2/token", "POST")]
#[case("/v2/sources", "POST")]
#[case("/v2/credentials", "GET")]
#[case("/v2/task-runs", "GET")]
#[case("/v2/nothing", "GET")]
#[tokio::test]
async fn other_calls_are_for_no_page(#[case] path: &str, #[case] method: &str) {
    let fixture = Fixture::new().await;
    let method = Method::from_bytes(method.as_bytes()).unwrap();

    let answered = fixture
        .call(method, path)
        .header("origin", "https://bank.example")
        .send()
        .await;

    assert_eq!(
        header(&answered.headers, "access-control-allow-origin"),
        None
    );
}
