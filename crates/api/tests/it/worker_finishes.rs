//! Many ends in one call. Source: docs/workers.md, "The calls".

use http::Method;
use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::workers::status;
use crate::working::{Leased, Working};

#[tokio::test]
async fn of_many_finishes_one_that_is_wrong_keeps_no_other_from_being_heard() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let mut held = Vec::new();
    for _ in 0..4 {
        fixture.run().await;
        held.push(worker.lease().await);
    }
    let of = |number: usize, more: Value| {
        let leased: &Leased = &held[number];
        let mut body = json!({"run_id": leased.run_id, "epoch": leased.epoch});
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        body
    };

    let finishes = json!({"finishes": [
        of(0, json!({"result": "success",
            "trace_parent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})),
        of(1, json!({"result": "success", "trace_parent": "4bf92f3577b34da6"})),
        of(1, json!({"result": "success", "epoch": 9})),
        of(2, json!({"result": "well", "nonsense": 1})),
        7,
        {"run_id": "trun_0324ygTmLd1GBzfqb28m5Y", "epoch": 1, "result": "success"},
        of(3, json!({"result": "failure", "errors": [
            {"type": "task", "code": "task_failed", "message": "No."}]})),
    ]});
    let answered = worker.post("leases/finish", finishes).await;

    assert_eq!(answered.status, 200);
    let told: Vec<Value> = answered.body()["finishes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|heard| json!([heard["status"], heard["errors"][0]["code"]]))
        .collect();
    assert_eq!(
        Value::from(told),
        json!([
            ["completed", null],
            [null, "input_invalid"],
            [null, "lease_lost"],
            [null, "input_unknown"],
            [null, "body_invalid"],
            [null, "task_run_not_found"],
            ["failed", null],
        ])
    );
    assert_eq!(status(&fixture, &held[1]).await, "running");
    assert_eq!(status(&fixture, &held[2]).await, "running");
}

/// What no JSON of one can be, the whole can: a worker's library may write it.
#[tokio::test]
async fn of_many_finishes_one_that_cannot_be_read_keeps_no_other_from_being_heard() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let mut held = Vec::new();
    for _ in 0..2 {
        fixture.run().await;
        held.push(worker.lease().await);
    }
    let of = |number: usize, output: &str| {
        let Leased { run_id, epoch, .. } = &held[number];
        format!(
            r#"{{"run_id": "{run_id}", "epoch": {epoch}, "result": "success", "output": {output}}}"#
        )
    };
    let long = format!(r#"{{"text": "{}"}}"#, "x".repeat(900_000));
    let too_long = format!(r#"{{"text": "{}"}}"#, "x".repeat(2 << 20));
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let texts = [
        r#""\u0000""#,
        r#"{"a": 1, "a": 2}"#,
        r#""\ud800""#,
        "1e400",
        &deep,
        &too_long,
        &long,
    ];
    let mut finishes: Vec<String> = texts.iter().map(|output| of(0, output)).collect();
    finishes.push(of(1, &long));
    let body = format!(r#"{{"finishes": [{}]}}"#, finishes.join(", "));

    let path = "/v2/worker/leases/finish";
    let call = fixture.call_with(&fixture.worker, Method::POST, path);
    let call = call
        .header("content-type", "application/json")
        .bytes(body.clone());
    let answered = call.send().await;
    let call = fixture.call_with(&fixture.worker, Method::POST, path);
    let call = call
        .header("content-type", "application/json")
        .bytes(body.trim_end_matches('}').to_owned());
    let cut = call.send().await;

    let told: Vec<Value> = answered.body()["finishes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|heard| json!([heard["run_id"], heard["status"], heard["errors"][0]["code"]]))
        .collect();
    let run_id = |number: usize| held[number].run_id.as_str();
    assert_eq!(
        Value::from(told),
        json!([
            [run_id(0), null, "input_invalid"],
            [null, null, "body_invalid"],
            [null, null, "body_invalid"],
            [null, null, "body_invalid"],
            [null, null, "body_invalid"],
            [null, null, "body_too_large"],
            [run_id(0), "completed", null],
            [run_id(1), "completed", null],
        ])
    );
    assert_eq!(cut.error(), (400, "body_invalid".to_owned()));
}
