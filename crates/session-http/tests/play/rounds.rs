//! Steps that are done again, and again within that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::Agent;

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::serve;
use crate::server::{Run, Server};
use crate::{agent, errors};

fn repeat(steps: usize, times: u32) -> Value {
    custom(
        "repeat",
        &json!({"when": "a", "steps": steps, "times": times}),
    )
}

#[tokio::test]
async fn what_is_repeated_within_what_is_repeated_begins_anew() {
    let asked = Arc::new(AtomicUsize::new(0));
    let hits = Arc::clone(&asked);
    let url = serve(move |_| {
        hits.fetch_add(1, Ordering::SeqCst);
        html("<a href=/again>Again</a>")
    })
    .await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": ["a"]},
        repeat(1, 2),
        repeat(2, 1),
    ]);
    let context = Run::new(url, &steps).context(&Arc::new(Server::default()));

    agent("127.0.0.1").run(&context).await.unwrap();

    assert_eq!(asked.load(Ordering::SeqCst), 1 + 3 + 3);
}

#[tokio::test]
async fn rounds_that_multiply_are_given_up() {
    let url = serve(|_| html("<a>Again</a>")).await;
    let mut steps = vec![
        json!({"type": "navigate", "url": "{{source.url}}"}),
        custom("expect", &json!({"selector": "a"})),
    ];
    steps.extend((1..=20).map(|steps| repeat(steps, 10)));
    let context = Run::new(url, &json!(steps)).context(&Arc::new(Server::default()));

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains("steps were done again more than 1000 times"),
        "{message}"
    );
}
