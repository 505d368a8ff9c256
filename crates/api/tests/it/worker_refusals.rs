//! What is wrong with a worker's call is told, and changes nothing. Source: docs/workers.md.

use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::working::Working;

#[tokio::test]
async fn what_is_wrong_with_a_call_is_told_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let before = fixture.tables();
    let finish = format!("leases/{}/finish", leased.run_id);
    let progress = format!("leases/{}/progress", leased.run_id);
    let ask = format!("leases/{}/interaction", leased.run_id);
    let failed = |code: &str| {
        json!({"epoch": 1, "result": "failure",
        "errors": [{"type": "task", "code": code, "message": "No."}]})
    };
    let lease = |more: Value| {
        let mut body = json!({"worker": "scraper-1", "incarnation": 1});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ("leases", body)
    };

    for ((path, body), code, field) in [
        (("workers", json!({})), "input_missing", "worker"),
        (
            ("workers", json!({"worker": " "})),
            "input_missing",
            "worker",
        ),
        (
            ("workers", json!({"worker": "x".repeat(256)})),
            "input_invalid",
            "worker",
        ),
        (
            ("leases", json!({"worker": "a"})),
            "input_missing",
            "incarnation",
        ),
        (
            lease(json!({"incarnation": 4_294_967_296_u64})),
            "input_invalid",
            "incarnation",
        ),
        (lease(json!({"pools": []})), "input_invalid", "pools"),
        (
            lease(json!({"pools": ["Default"]})),
            "input_invalid",
            "pools.0",
        ),
        (
            lease(json!({"pools": vec!["a"; 17]})),
            "input_invalid",
            "pools",
        ),
        (
            lease(json!({"capacity": 1001})),
            "input_invalid",
            "capacity",
        ),
        (lease(json!({"wait": 31})), "input_invalid", "wait"),
        (
            lease(json!({"begin": "implicit"})),
            "input_invalid",
            "begin",
        ),
        (
            lease(json!({"held": vec!["x"; 10_001]})),
            "input_invalid",
            "held",
        ),
        (
            lease(json!({"sessions": vec!["x"; 10_001]})),
            "input_invalid",
            "sessions",
        ),
        (
            (&progress, json!({"message": "a"})),
            "input_missing",
            "epoch",
        ),
        (
            (&progress, json!({"epoch": 1, "step": 1, "entries": []})),
            "input_invalid",
            "entries",
        ),
        (
            (
                &progress,
                json!({"epoch": 1, "entries": vec![json!({}); 1001]}),
            ),
            "input_invalid",
            "entries",
        ),
        (
            (
                &ask,
                json!({"epoch": 1, "attempt": 0, "type": "mfa", "message": "?"}),
            ),
            "input_invalid",
            "attempt",
        ),
        (
            (
                &ask,
                json!({"epoch": 1, "attempt": 1, "type": "mfa", "message": "?", "checkpoint": "*"}),
            ),
            "input_invalid",
            "checkpoint",
        ),
        (
            (&finish, json!({"epoch": 1, "result": "failure"})),
            "input_missing",
            "errors",
        ),
        (
            (
                &finish,
                json!({"epoch": 1, "result": "failure", "errors": []}),
            ),
            "input_invalid",
            "errors",
        ),
        (
            (
                &finish,
                json!({"epoch": 1, "result": "failure", "output": {}}),
            ),
            "input_invalid",
            "output",
        ),
        (
            (
                &finish,
                json!({"epoch": 1, "result": "success", "errors": []}),
            ),
            "input_invalid",
            "errors",
        ),
        (
            (
                &finish,
                json!({"epoch": 1, "result": "success", "login": "?"}),
            ),
            "input_invalid",
            "login",
        ),
        (
            (
                &finish,
                json!({"epoch": 1, "result": "success", "session": "leave"}),
            ),
            "input_invalid",
            "session",
        ),
        (
            (&finish, failed("made_up")),
            "input_invalid",
            "errors.0.code",
        ),
        (
            (&finish, failed(&"x".repeat(100_000))),
            "input_invalid",
            "errors.0.code",
        ),
        (
            ("leases/finish", json!({"finishes": []})),
            "input_invalid",
            "finishes",
        ),
        (
            ("leases/finish", json!({"finishes": vec![json!({}); 101]})),
            "input_invalid",
            "finishes",
        ),
    ] {
        let answered = worker.post(path, body.clone()).await;

        assert_eq!(answered.error(), (400, code.to_owned()), "{path} {body}");
        assert!(answered.bytes.len() < 5_000, "{path}");
        assert_eq!(
            answered.body()["errors"][0]["field"],
            field,
            "{path} {body}"
        );
    }
    for (query, code) in [
        ("wait=1", "parameter_invalid"),
        ("epoch=x", "parameter_invalid"),
        ("epoch=1&wait=31", "parameter_invalid"),
        ("epoch=1&for=ever", "parameter_unknown"),
    ] {
        let answered = worker.reads(&leased, query).await;
        assert_eq!(answered.error(), (400, code.to_owned()), "{query}");
    }
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[tokio::test]
async fn a_body_of_a_worker_may_be_longer_and_is_bounded() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let success = |length| json!({"result": "success", "output": {"text": "x".repeat(length)}});

    let large = worker.says(&leased, "finish", success(2 << 20)).await;
    let refused = worker.says(&leased, "finish", success(1 << 20)).await;
    let taken = worker
        .says(&leased, "finish", success((1 << 20) - 100))
        .await;

    assert_eq!(large.error(), (413, "body_too_large".to_owned()));
    assert_eq!(
        large.body()["errors"][0]["message"],
        "The body is larger than 2 MiB."
    );
    assert_eq!(refused.error(), (400, "input_invalid".to_owned()));
    assert_eq!(taken.status, 200);
}
