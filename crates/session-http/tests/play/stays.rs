//! Where a page stays as it is: an answer without content, and a step that is given up in a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::{Agent, Outcome, RunFailure, Stopped};

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::{Reply, Then, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

fn nothing() -> Reply {
    Reply::of("204 No Content", "")
}

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
#[case::same_place("#lines", "https://recorded.example/bills/17#lines", true)]
#[case::another_bill("#line%2018", "https://recorded.example/#line%2017", true)]
#[case::another_page("#top", "https://recorded.example/bills/17", false)]
#[case::place_on_another_page("#lines", "https://recorded.example/next#end", false)]
#[case::no_place_on_the_page("#/orders", "https://recorded.example/#/orders", false)]
#[case::unread("#lines", "?", true)]
#[tokio::test]
async fn a_place_on_the_page_is_no_other_page(
    #[case] place: &'static str,
    #[case] asserted: &str,
    #[case] is_it: bool,
) {
    let url = serve(move |_| {
        html(format!(
            "<h1 id=lines>Bill</h1><a name='line 18' href='{place}'>Go</a>"
        ))
    })
    .await;
    let click = json!({"type": "click", "selectors": ["a"],
        "assertedEvents": [{"type": "navigation", "url": asserted}]});

    let result = played(&url, &json!([navigate(), click, title()])).await;

    match is_it {
        true => assert_eq!(result.unwrap().output, json!({"title": "Bill"})),
        false => {
            let (code, message, _) = errors(result);
            assert_eq!(code, ErrorCode::TaskFailed);
            assert!(message.contains("it needs a browser"), "{message}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_content_ends_a_list() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/more") => nothing(),
        _ => html("<ul><li>1<li>2</ul><a class=next href=/more>More</a><a class=pdf href=/1.pdf>x"),
    })
    .await;
    let list = json!({"fields": {"items": {"rows": "li", "next": ".next", "fields": {"number": {"selector": ":scope"}}}}});

    let outcome = played(&url, &json!([navigate(), custom("extract", &list)])).await;

    let expected = json!({"items": [{"number": "1"}, {"number": "2"}]});
    assert_eq!(outcome.unwrap().output, expected);
}

#[tokio::test]
async fn an_answer_without_content_leaves_the_page_around_a_frame_and_what_was_typed_in_it() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/frame") => html("<h1>Inside</h1><form action=/sent><input name=q></form><a target=_top href=/none>x</a>"),
        Some("/sent?q=typed") => html("<h1>Sent</h1>"),
        Some("/none") => nothing(),
        _ => html("<h1>Outside</h1><iframe src=/frame></iframe>"),
    })
    .await;
    let extract = |name: &str, frame: &[u32]| {
        let mut step = custom("extract", &json!({"fields": {name: {"selector": "h1"}}}));
        step["frame"] = json!(frame);
        step
    };
    let steps = json!([
        navigate(),
        {"type": "change", "selectors": ["input"], "value": "typed", "frame": [0]},
        {"type": "click", "selectors": ["a"], "frame": [0]},
        extract("around", &[]),
        {"type": "change", "selectors": ["input"], "value": "typed", "frame": [0]},
        {"type": "keyDown", "key": "Enter", "frame": [0]},
        extract("within", &[0]),
    ]);

    let outcome = played(&url, &steps).await;

    let expected = json!({"around": "Outside", "within": "Sent"});
    assert_eq!(outcome.unwrap().output, expected);
}

#[rstest]
#[case::of_a_link("a")]
#[case::of_a_button("button")]
#[tokio::test]
async fn where_a_page_came_when_it_was_recorded_an_answer_without_content_is_none(
    #[case] clicked: &str,
) {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/") => html("<a href=/none>x</a><form action=/none><button>Go</button></form>"),
        _ => nothing(),
    })
    .await;
    let click = json!({"type": "click", "selectors": [clicked], "assertedEvents": [{"type": "navigation"}]});

    let (code, message, _) = errors(played(&url, &json!([navigate(), click])).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("another page came here"), "{message}");
}

#[tokio::test]
async fn a_page_that_leads_on_to_a_file_is_another_page() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/thanks") => html("<h1>Thanks</h1><meta http-equiv=refresh content='0; url=/file'>"),
        Some("/file") => Reply::of("200 OK\r\ncontent-type: application/pdf", "%PDF-"),
        _ => html("<form action=/again><input id=q name=q></form><a href=/thanks>Download</a>"),
    })
    .await;
    let steps = |last: Value| {
        json!([
            navigate(),
            {"type": "click", "selectors": ["a"], "assertedEvents": [{"type": "navigation"}]},
            last
        ])
    };

    let outcome = played(&url, &steps(title())).await.unwrap();
    let enter = played(&url, &steps(json!({"type": "keyDown", "key": "Enter"}))).await;

    assert_eq!(outcome.output, json!({"title": "Thanks"}));
    let (_, message, _) = errors(enter);
    assert!(
        message.contains("no step acted on an element of this page"),
        "{message}"
    );
}

#[rstest]
#[case::canceled(true)]
#[case::out_of_time(false)]
#[tokio::test]
async fn a_session_is_where_its_page_is_though_a_step_was_given_up_in_a_frame(
    #[case] canceled: bool,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let hits = Arc::clone(&asked);
    let url = serve(move |head| match head.split(' ').nth(1) {
        Some("/outer/") => html("<iframe src=/inner/frame></iframe>"),
        Some("/inner/frame") => html("<a href=/never>x</a>"),
        Some("/never") => {
            hits.fetch_add(1, Ordering::SeqCst);
            Reply::raw("", Then::Hold)
        }
        Some("/outer/next") => html("<h1>Outer</h1>"),
        _ => html("<h1>Elsewhere</h1>"),
    })
    .await;
    let url = format!("{url}/outer/");
    let server = Arc::new(Server::default());
    let agent = Arc::new(agent("127.0.0.1"));
    let mut click = json!({"type": "click", "selectors": ["a"], "frame": [0]});
    if !canceled {
        click["timeout"] = json!(200);
    }
    let run = Run::new(url.clone(), &json!([navigate(), click]));
    let stop = run.canceled.clone();
    let context = run.context(&server);
    let playing = Arc::clone(&agent);
    let playing = tokio::spawn(async move { playing.run(&context).await });
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    if canceled {
        stop.cancel();
    }
    let ended = playing.await.unwrap();
    match canceled {
        true => assert_eq!(ended, Err(RunFailure::Stopped(Stopped::Canceled))),
        false => assert_eq!(errors(ended).0, ErrorCode::SourceNotAvailable),
    }

    let next = json!([{"type": "navigate", "url": "next"}, title()]);
    let again = Run {
        resumed: true,
        ..Run::new(url, &next)
    };
    let outcome = agent.run(&again.context(&server)).await.unwrap();

    assert_eq!(outcome.output, json!({"title": "Outer"}));
}
