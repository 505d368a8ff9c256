//! What is kept of the pages that a run came to.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_domain::screenshot::MAX_SCREENSHOTS;
use windlass_worker::Agent;
use windlass_worker::protocol::CapturedScreenshot;

use crate::bad_pages::html;
use crate::playbook::{custom, whole_way};
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::site::{CODE, PASSWORD, Site};
use crate::{agent, errors, server};

fn seen(server: &Server) -> Vec<(u32, CapturedScreenshot, String)> {
    let screenshots = server.screenshots.lock().unwrap().clone();
    let read = screenshots.into_iter().map(|screenshot| {
        let content = String::from_utf8(screenshot.content.to_vec()).unwrap();
        (screenshot.step.unwrap(), screenshot, content)
    });
    read.collect()
}

#[tokio::test]
async fn each_step_that_changes_the_page_leaves_it_without_its_secrets() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &["111111", CODE]);
    let context = Run::new(site.url("/"), &whole_way()).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let seen = seen(&server);
    let steps: Vec<_> = seen.iter().map(|(step, ..)| *step).collect();
    // The click on a label, the questions and the download change nothing; the list ends on another page.
    assert_eq!(steps, [2, 5, 6, 7, 10, 11, 14, 15, 18]);
    for (step, screenshot, content) in &seen {
        assert_eq!(screenshot.file_name, format!("step-{step:02}.html"));
        assert_eq!(screenshot.file_type, "text/html; charset=utf-8");
        assert!(content.starts_with("<!doctype html>"), "{content}");
        let reasoning = screenshot.reasoning.clone().unwrap();
        for secret in [PASSWORD, CODE, "111111", "kari", "t0k"] {
            assert!(
                !content.contains(secret),
                "{secret} in step {step}: {content}"
            );
            assert!(!reasoning.contains(secret), "{secret} in {reasoning}");
        }
    }
    assert!(
        seen[0].2.contains("<label for=\"user\">User</label>"),
        "{}",
        seen[0].2
    );
    let typed = "<input id=\"user\" type=\"text\" value=\"••••\">";
    assert!(seen[1].2.contains(typed), "{}", seen[1].2);
    assert!(seen[7].2.contains("January 2026"), "{}", seen[7].2);
    assert!(seen[8].2.contains("November 2025"), "{}", seen[8].2);
}

#[tokio::test]
async fn a_step_in_a_frame_leaves_the_frame_as_it_was() {
    let url = serve(|head| match head.starts_with("GET /frame ") {
        true => html("<h1>Inside</h1><input id=q>"),
        false => html("<h1>Outside</h1><iframe src=/frame></iframe>"),
    })
    .await;
    let change = json!({"type": "change", "selectors": ["#q"], "value": "typed", "frame": [0]});
    let mut failing = custom("expect", &json!({"selector": "#elsewhere"}));
    failing["frame"] = json!([0]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        change,
        custom("expect", &json!({"selector": "h1"})),
        failing,
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(url, &steps).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap_err();

    let seen = seen(&server);
    let shown = |step: u32, part: &str| {
        let mut of_step = seen.iter().filter(|(other, ..)| *other == step);
        assert!(
            of_step.any(|(.., content)| content.contains(part)),
            "{part}"
        );
    };
    shown(1, "Outside");
    shown(2, "value=\"typed\"");
    shown(3, "Outside");
    shown(4, "value=\"typed\"");
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_page_that_it_failed_on() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "change", "selectors": [["#user"]], "value": "somebody"},
        custom("expect", &json!({"selector": "#elsewhere"})),
    ]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap_err();

    let seen = seen(&server);
    let steps: Vec<_> = seen.iter().map(|(step, ..)| *step).collect();
    assert_eq!(steps, [1, 2, 3]);
    let reasoning = seen[2].1.reasoning.as_deref().unwrap();
    assert!(reasoning.starts_with("failed: "), "{reasoning}");
    assert!(seen[2].2.contains("value=\"somebody\""), "{}", seen[2].2);
}

#[tokio::test]
async fn a_screenshot_step_keeps_the_page_in_any_case_with_its_reasoning() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("screenshot", &json!({"reasoning": "This is the form."})),
    ]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let seen = seen(&server);
    let told: Vec<_> = seen
        .iter()
        .map(|(step, screenshot, _)| (*step, screenshot.reasoning.as_deref().unwrap()))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], (2, "This is the form."));
    assert_ne!(
        seen[0].2, seen[1].2,
        "the server keeps the same content once"
    );
}

#[rstest]
#[case::page(
    "text/html",
    "<h1>Down for <b>hunter2</b></h1>",
    "<h1>Down for <b>••••</b></h1>"
)]
#[case::json(
    "application/problem+json",
    "{\"error\": 17}",
    "{&quot;error&quot;: 17}"
)]
#[case::endless("text/html\r\ncontent-length: 99999999", "Down", "<h1>Start</h1>")]
#[case::picture("image/png", "PNG", "<h1>Start</h1>")]
#[case::nothing("text/html", " ", "<h1>Start</h1>")]
#[tokio::test]
async fn a_step_that_meets_an_error_of_the_source_leaves_what_the_source_said(
    #[case] kind: &str,
    #[case] body: &'static str,
    #[case] expected: &str,
    #[values(
        json!({"type": "click", "selectors": ["a"]}),
        custom("download", &json!({"selector": "a"})),
    )]
    step: Value,
) {
    let error = format!("500 No\r\ncontent-type: {kind}");
    let url = serve(move |head| match head.starts_with("GET /down ") {
        true => Reply::of(&error, body),
        false => html("<h1>Start</h1><a href=/down>Down</a>"),
    })
    .await;
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, step]);
    let server = Arc::new(Server {
        username: "ada",
        password: Some("hunter2"),
        ..Server::default()
    });
    let context = Run::new(url, &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceError);
    assert!(message.contains("answered with status 500"), "{message}");
    let seen = seen(&server);
    assert_eq!(seen.len(), 2);
    assert!(seen[1].2.contains(expected), "{}", seen[1].2);
}

#[tokio::test]
async fn a_long_run_keeps_places_for_where_it_fails() {
    let url = serve(|_| html("<h1>Start</h1>")).await;
    let mut steps = vec![json!({"type": "navigate", "url": "{{source.url}}"})];
    let screenshot = custom("screenshot", &json!({"reasoning": "Again."}));
    steps.extend(vec![screenshot; 250]);
    steps.push(custom("expect", &json!({"selector": "#elsewhere"})));
    let server = Arc::new(Server::default());
    let context = Run::new(url, &json!(steps)).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap_err();

    let seen = seen(&server);
    assert!(seen.len() < usize::try_from(MAX_SCREENSHOTS).unwrap());
    assert_eq!(seen[seen.len() - 2].0, 190);
    assert_eq!(seen[seen.len() - 1].0, 252);
}
