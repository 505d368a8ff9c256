//! Pages that answer with an error and are left before a step finds anything on them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

/// A page whose forms are answered with this status, in it, in its frame and in a window.
async fn website(status: u16) -> String {
    serve(move |head| match head.split(' ').nth(1).unwrap() {
        "/" => html(
            "<h1>Bill</h1><form action=/save><button>Save</button></form><a href=/bills>Bills</a>
            <a href=/save target=_blank>Print</a><iframe src=/frame></iframe>",
        ),
        "/frame" => html("<form action=/save><button>Save</button></form>"),
        "/bills" => html("<h1>Bills</h1>"),
        "/login" => html("<h1>Log in</h1><a href=/bills>Go</a>"),
        _ => Reply::of(
            &format!("{status} No\r\ncontent-type: text/html"),
            "<h1>Not saved</h1><a href=/bills>Back</a>",
        ),
    })
    .await
}

fn run(url: String, steps: &[Value]) -> Run {
    let mut all = vec![navigate("{{source.url}}")];
    all.extend_from_slice(steps);
    Run::new(url, &json!(all))
}

async fn played(status: u16, steps: &[Value]) -> Result<Outcome, RunFailure> {
    let server = Server {
        codes: Mutex::new(VecDeque::from(["yes"])),
        ..Server::default()
    };
    let context = run(website(status).await, steps).context(&Arc::new(server));
    agent("127.0.0.1").run(&context).await
}

fn navigate(url: &str) -> Value {
    json!({"type": "navigate", "url": url})
}

fn click(text: &str) -> Value {
    json!({"type": "click", "selectors": [format!("text/{text}")]})
}

fn title() -> Value {
    custom("extract", &json!({"fields": {"title": {"selector": "h1"}}}))
}

/// Leaves out two steps where this shows.
fn skip(when: &str) -> Value {
    custom("skip", &json!({"when": when, "steps": 2}))
}

fn approval(when: &Value) -> Value {
    custom(
        "interact",
        &json!({"type": "approval", "message": "Go on?", "when": when}),
    )
}

fn in_frame(mut step: Value) -> Value {
    step["frame"] = json!([0]);
    step
}

fn in_window(target: &str, mut step: Value) -> Value {
    step["target"] = json!(target);
    step
}

fn close() -> Value {
    in_window("https://recorded.example/print", json!({"type": "close"}))
}

#[rstest]
#[case::by_an_address(vec![click("Save"), navigate("/bills"), title()])]
#[case::while_somebody_is_asked(vec![click("Save"), approval(&json!(null)), navigate("/bills"), title()])]
#[case::at_the_end_in_a_frame(vec![in_frame(click("Save"))])]
#[case::in_a_frame_beside_the_page(vec![in_frame(click("Save")), title()])]
#[case::in_a_frame_whose_page_is_left(vec![in_frame(click("Save")), click("Bills"), title()])]
#[case::with_its_window(vec![click("Print"), close(), title()])]
#[case::for_the_first_window(vec![click("Print"), in_window("main", title())])]
#[tokio::test]
async fn a_refusal_that_is_left_unread_is_no_success(
    #[case] steps: Vec<Value>,
    #[values((422, ErrorCode::TaskFailed), (403, ErrorCode::SourceBlocked))] refusal: (
        u16,
        ErrorCode,
    ),
) {
    let (status, expected) = refusal;

    let (code, message, _) = errors(played(status, &steps).await);

    assert_eq!(code, expected, "{message}");
    assert!(message.contains(&format!("status {status}")), "{message}");
}

#[rstest]
#[case::acted_on(vec![click("Save"), click("Back"), title()], "Bills")]
#[case::read(vec![click("Save"), title(), navigate("/bills")], "Not saved")]
#[case::read_in_its_frame(vec![in_frame(click("Save")), in_frame(title())], "Not saved")]
#[case::read_in_its_frame_later(
    vec![in_frame(click("Save")), title(), in_frame(title()), click("Bills")], "Not saved")]
#[case::read_in_its_window(vec![click("Print"), title(), close()], "Not saved")]
#[case::asked_whether_it_is_logged_in(
    vec![click("Save"), skip(".account"), navigate("/login"), click("Go"), title()], "Bills")]
#[case::asked_about(vec![click("Save"), approval(&json!("h1")), navigate("/bills"), title()], "Bills")]
#[case::come_by_an_address(vec![navigate("/login"), navigate("/bills"), title()], "Bills")]
#[tokio::test]
async fn an_error_that_the_playbook_knows_is_none(#[case] steps: Vec<Value>, #[case] title: &str) {
    for status in [422, 403] {
        let outcome = played(status, &steps).await;

        assert_eq!(outcome.unwrap().output, json!({"title": title}));
    }
}

/// How a run ends that asks after these steps, and whose next worker goes on with those.
async fn resumed(before: &[Value], after: &[Value]) -> Result<Outcome, RunFailure> {
    let url = website(422).await;
    let ask = custom("interact", &json!({"type": "mfa", "message": "Code?"}));
    let steps = [before, &[ask], after].concat();
    let lost = Arc::new(Server::default());
    let context = run(url.clone(), &steps).context(&lost);
    let asked = agent("127.0.0.1").run(&context).await;
    assert!(matches!(asked, Err(RunFailure::Stopped(_))), "{asked:?}");
    let next = Arc::new(Server {
        codes: Mutex::new(VecDeque::from(["1"])),
        ..Server::default()
    });
    let context = run(url, &steps).from(&lost).context(&next);
    agent("127.0.0.1").run(&context).await
}

#[tokio::test]
async fn a_refusal_is_remembered_by_the_worker_that_goes_on() {
    let (_, message, _) = errors(resumed(&[click("Save"), navigate("/bills")], &[title()]).await);

    assert!(message.starts_with("Step 2 led to 127.0.0.1"), "{message}");
}

#[tokio::test]
async fn an_error_that_is_read_by_the_worker_that_goes_on_is_none() {
    let outcome = resumed(&[click("Save")], &[title(), navigate("/bills")]).await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Not saved"}));
}

#[tokio::test]
async fn an_error_that_leads_on_by_itself_is_none() {
    for leads_to in ["0; url=/export", "2; url=/ready"] {
        let asked = AtomicBool::new(false);
        let url = serve(move |head| match head.split(' ').nth(1).unwrap() {
            "/" => html("<a href=/export>Export</a>"),
            "/export" if !asked.swap(true, Ordering::SeqCst) => Reply::of(
                &format!("404 No\r\ncontent-type: text/html\r\nrefresh: {leads_to}"),
                "<p>Not ready",
            ),
            _ => html("<h1 id=ready>Ready</h1>"),
        })
        .await;
        let wait = json!({"type": "waitForElement", "selectors": ["#ready"]});
        let steps = [click("Export"), wait, title()];
        let context = run(url, &steps).context(&Arc::new(Server::default()));

        let outcome = agent("127.0.0.1").run(&context).await;

        assert_eq!(outcome.unwrap().output, json!({"title": "Ready"}));
    }
}

#[rstest]
#[case::unread(vec![in_frame(click("Save"))], false)]
#[case::read(vec![in_frame(click("Save")), in_frame(title())], true)]
#[tokio::test]
async fn nobody_goes_on_without_the_error_in_a_frame(
    #[case] mut steps: Vec<Value>,
    #[case] leaves: bool,
) {
    steps.push(custom(
        "interact",
        &json!({"type": "mfa", "message": "Code?"}),
    ));
    let server = Arc::new(Server::default());
    let context = run(website(422).await, &steps).context(&server);

    let asked = agent("127.0.0.1").run(&context).await;

    assert!(matches!(asked, Err(RunFailure::Stopped(_))), "{asked:?}");
    let questions = server.questions.lock().unwrap();
    assert_eq!(questions[0].checkpoint.is_some(), leaves);
}
