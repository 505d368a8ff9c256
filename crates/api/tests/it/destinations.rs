//! Event destinations: changed, tested, replayed; and the deliveries to them.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::delivery::{Attempt, Next};

use crate::changes::patch;
use crate::fixture::{Answered, Fixture};

const PATH: &str = "/v2/event-destinations";

async fn post(fixture: &Fixture, path: &str) -> Answered {
    fixture.call(Method::POST, path).send().await
}

fn told(answered: &Answered) -> Value {
    let body = answered.body();
    let errors = body["errors"].as_array().expect("errors").iter();
    errors
        .map(|error| json!([error["code"], error["field"]]))
        .collect()
}

#[tokio::test]
async fn a_destination_changes_field_by_field() {
    let fixture = Fixture::new().await;
    let path = format!("{PATH}/{}", fixture.destination().await);
    let before = fixture.get(&path).await.body();

    let body = json!({"name": "Bills", "events": ["task_run.pending"]});
    let named = patch(&fixture, &path, &body).await;
    let profile = json!({"webhook": {"retry_profile": "deck", "custom_headers": {"X-Team": "b"}}});
    let profile = patch(&fixture, &path, &profile).await;
    let ended = patch(&fixture, &path, &json!({"status": "inactive"})).await;
    let begun = patch(&fixture, &path, &json!({"status": "active", "topics": []})).await;

    assert_eq!(named.status, 200, "{:?}", named.body());
    assert_eq!(named.body()["events"], json!(["task_run.review_required"]));
    assert_eq!(profile.body()["name"], "Bills");
    assert_eq!(
        profile.body()["webhook"],
        json!({"url": before["webhook"]["url"], "retry_profile": "deck"})
    );
    assert_eq!(ended.body()["status"], "inactive");
    assert_eq!(begun.body()["status"], "active");
    let events = fixture.get("/v2/events").await.body();
    let types: Vec<&Value> = events["data"].as_array().unwrap().iter().collect();
    assert_eq!(types[0]["type"], "event_destination.activated");
    assert_eq!(types[1]["type"], "event_destination.deactivated");
    assert_eq!(types.len(), 2);
}

#[rstest]
#[case::a_type(json!({"type": "webhook", "rabbitmq": {}}),
    json!([["input_invalid", "rabbitmq"], ["input_invalid", "type"]]))]
#[case::a_status(json!({"status": "pending_verification"}), json!([["input_invalid", "status"]]))]
#[case::no_events(json!({"events": [], "name": " "}),
    json!([["input_missing", "name"], ["input_invalid", "events"]]))]
#[case::an_address(json!({"webhook": {"url": ""}}), json!([["input_missing", "webhook.url"]]))]
#[case::a_header(json!({"config": {"custom_headers": {"Webhook-Signature": "v1,x"}}}),
    json!([["input_invalid", "config.custom_headers"]]))]
#[case::a_line_break(json!({"webhook": {"custom_headers": "{\"X-A\": \"a\\r\\nb\"}"}}),
    json!([["input_invalid", "webhook.custom_headers"]]))]
#[case::topics(json!({"topics": ["a"], "resolved_events": ["b"]}),
    json!([["input_invalid", "topics"], ["input_invalid", "resolved_events"]]))]
#[case::two_names(json!({"webhook": {}, "type_config": {}}), json!([["input_invalid", "type_config"]]))]
#[tokio::test]
async fn what_a_destination_cannot_be_changes_nothing(
    #[case] body: Value,
    #[case] expected: Value,
) {
    let fixture = Fixture::new().await;
    let path = format!("{PATH}/{}", fixture.destination().await);
    let before = fixture.get(&path).await.body();

    let refused = patch(&fixture, &path, &body).await;

    assert_eq!(refused.status, 400);
    assert_eq!(told(&refused), expected);
    let mut after = fixture.get(&path).await.body();
    after["request_id"] = before["request_id"].clone();
    assert_eq!(after, before);
}

#[rstest]
#[case::config(json!({"config": {"url": "https://hooks.bolig.example/"}, "topics": null,
    "credentials": {"custom_headers": "{\"X-Team\": \"billing\"}"}, "resolved_events": []}))]
#[case::type_config(json!({"type": "webhook", "type_config": {"url": "https://hooks.bolig.example/"}}))]
#[tokio::test]
async fn a_destination_is_made_in_older_spellings(#[case] mut body: Value) {
    let fixture = Fixture::new().await;
    body["name"] = json!("Billing");

    let made = fixture.post(PATH, body).await;

    assert_eq!(made.status, 201, "{:?}", made.body());
    let body = made.body();
    assert_eq!(body["webhook"]["url"], "https://hooks.bolig.example/");
    assert!(body["webhook"]["secret"].is_string());
    assert_eq!(body["events"], json!(["*"]));
}

#[rstest]
#[case::nothing(json!({}), json!([["input_missing", "webhook.url"]]))]
#[case::no_address(json!({"config": {}}), json!([["input_missing", "config.url"]]))]
#[case::twice(json!({"config": {"url": "https://a.example/"}, "credentials": {"url": "https://a.example/"}}),
    json!([["input_invalid", "credentials.url"]]))]
#[case::another_type(json!({"webhook": {"url": "https://a.example/"}, "rabbitmq": {"exchange": "a"}}),
    json!([["input_invalid", "rabbitmq"]]))]
#[case::no_such_type(json!({"type": "carrier_pigeon", "webhook": {"url": "https://a.example/"}}),
    json!([["input_invalid", "type"]]))]
#[tokio::test]
async fn a_destination_has_one_configuration(#[case] mut body: Value, #[case] expected: Value) {
    let fixture = Fixture::new().await;
    body["name"] = json!("Billing");

    let refused = fixture.post(PATH, body).await;

    assert_eq!(refused.status, 400);
    assert_eq!(told(&refused), expected);
    assert_eq!(fixture.get(PATH).await.body()["data"], json!([]));
}

#[tokio::test]
async fn a_rotated_secret_is_shown_once_and_to_a_retry() {
    let fixture = Fixture::new().await;
    let id = fixture.destination().await;
    let path = format!("{PATH}/{id}/rotate-secret");
    let once = async || {
        let call = fixture.call(Method::POST, &path);
        call.header("idempotency-key", "once").send().await
    };

    let rotated = once().await;
    let retried = once().await;
    let other = post(&fixture, &path).await;

    assert_eq!(rotated.status, 200);
    let secret = rotated.body()["webhook"]["secret"].clone();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(retried.bytes, rotated.bytes);
    assert_ne!(other.body()["webhook"]["secret"], secret);
    let read = fixture.get(&format!("{PATH}/{id}")).await.body();
    assert_eq!(read["webhook"].get("secret"), None);
}

#[tokio::test]
async fn a_test_answers_what_happened() {
    let fixture = Fixture::new().await;
    let path = format!("{PATH}/{}/test", fixture.destination().await);

    let mut tested = post(&fixture, &path).await.body();
    let unknown = post(&fixture, &format!("{PATH}/evtd_no/test")).await;

    tested["request_id"] = Value::Null;
    assert_eq!(
        tested,
        json!({"object": "event_destination_test", "success": false, "status_code": 503,
            "duration_ms": 41, "error": "The receiver answered 503.", "request_id": null})
    );
    assert_eq!(
        unknown.error(),
        (404, "event_destination_not_found".to_owned())
    );
}

#[tokio::test]
async fn a_delivery_is_read_and_sent_again_and_a_period_replayed() {
    let fixture = Fixture::new().await;
    let id = fixture.destination().await;
    fixture.agent().await;
    let deliveries = &fixture.application.ports.deliveries;
    let due = deliveries
        .lease(9, 9, &[], std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let attempt = Attempt {
        at: due[0].event.created_at,
        status_code: Some(200),
        duration: std::time::Duration::from_millis(22),
        error: None,
        retry_after: None,
    };
    let recorded = deliveries.record(due[0].delivery.id, attempt, Next::Delivered);
    recorded.await.unwrap();
    let path = format!("/v2/event-deliveries/{}", due[0].delivery.id);
    let period =
        json!({"created_after": "2020-01-01T00:00:00Z", "created_before": "2099-01-01T00:00:00Z"});

    let read = fixture.get(&path).await.body();
    let replayed = fixture.post(&format!("{PATH}/{id}/replay"), period).await;
    let sent = post(&fixture, &format!("{path}/redeliver")).await;

    assert_eq!(read["object"], "event_delivery");
    assert_eq!(read["status"], "success");
    assert_eq!(read["attempt_log"][0]["status_code"], 200);
    assert!(read["request_id"].is_string());
    assert_eq!(replayed.status, 200, "{:?}", replayed.body());
    assert_eq!(replayed.body()["object"], "replay");
    assert_eq!(replayed.body()["deliveries"], 1);
    assert_eq!(sent.status, 200);
    let body = sent.body();
    assert_eq!(
        (&body["status"], &body["attempts"]),
        (&json!("pending"), &json!(1))
    );
    assert_eq!(body["delivered_at"], Value::Null);
    assert!(body["next_attempt_at"].is_string());
    let unknown = fixture.get("/v2/event-deliveries/edlv_no").await;
    assert_eq!(
        unknown.error(),
        (404, "event_delivery_not_found".to_owned())
    );
}

#[rstest]
#[case::nothing(json!({}), json!([["input_missing", "created_after"], ["input_missing", "created_before"]]))]
#[case::no_moments(json!({"created_after": "soon", "created_before": "2026-01-01T00:00:00Z", "types": ["a.b"]}),
    json!([["input_invalid", "created_after"], ["input_invalid", "types"]]))]
#[case::the_wrong_way(json!({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}),
    json!([["input_invalid", "created_before"]]))]
#[tokio::test]
async fn a_period_that_is_none_is_not_replayed(#[case] body: Value, #[case] expected: Value) {
    let fixture = Fixture::new().await;
    let path = format!("{PATH}/{}/replay", fixture.destination().await);

    let refused = fixture.post(&path, body).await;

    assert_eq!(refused.status, 400);
    assert_eq!(told(&refused), expected);
}
