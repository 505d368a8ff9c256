//! What a run reads from pages, as the output schema wants it.

use std::sync::Arc;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use windlass_domain::run::{ErrorCode, RunError};
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::agent;
use crate::playbook::custom;
use crate::server::{Run, Server};

const BILLS: &str = r#"<!doctype html><html lang="en-US"><head>
<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
  {"@type": "Organization", "name": "Nordlys"},
  {"@type": "Invoice", "totalPaymentDue": {"price": "1,249.50"}, "accountId": 17}]}</script>
<script>window.state = {"meters": [{"id": 4}, {"id": 5}]};</script></head><body>
<p id=note> </p><dl><dt>Customer<dd>Kari <b>Nordmann</b><dt>Member since:<dd>03/04/2021<dt>Paperless<dd>Yes</dl>
<table id=bills><thead><tr><th>Month<th>Amount due<th>Document</thead>
<tr><td>January<td>$1,249.50<td><a href="/1.pdf">PDF</a>
<tr><td>February<td>($12.00)<td>
<tfoot><tr><td>Sum<td>1,237.50<td></table>
<a rel=next href="/more">More</a>
<table id=stacked><tr><th>Month<th>Sum<tr><th>Number<th>Paid<tr><td>May<td>12<tr><td>17<td>Yes</table>
<table id=plain><tr><td>May<td>12<tr><td>June<td>-</table>
<div id=apart><p>12</p><p>345</p></div><table id=twice><tr><th>Sum<th>Sum<tr><td>1<td>2</table></body></html>"#;

const MORE: &str = r#"<html lang="en-US"><table id=bills><tr><th>Document<th>Amount due<th>Month
<tr><td><td>1<td>March</table></html>"#;

async fn site() -> String {
    let router = Router::new()
        .route("/bills/kari/2", get(async || Html(BILLS)))
        .route("/more", get(async || Html(MORE)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn run(fields: &Value, output_schema: Value) -> (String, Result<Outcome, RunFailure>) {
    let site = site().await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}/bills/{{credential.username}}/{{input.page}}"},
        custom("extract", &json!({"fields": fields})),
    ]);
    let run = Run {
        output_schema: Some(output_schema),
        ..Run::new(site.clone(), &steps)
    };
    let server = Arc::new(Server {
        username: "kari",
        password: Some("vinter"),
        ..Server::default()
    });
    let result = agent("127.0.0.1").run(&run.context(&server)).await;
    (site, result)
}

async fn output(fields: &Value, output_schema: Value) -> Value {
    let (site, result) = run(fields, output_schema).await;
    let output = result.unwrap().output.to_string();
    serde_json::from_str(&output.replace(&site, "")).unwrap()
}

async fn errors(fields: &Value, output_schema: Value) -> Vec<RunError> {
    match run(fields, output_schema).await.1 {
        Err(RunFailure::Failed { errors, .. }) => errors,
        other => panic!("fails: {other:?}"),
    }
}

#[tokio::test]
async fn a_table_is_read_by_its_headers_over_pages() {
    let fields = json!({"bills": {"table": "#bills", "next": "a[rel=next]", "fields": {
        "month": {"column": "Month"},
        "amount": {"column": "amount due", "as": "number"},
        "pdf": {"column": "Document", "selector": "a", "attribute": "href"},
    }}});

    let expected = json!({"bills": [
        {"month": "January", "amount": 1249.5, "pdf": "/1.pdf"},
        {"month": "February", "amount": -12.0},
        {"month": "March", "amount": 1},
    ]});
    assert_eq!(output(&fields, json!({})).await, expected);
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let fields = json!({"bills": {"table": "#bills", "fields": {"a": {"column": "Amount"}}}});

    let errors = errors(&fields, json!({})).await;

    let message = &errors[0].message;
    let expected =
        r##"the table #bills has no column "Amount"; it has "Month", "Amount due", "Document""##;
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_column_whose_header_is_there_twice_is_not_guessed() {
    let fields = json!({"sums": {"table": "#twice", "fields": {"a": {"column": "Sum"}}}});

    let errors = errors(&fields, json!({})).await;

    let message = &errors[0].message;
    let expected = r##"the table #twice has several columns "Sum"; it has "Sum", "Sum""##;
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_table_whose_records_may_have_several_rows_is_not_read_by_its_headers() {
    let fields = json!({"sums": {"table": "#stacked", "fields": {"a": {"column": "Sum"}}}});

    let errors = errors(&fields, json!({})).await;

    let message = &errors[0].message;
    let expected = r##"the table #stacked has several headers one over the other in the column "Sum": where a record has one row, name it "Sum Paid", and where it has several"##;
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_table_without_headers_says_so() {
    let fields = json!({"sums": {"table": "#plain", "fields": {"a": {"column": "Sum"}}}});

    let errors = errors(&fields, json!({})).await;

    let message = &errors[0].message;
    let expected = r##"the table #plain has no column "Sum": it shows no header cells"##;
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn what_is_no_number_is_told_with_its_row() {
    let field = json!({"selector": "td:nth-child(2)", "as": "number"});
    let fields = json!({"sums": {"rows": "#plain tr", "fields": {"sum": field}}});

    let errors = errors(&fields, json!({})).await;

    let message = &errors[0].message;
    let expected = "row 2 of sums: the text of sum (td:nth-child(2)) is no number";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn two_lines_are_not_put_together_to_a_number() {
    let field = json!({"apart": {"selector": "#apart"}});

    let number =
        json!({"properties": {"apart": {"anyOf": [{"type": "number"}, {"type": "null"}]}}});
    let errors = errors(&field, number).await;

    let expected = "the text of apart (#apart) is no number";
    assert!(errors[0].message.contains(expected), "{errors:?}");
    let text = output(&field, json!({})).await;
    assert_eq!(text, json!({"apart": "12 345"}));
}

#[tokio::test]
async fn the_output_schema_types_what_is_read() {
    let term = |term: &str| json!({"selector": "dl", "term": term});
    let fields = json!({
        "customer": term("Customer"),
        "since": term("member since"),
        "paperless": term("Paperless"),
        "first": {"selector": "xpath///table/tbody/tr[1]/td[2]"},
        "second": {"selector": "text/February"},
    });
    let schema = json!({"properties": {
        "customer": {"type": "string"},
        "since": {"type": "string", "format": "date"},
        "paperless": {"type": "boolean"},
        "first": {"type": "number"},
    }});

    let expected = json!({"customer": "Kari Nordmann", "since": "2021-03-04", "paperless": true,
        "first": 1249.5, "second": "February"});
    assert_eq!(output(&fields, schema).await, expected);
}

#[tokio::test]
async fn json_inside_the_page_is_read() {
    let in_invoice =
        |pointer: &str| json!({"selector": "script", "json": pointer, "json_type": "Invoice"});
    let fields = json!({
        "due": in_invoice("/totalPaymentDue/price"),
        "account": in_invoice("/accountId"),
        "meters": {"selector": "script", "json": "/meters"},
    });
    let schema = json!({"properties": {"due": {"type": "number"}, "account": {"type": "string"}}});

    let expected = json!({"due": 1249.5, "account": "17", "meters": [{"id": 4}, {"id": 5}]});
    assert_eq!(output(&fields, schema).await, expected);
}

#[tokio::test]
async fn what_is_required_and_missing_says_where_it_was_looked_for() {
    let fields = json!({
        "total": {"selector": "#total", "as": "number"},
        "note": {"selector": "#note"},
        "bills": {"table": "#bills", "fields": {"pdf": {"column": "Document", "selector": "a"}}},
        "vat": {"selector": "script", "json": "/vat"},
    });
    let schema = json!({"required": ["total", "bills", "vat"], "properties": {
        "bills": {"type": "array", "items": {"required": ["pdf"]}}}});

    let errors = errors(&fields, schema).await;

    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.code, error.field.as_deref().unwrap()))
        .collect();
    let output_invalid = |field| (ErrorCode::OutputInvalid, field);
    let expected = ["/bills/1/pdf", "/total", "/vat"].map(output_invalid);
    assert_eq!(told, expected);
    let message = &errors[1].message;
    assert!(
        message.contains(
            "`total` is required and was not found: step 2, #total found nothing on 127.0.0.1"
        ),
        "{message}"
    );
    assert!(
        message.ends_with("/bills/…/…."),
        "neither credential nor input show: {message}"
    );
}

#[tokio::test]
async fn a_text_that_is_something_else_fails_the_run() {
    let fields =
        json!({"since": {"selector": "dl", "term": "Member since", "format": "yyyy-mm-dd"}});

    let errors = errors(
        &fields,
        json!({"properties": {"since": {"type": "number"}}}),
    )
    .await;

    assert_eq!(errors[0].code, ErrorCode::TaskFailed);
    let expected = r#"the text of since (term "Member since" of dl) is no date"#;
    assert!(errors[0].message.contains(expected), "{errors:?}");
}

#[tokio::test]
async fn an_empty_text_is_no_value() {
    let fields =
        json!({"note": {"selector": "#note"}, "customer": {"selector": "dl", "term": "Customer"}});

    let read = output(&fields, json!({})).await;
    let required = errors(&fields, json!({"required": ["note"]})).await;

    assert_eq!(read, json!({"customer": "Kari Nordmann"}));
    assert_eq!(required[0].code, ErrorCode::OutputInvalid);
    assert!(
        required[0].message.contains("#note is empty"),
        "{required:?}"
    );
}
