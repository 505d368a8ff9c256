//! Pages that would make a step look at the same things again and again: each run ends, with what the
//! page has or with a clear error.

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;

use crate::bad_pages::{MOST_MEMORY_MIB, html, peak_memory_mib, played};
use crate::playbook::custom;
use crate::raw::serve;

/// What becomes of a run that does this on such a page.
async fn on(page: String, step: Value) -> String {
    let (code, message) = failed_on(page, step).await;
    assert_eq!(code, ErrorCode::TaskFailed, "{message}");
    message
}

async fn failed_on(page: String, step: Value) -> (ErrorCode, String) {
    let url = serve(move |head| match head.starts_with("GET / ") {
        true => html(&page),
        false => html("<p>Nothing"),
    })
    .await;
    let gone = custom("expect", &json!({"selector": "#gone"}));
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, step, gone]);

    let failed = played(&steps, url).await;

    if let Some(peak) = peak_memory_mib() {
        assert!(peak < MOST_MEMORY_MIB, "{peak} MiB");
    }
    failed
}

fn extract(field: &str, rule: &Value) -> Value {
    custom("extract", &json!({"fields": {field: rule}}))
}

#[tokio::test]
async fn a_long_header_over_all_columns() {
    let long = "long ".repeat(1_000_000);
    let page = format!("<table><tr><th colspan=1000>{long}<tr><td>1");
    let step = extract(
        "bills",
        &json!({"table": "table", "fields": {"month": {"column": "Month"}}}),
    );

    let message = on(page, step).await;

    assert!(message.contains("has no column \"Month\""), "{message}");
}

#[tokio::test]
async fn a_disabled_set_of_many_fields() {
    let fields = "<input name=a>".repeat(100_000);
    let page =
        format!("<form><fieldset disabled>{fields}<legend></legend></fieldset><button id=go>Go");

    let message = on(page, json!({"type": "click", "selectors": ["#go"]})).await;

    assert!(
        message.starts_with("Step 3 "),
        "the form was sent: {message}"
    );
}

#[tokio::test]
async fn names_of_values_in_names_of_values() {
    let page = format!("{}{}", "<dl><dt>".repeat(200), "word ".repeat(1_000_000));

    let message = on(
        page,
        extract("due", &json!({"selector": "dl", "term": "Due"})),
    )
    .await;

    assert!(message.contains("takes too long on this page"), "{message}");
}

#[tokio::test]
async fn texts_in_texts() {
    let page = format!(
        "{}{}<p>last",
        "<div>".repeat(500),
        "word ".repeat(1_000_000)
    );
    let step = extract("found", &json!({"selector": "text/last"}));

    let message = on(page, step).await;

    assert!(
        message.starts_with("Step 3 "),
        "the text was found: {message}"
    );
}

#[tokio::test]
async fn texts_beside_texts() {
    let page = "<p>word".repeat(150_000);
    let step = extract(
        "found",
        &json!({"rows": "text/word", "fields": {"word": {"selector": ":scope"}}}),
    );

    let message = on(page, step).await;

    assert!(message.contains("more than the 1 MiB"), "{message}");
}

#[tokio::test]
async fn choices_with_long_names() {
    let choices: String = (0..25_000)
        .map(|number| format!("<a id=a{number} aria-labelledby=name>x</a>"))
        .collect();
    let page = format!("<p id=name>{}</p>{choices}", "n".repeat(16_000));
    let ask = |options: Value| {
        custom(
            "interact",
            &json!({"type": "x", "message": "Which?", "fields": [
            {"name": "a", "type": "select", "label": "A", "options": options}]}),
        )
    };

    let by_name = on(page.clone(), ask(json!({"selector": "a"}))).await;
    let by_id = on(page, ask(json!({"selector": "a", "attribute": "id"}))).await;

    assert!(
        by_name.starts_with(
            "Step 2 (windlass.interact a): a choice that a finds has more than 4000 characters"
        ),
        "{by_name}"
    );
    assert!(by_id.contains("more than 200 a to choose from"), "{by_id}");
}

#[tokio::test]
async fn texts_in_texts_by_xpath() {
    let page = format!("{}{}", "<div>".repeat(500), "word ".repeat(1_000_000));
    let step = extract(
        "found",
        &json!({"selector": "xpath///div[normalize-space(.)='Due']"}),
    );

    let message = on(page, step).await;

    assert!(message.contains("takes too long on this page"), "{message}");
}

#[tokio::test]
async fn a_long_attribute_again_and_again_by_xpath() {
    let page = format!(
        "<p title='{}'>{}",
        "word ".repeat(1_000_000),
        "<a>".repeat(500)
    );
    let step = extract(
        "found",
        &json!({"selector": "xpath///a[//p/@title = 'Due']"}),
    );

    let message = on(page, step).await;

    assert!(message.contains("takes too long on this page"), "{message}");
}

#[tokio::test]
async fn json_in_texts_in_texts() {
    let page = format!("{}{}", "<div>".repeat(500), "[1, ".repeat(1_000_000));
    let step = extract("found", &json!({"selector": "div", "json": "/a"}));

    let message = on(page, step).await;

    assert!(message.contains("takes too long on this page"), "{message}");
}

#[rstest]
#[case::of_objects("{\"\":0},", json!({"json": "/x"}), "Step 3 ")]
#[case::of_lists("[],", json!({"json": "/x"}), "Step 3 ")]
#[case::of_a_type("{\"\":0},", json!({"json": "/x", "json_type": "Bill"}), "Step 3 ")]
#[case::that_are_read("{\"\":0},", json!({"json": ""}), "found has a text of more than 262144 bytes")]
#[tokio::test]
async fn json_of_many_values(#[case] value: &str, #[case] mut rule: Value, #[case] expected: &str) {
    let values = value.repeat(8_000_000 / value.len());
    let page = format!("<script type=application/json>[{values}0]</script>");
    rule["selector"] = json!("script");

    let message = on(page, extract("found", &rule)).await;

    assert!(message.contains(expected), "{message}");
}

#[rstest]
#[case::that_are_too_many(2000, json!({}), "there are more than 1000 files")]
#[case::over_pages(900, json!({"next": ".next"}), "file 1 of 900")]
#[tokio::test]
async fn files_whose_addresses_are_long_from_a_short_link(
    #[case] links: usize,
    #[case] mut parameters: Value,
    #[case] expected: &str,
) {
    let page = format!(
        "<base href='/{}/'>{}",
        "a".repeat(1_000_000),
        "<a href=x>".repeat(links)
    );
    parameters["selector"] = json!("a");
    parameters["all"] = json!(true);

    let (_, message) = failed_on(page, custom("download", &parameters)).await;

    assert!(message.contains(expected), "{message}");
}
