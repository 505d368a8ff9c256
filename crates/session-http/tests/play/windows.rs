//! Links that open a window of their own.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_worker::Agent;

use crate::agent;
use crate::bad_pages::html;
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};

/// A page that opens others, one of them out of a frame.
async fn website() -> String {
    serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => html(
            "<h1>Main</h1><input name=q><a target=_blank href=/popup>Print</a>
            <a href=/more>More</a><a target=_blank href=/bill>File</a><iframe src=/frame></iframe>",
        ),
        "/popup" => html("<h1>Popup</h1><a href=/deeper target=other>Deeper</a>"),
        "/deeper" => html("<h1>Deeper</h1>"),
        "/more" => html("<h1>More</h1>"),
        "/frame" => html("<h1>Frame</h1><a href=/led>Lead</a>"),
        "/led" => {
            html("<h1>Led</h1><table><tr><td id=cell><a target=_new href=/popup>Open</a></table>")
        }
        "/bill" => Reply::of("200 OK\r\ncontent-type: application/pdf", "%PDF"),
        _ => Reply::of("404 No", ""),
    })
    .await
}

fn click(text: &str) -> Value {
    json!({"type": "click", "selectors": [format!("text/{text}")]})
}

fn read(name: &str) -> Value {
    json!({"type": "customStep", "name": "windlass.extract", "parameters":
        {"fields": {name: {"selector": "h1"}}}})
}

fn within(target: &str, mut step: Value) -> Value {
    step["target"] = json!(target);
    step
}

async fn output(steps: &[Value]) -> Value {
    let mut all = vec![json!({"type": "navigate", "url": "{{source.url}}"})];
    all.extend_from_slice(steps);
    let server = Arc::new(Server::default());
    let context = Run::new(website().await, &json!(all)).context(&server);
    agent("127.0.0.1").run(&context).await.unwrap().output
}

#[tokio::test]
async fn a_step_of_the_first_window_is_played_there() {
    let popup = "https://recorded.example/popup";
    let close = within(popup, json!({"type": "close"}));

    let closed = [
        within("main", click("Print")),
        within(popup, read("popup")),
        within(popup, click("Deeper")),
        close.clone(),
        within("main", click("More")),
        read("after"),
    ];
    assert_eq!(
        output(&closed).await,
        json!({"popup": "Popup", "after": "More"})
    );

    let closed_last = [within("main", click("Print")), close, read("main")];
    assert_eq!(output(&closed_last).await, json!({"main": "Main"}));

    let not_closed = [within("main", click("Print")), within("main", read("main"))];
    assert_eq!(output(&not_closed).await, json!({"main": "Main"}));
}

#[tokio::test]
async fn a_playbook_that_names_no_window_goes_on_in_the_new_one() {
    let steps = [click("Print"), click("Deeper"), read("title")];

    assert_eq!(output(&steps).await, json!({"title": "Deeper"}));
}

#[tokio::test]
async fn a_frame_opens_a_window_too() {
    let (mut lead, mut again) = (click("Lead"), within("main", read("frame")));
    let mut open = json!({"type": "click", "selectors": ["#cell"]});
    for step in [&mut lead, &mut open, &mut again] {
        step["frame"] = json!([0]);
    }

    let steps = [
        lead,
        open,
        read("popup"),
        within("main", read("main")),
        again,
    ];

    let expected = json!({"popup": "Popup", "main": "Main", "frame": "Led"});
    assert_eq!(output(&steps).await, expected);
}

#[tokio::test]
async fn what_was_typed_in_the_first_window_is_there_again() {
    let typed = json!({"type": "change", "selectors": ["[name=q]"], "value": "x"});
    let steps = [
        typed,
        click("File"),
        click("Print"),
        within("main", read("title")),
    ];

    assert_eq!(output(&steps).await, json!({"title": "Main"}));
}
