//! What a caller sees of a worker's work: questions, and files at signed addresses.

use http::Method;
use serde_json::json;

use crate::fixture::Fixture;
use crate::held::Held;

#[tokio::test]
async fn a_question_is_shown_and_answered() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;
    let path = format!("/v2/task-runs/{}", held.run_id);

    let asked = fixture.get(&format!("{path}?wait=60")).await.body();
    let missing = fixture
        .post(&format!("{path}/interaction"), json!({"input": {}}))
        .await;
    let unknown = fixture
        .post(
            &format!("{path}/interaction"),
            json!({"input": {"code": "1", "pin": "2"}}),
        )
        .await;
    let cancel = fixture
        .call(Method::POST, &format!("{path}/cancel"))
        .send()
        .await;
    let answered = fixture
        .post(
            &format!("{path}/interaction"),
            json!({"inputs": {"code": "604218"}}),
        )
        .await;

    assert_eq!(asked["status"], "interaction_required");
    assert_eq!(
        asked["interaction"]["fields"],
        json!([{"name": "code", "type": "string", "label": "Code"}])
    );
    assert_eq!(asked["interaction"]["attempt"], 1);
    assert_eq!(missing.error(), (400, "input_missing".to_owned()));
    assert_eq!(missing.body()["errors"][0]["field"], "code");
    assert_eq!(unknown.error(), (400, "input_unknown".to_owned()));
    assert_eq!(cancel.error(), (409, "run_not_cancelable".to_owned()));
    assert_eq!(answered.status, 200);
    assert_eq!(answered.body()["status"], "running");
    assert_eq!(answered.body()["interaction"], json!(null));
}

#[tokio::test]
async fn null_answers_nothing() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;
    let path = format!("/v2/task-runs/{}/interaction", held.run_id);

    let null = fixture.post(&path, json!({"input": {"code": null}})).await;
    let unknown = fixture
        .post(&path, json!({"input": {"code": "1", "pin": null}}))
        .await;

    assert_eq!(null.error(), (400, "input_missing".to_owned()));
    assert_eq!(null.body()["errors"][0]["field"], "code");
    assert_eq!(unknown.error(), (400, "input_unknown".to_owned()));
}

#[tokio::test]
async fn a_repeated_answer_is_no_second_answer() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;
    let path = format!("/v2/task-runs/{}/interaction", held.run_id);

    let answer = async || {
        let call = fixture
            .call(Method::POST, &path)
            .header("idempotency-key", "once");
        call.json(&json!({"input": {"code": "604218"}}))
            .send()
            .await
    };
    let (first, second) = (answer().await, answer().await);

    assert_eq!(first.status, 200);
    assert_eq!(second.bytes, first.bytes);
}

#[tokio::test]
async fn a_decline_fails_the_run() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;

    let path = format!("/v2/task-runs/{}/interaction", held.run_id);
    let declined = fixture.post(&path, json!({"decline": true})).await.body();

    assert_eq!(declined["status"], "failed");
    assert_eq!(declined["result"], "failure");
    assert_eq!(declined["errors"][0]["code"], "interaction_declined");
}

#[tokio::test]
async fn a_file_is_read_at_its_signed_address_alone() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    let id = held.store(b"%PDF-1.7 a bill").await;

    let listed = fixture
        .get(&format!("/v2/task-runs/{}/storage", held.run_id))
        .await
        .body();
    let alone = fixture.get(&format!("/v2/storage/{id}")).await.body();
    let url = listed["data"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("http://localhost:8080").unwrap();
    let whole = fixture.open(Method::GET, path).send().await;
    let part = fixture
        .open(Method::GET, path)
        .header("range", "bytes=5-7")
        .send()
        .await;
    let outside = fixture
        .open(Method::GET, path)
        .header("range", "bytes=99-")
        .send()
        .await;
    let changed = fixture.open(Method::GET, &format!("{path}x")).send().await;

    assert_eq!(alone["sha256"], listed["data"][0]["sha256"]);
    assert_eq!(
        (alone["file_size"].as_u64(), alone["purpose"].as_str()),
        (Some(15), Some("output"))
    );
    assert_eq!(whole.bytes, b"%PDF-1.7 a bill");
    assert_eq!(whole.headers["content-type"], "application/pdf");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert!(
        whole.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment;")
    );
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &b"1.7"[..]));
    assert_eq!(part.headers["content-range"], "bytes 5-7/15");
    assert_eq!(outside.status.as_u16(), 416);
    assert_eq!(changed.error(), (404, "storage_not_found".to_owned()));
}
