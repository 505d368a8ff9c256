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
    assert_eq!(alone["metadata"], json!({"page": 2}));
    assert_eq!(alone["extraction"], json!({"amount": 1249.5}));
    assert_eq!(alone["result"], "success");
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

#[tokio::test]
async fn what_an_agent_saw_is_listed_included_and_read_at_its_signed_address() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    let first = held.see(1, b"<h1>Log in</h1>").await;
    let second = held.see(2, b"<h1>Bills</h1>").await;
    let run = format!("/v2/task-runs/{}", held.run_id);

    let page = fixture.get(&format!("{run}/screenshots?limit=1")).await;
    let page = page.body();
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("{run}/screenshots?limit=1&cursor={cursor}");
    let rest = fixture.get(&next).await.body();
    let included = format!("{run}?include=screenshots,artifacts");
    let read = fixture.get(&included).await.body();
    let strange = fixture
        .call_with(
            &fixture.stranger,
            Method::GET,
            &format!("{run}/screenshots"),
        )
        .send()
        .await;

    assert_eq!(page["data"][0]["id"], first.to_string());
    assert_eq!(rest["data"][0]["id"], second.to_string());
    assert_eq!(rest["has_more"], false);
    assert_eq!(read["screenshots"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        read["artifacts"]["screenshots"][1]["id"],
        second.to_string()
    );
    assert_eq!(strange.error(), (404, "task_run_not_found".to_owned()));
    let mut shown = page["data"][0].clone();
    let url = shown["url"].take();
    shown["created_at"].take();
    assert_eq!(
        shown,
        json!({
            "id": first.to_string(), "object": "screenshot", "file_name": "step-01.html",
            "file_type": "text/html; charset=utf-8", "file_size": 15, "url": null,
            "reasoning": "click \"Next\"", "width": null, "height": null, "step": 1,
            "created_at": null,
        })
    );
    let path = url.as_str().unwrap().strip_prefix("http://localhost:8080");
    let path = path.unwrap();
    let content = fixture.open(Method::GET, path).send().await;
    let of_another = path.replace(&first.to_string(), &second.to_string());
    let of_another = fixture.open(Method::GET, &of_another).send().await;
    assert_eq!(content.bytes, b"<h1>Log in</h1>");
    assert_eq!(content.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(content.headers["x-content-type-options"], "nosniff");
    let disposition = content.headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    assert_eq!(of_another.error(), (404, "storage_not_found".to_owned()));
}
