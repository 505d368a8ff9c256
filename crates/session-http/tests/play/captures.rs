//! What is read and kept: lists, values, files.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_session_http::Manners;
use windlass_worker::Agent;

use crate::playbook::custom;
use crate::server::Run;
use crate::site::Site;
use crate::{agent, agent_with, errors, server};

fn list_of(limit: u32) -> Value {
    json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("extract", &json!({"fields": {"items": {"rows": "li", "next": ".next", "limit": limit,
            "fields": {"number": {"selector": ":scope", "as": "number"}}}}})),
    ])
}

#[tokio::test]
async fn a_list_ends_at_its_limit_and_asks_for_no_page_more() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let context = Run::new(site.url("/list"), &list_of(3)).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected = json!({"items": [{"number": 1}, {"number": 2}, {"number": 3}]});
    assert_eq!((outcome.output, site.hits()), (expected, 3));
}

#[tokio::test]
async fn half_a_list_does_not_pass_for_a_whole_one() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let context = Run::new(site.url("/list"), &list_of(9)).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceBlocked);
    assert!(message.contains("429"), "{message}");
}

#[tokio::test]
async fn a_text_that_is_no_number_fails_instead_of_giving_a_wrong_one() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("extract", &json!({"fields": {"total": {"selector": "label", "as": "number"}}})),
    ]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains("the text of total (label) is no number"),
        "{message}"
    );
}

#[tokio::test]
async fn a_file_that_never_comes_is_given_up() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let manners = Manners {
        load_timeout: Duration::from_millis(400),
        ..Manners::default()
    };
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("download", &json!({"selector": ".next"})),
    ]);
    let context = Run::new(site.url("/list-of-one"), &steps).context(&server);

    let (code, message, _) = errors(agent_with(manners).run(&context).await);

    assert_eq!(code, ErrorCode::SourceNotAvailable);
    assert!(
        message.contains("more than 0.4 s for all that leads to a file"),
        "{message}"
    );
}

#[tokio::test]
async fn a_file_without_end_is_cut() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}/files"},
        custom("download", &json!({"selector": "a"})),
    ]);
    let context = Run::new(site.url(""), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::StorageError);
    assert!(message.contains("100 MiB"), "{message}");
    assert!(server.files.lock().unwrap().is_empty());
}
