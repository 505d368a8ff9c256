//! What shows, and what is only there to be shown later; and where a run ends.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_domain::run::command::CredentialReport;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

fn navigate() -> Value {
    json!({"type": "navigate", "url": "{{source.url}}"})
}

fn title() -> Value {
    custom("extract", &json!({"fields": {"title": {"selector": "h1"}}}))
}

async fn played(url: &str, steps: &Value) -> Result<Outcome, RunFailure> {
    let server = Arc::new(Server::default());
    let context = Run::new(url.to_owned(), steps).context(&server);
    agent("127.0.0.1").run(&context).await
}

#[rstest]
#[case::by_style("<p class=it style='display: none'>x</p>")]
#[case::by_attribute("<p class=it hidden>x</p>")]
#[case::within("<div hidden><p class=it>x</p></div>")]
#[tokio::test]
async fn what_is_put_away_does_not_show(#[case] it: &'static str) {
    let url = serve(move |_| html(format!("<h1>Bills</h1>{it}"))).await;
    let fail = json!({"when": ".it", "type": "auth", "code": "auth_invalid", "message": "Wrong."});
    let steps = json!([
        navigate(),
        custom("fail", &fail),
        custom("interact", &json!({"type": "mfa", "message": "Code?", "when": ".it"})),
        custom("skip", &json!({"when": ".it", "steps": 1})),
        {"type": "waitForElement", "selectors": [".it"], "visible": false},
        title(),
    ]);
    assert_eq!(
        played(&url, &steps).await.unwrap().output,
        json!({"title": "Bills"})
    );

    let expects = json!([navigate(), custom("expect", &json!({"selector": ".it"}))]);
    let (code, message, _) = errors(played(&url, &expects).await);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("the page has no element .it"), "{message}");
}

#[tokio::test]
async fn long_styles_around_many_elements_are_read_once() {
    let page = format!(
        "<div style='{}'>{}</div><h1>Bills</h1>",
        "a: b; ".repeat(4_000),
        "<a>x</a>".repeat(20_000)
    );
    let url = serve(move |_| html(&page)).await;
    let skip = custom("skip", &json!({"when": "a", "steps": 1}));
    let gone = json!({"type": "waitForElement", "selectors": ["a"], "visible": false});
    let steps = json!([navigate(), skip, gone, title()]);

    assert_eq!(
        played(&url, &steps).await.unwrap().output,
        json!({"title": "Bills"})
    );
}

#[tokio::test]
async fn what_never_shows_marks_a_page_all_the_same() {
    let url = serve(|_| html("<meta name=user content=kari><h1>Bills</h1>")).await;
    let steps = json!([
        navigate(),
        custom("expect", &json!({"selector": "meta[name=user]"}))
    ]);

    assert!(played(&url, &steps).await.is_ok());
}

#[rstest]
#[case::with_the_form(json!([]))]
#[case::where_nothing_was_found(json!([custom("fail", &json!({"when": ".none", "type": "task", "code": "task_failed", "message": "x"}))]))]
#[tokio::test]
async fn a_run_that_ends_on_an_error_page_is_no_success(#[case] more: Value) {
    let url = serve(|head| match head.starts_with("POST") {
        true => Reply::of(
            "422 Unprocessable\r\ncontent-type: text/html",
            "<p>Wrong password.</p>",
        ),
        false => html("<form method=post><input name=user><button>Log in</button></form>"),
    })
    .await;
    let mut steps = vec![
        navigate(),
        json!({"type": "change", "selectors": ["input"], "value": "{{credential.username}}"}),
        json!({"type": "click", "selectors": ["button"]}),
    ];
    steps.extend(more.as_array().unwrap().clone());
    let server = Arc::new(Server {
        username: "kari",
        password: Some("x"),
        ..Server::default()
    });
    let context = Run::new(url, &json!(steps)).context(&server);

    let (code, message, credential) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("answered with status 422"), "{message}");
    assert_ne!(credential, Some(CredentialReport::Verified));
}

#[tokio::test]
async fn an_error_page_that_is_read_may_be_the_last() {
    let url = serve(|head| match head.starts_with("GET /none") {
        true => Reply::of(
            "404 None\r\ncontent-type: text/html",
            "<h1>No bills yet</h1>",
        ),
        false => html("<a href=/none>Bills</a>"),
    })
    .await;
    let click = json!({"type": "click", "selectors": ["a"]});

    let outcome = played(&url, &json!([navigate(), click, title()])).await;
    assert_eq!(outcome.unwrap().output, json!({"title": "No bills yet"}));

    let skips = custom("skip", &json!({"when": "h1", "steps": 1}));
    let outcome = played(&url, &json!([navigate(), click, skips, title()])).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[rstest]
#[case::json(
    "application/json",
    r#"{"name": "Tom &amp; Jerry", "html": "<b>bold</b>", "cut": "a<b", "q": "x</body>y"}"#,
    json!({"name": "Tom &amp; Jerry", "html": "<b>bold</b>", "cut": "a<b", "q": "x</body>y"}),
)]
#[case::plain("text/plain", r#"a <b and c> d &lt; {"name": "e"}"#, json!({"name": "e"}))]
#[tokio::test]
async fn what_is_no_page_is_read_as_it_is_written(
    #[case] kind: &str,
    #[case] body: &'static str,
    #[case] expected: Value,
) {
    let head = format!("200 OK\r\ncontent-type: {kind}");
    let url = serve(move |_| Reply::of(&head, body)).await;
    let fields = expected.as_object().unwrap().keys();
    let fields = fields.map(|name| {
        (
            name.clone(),
            json!({"selector": ":root", "json": format!("/{name}")}),
        )
    });
    let fields: serde_json::Map<String, Value> = fields.collect();
    let extract = custom("extract", &json!({"fields": fields}));

    let outcome = played(&url, &json!([navigate(), extract])).await;

    assert_eq!(outcome.unwrap().output, expected);
}
