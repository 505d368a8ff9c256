//! The worker protocol, call by call. Source: docs/workers.md.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_api::CallLimits;

use crate::fixture::Fixture;
use crate::working::{Leased, Working};

/// How a run stands.
pub(crate) async fn status(fixture: &Fixture, leased: &Leased) -> Value {
    let path = format!("/v2/task-runs/{}", leased.run_id);
    fixture.get(&path).await.body()["status"].clone()
}

async fn cancel(fixture: &Fixture, leased: &Leased) {
    let path = format!("/v2/task-runs/{}/cancel", leased.run_id);
    let canceled = fixture.call(Method::POST, &path).send().await;
    assert_eq!(canceled.status, 200);
}

/// A run with a credential; its worker has not begun it.
async fn with_credential(fixture: &Fixture) {
    let (task_id, source_id) = (fixture.task().await, fixture.source().await);
    let credential_id = fixture.credential(&source_id).await;
    let body = json!({"credential_id": credential_id, "input": {"month": "2025-12"}});
    let path = format!("/v2/tasks/{task_id}/run");
    assert_eq!(fixture.post(&path, body).await.status, 201);
}

#[tokio::test]
async fn a_run_is_leased_begun_and_finished() {
    let fixture = Fixture::new().await;
    with_credential(&fixture).await;
    let worker = Working::start(&fixture, "scraper-1").await;

    let leased = worker.lease().await;
    let begun = worker.says(&leased, "begin", json!({})).await.body();
    let renewed = worker.says(&leased, "renew", json!({})).await.body();
    let said = json!({"message": "Signed in", "step": 3});
    let heard = worker.says(&leased, "progress", said).await.body();
    let success = json!({"result": "success", "output": {"amount": 7}, "credential": "verified"});
    let finished = worker.says(&leased, "finish", success).await.body();

    let lease = &leased.lease;
    assert_eq!(lease["input"], json!({"month": "2025-12"}));
    assert_eq!(lease["task"]["name"], "Latest bill");
    assert_eq!(
        lease["source"]["website"]["url"],
        "https://my.nordlys.example/login"
    );
    assert_eq!(lease["session"]["resumed"], false);
    assert_eq!(lease["begun"], json!(false));
    let id = &begun["credential"]["id"];
    let unopened = json!({"id": id, "auth_method": "username_password", "status": "unverified"});
    assert_eq!(lease["credential"], unopened);
    assert_eq!(
        begun["credential"],
        json!({"id": id, "auth_method": "username_password", "status": "unverified", "login": null,
            "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår",
                "totp_secret": null, "source_fields": {}}})
    );
    assert_eq!(
        (&renewed["cancel"], &heard["cancel"]),
        (&json!(false), &json!(false))
    );
    assert!(renewed["lease_expires_at"].as_str() > lease["lease_expires_at"].as_str());
    assert_eq!(finished["status"], "completed");
    let run = format!("/v2/task-runs/{}", leased.run_id);
    assert_eq!(
        fixture.get(&run).await.body()["output"],
        json!({"amount": 7})
    );
    let timeline = fixture.get(&format!("{run}/timeline")).await.body();
    assert!(timeline.to_string().contains("Signed in"), "{timeline}");
}

#[tokio::test]
async fn a_lease_that_is_not_explicit_has_begun_and_brings_the_credential() {
    let fixture = Fixture::new().await;
    with_credential(&fixture).await;
    let worker = Working::start(&fixture, "scraper-1").await;

    let leases = worker.asks(json!({})).await.body();

    let lease = &leases["leases"][0];
    assert_eq!(lease["begun"], true);
    assert_eq!(
        lease["credential"]["auth_credentials"]["password"],
        "vinter-og-vår"
    );
}

#[tokio::test]
async fn a_lease_call_without_runs_answers_at_once_or_after_its_wait() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;

    let at_once = worker.asks(json!({})).await.body();
    let waiting = worker.asks(json!({"wait": 30}));
    let (waited, _) = tokio::join!(waiting, fixture.run());

    assert_eq!(at_once["leases"], json!([]));
    assert_eq!(waited.body()["leases"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_worker_leases_from_the_pools_that_it_names() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    fixture.run().await;

    let elsewhere = worker.asks(json!({"pools": ["browsers", "builtin"]})).await;
    let there = worker.asks(json!({"pools": ["browsers", "default"]})).await;

    assert_eq!(elsewhere.body()["leases"], json!([]));
    assert_eq!(there.body()["leases"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_run_in_a_session_comes_to_the_worker_that_keeps_it_whatever_the_pool_of_its_task() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    fixture.run().await;
    let first = worker.lease().await;
    worker
        .says(
            &first,
            "finish",
            json!({"result": "success", "session": "keep"}),
        )
        .await;
    let settings = json!({"pool": "browsers"});
    let body = json!({"name": "Usage", "agent_id": fixture.agent().await, "settings": settings});
    let task_id = fixture.post("/v2/tasks", body).await.id();
    let body = json!({"session_id": first.session_id});
    let path = format!("/v2/tasks/{task_id}/run");
    let next_id = fixture.post(&path, body).await.id();

    let leased = worker.lease().await;

    assert_eq!(leased.run_id, next_id);
    assert_eq!(leased.lease["session"]["resumed"], true);
}

#[tokio::test]
async fn anothers_runs_are_leased_to_nobody_else_and_look_like_none() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let ours = Working::start(&fixture, "scraper-1").await;
    let start = fixture
        .call_with(&fixture.stranger, Method::POST, "/v2/worker/workers")
        .json(&json!({"worker": "scraper-1"}))
        .send()
        .await
        .body();
    assert_eq!(start["incarnation"], 1, "another worker of the same name");

    let body = json!({"worker": "scraper-1", "incarnation": 1});
    let call = fixture.call_with(&fixture.stranger, Method::POST, "/v2/worker/leases");
    let theirs = call.json(&body).send().await.body();
    assert_eq!(theirs["leases"], json!([]));

    let leased = ours.lease().await;
    let held = json!({"worker": "scraper-1", "incarnation": 1, "held": [leased.run_id],
        "sessions": [leased.session_id]});
    for is_canceled in [false, true] {
        if is_canceled {
            cancel(&fixture, &leased).await;
        }
        let call = fixture.call_with(&fixture.stranger, Method::POST, "/v2/worker/leases");
        let told = call.json(&held).send().await.body();
        assert_eq!(
            told["stopping"],
            json!([leased.run_id]),
            "it is not theirs, whether it stops or not"
        );
        assert_eq!(told["ended_sessions"], json!([leased.session_id]));
    }
    for call in ["renew", "begin", "release", "interaction/withdraw"] {
        let path = format!("/v2/worker/leases/{}/{call}", leased.run_id);
        let call = fixture.call_with(&fixture.stranger, Method::POST, &path);
        let answered = call.json(&json!({"epoch": leased.epoch})).send().await;
        assert_eq!(answered.error(), (404, "task_run_not_found".to_owned()));
    }
}

#[rstest]
#[case("renew", json!({}))]
#[case("begin", json!({}))]
#[case("progress", json!({"message": "Late"}))]
#[case("interaction", json!({"attempt": 1, "type": "mfa", "message": "Code?"}))]
#[case("interaction/withdraw", json!({}))]
#[case("finish", json!({"result": "success"}))]
#[case("release", json!({}))]
#[tokio::test]
async fn a_call_of_an_old_epoch_changes_nothing(#[case] call: &str, #[case] more: Value) {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let mut worker = Working::start(&fixture, "scraper-1").await;
    let old = worker.lease().await;
    let lost = worker.start_again().await;
    let new = worker.lease().await;

    let answered = worker.says(&old, call, more).await;

    assert_eq!(lost["lost_leases"], 1);
    assert_eq!((&old.run_id, new.epoch), (&new.run_id, old.epoch + 1));
    assert_eq!(answered.error(), (409, "lease_lost".to_owned()));
    assert_eq!(status(&fixture, &new).await, "running");
}

#[tokio::test]
async fn an_old_start_of_a_worker_leases_drains_and_evicts_nothing() {
    let fixture = Fixture::new().await;
    let mut worker = Working::start(&fixture, "scraper-1").await;
    fixture.run().await;
    let leased = worker.lease().await;
    let old = worker.incarnation;
    worker.start_again().await;

    let says = json!({"worker": "scraper-1", "incarnation": old});
    let evict = format!("sessions/{}/evict", leased.session_id);
    for (path, body) in [
        ("leases", says.clone()),
        ("workers/scraper-1/drain", json!({"incarnation": old})),
        (evict.as_str(), says),
        ("leases", json!({"worker": "nobody", "incarnation": 1})),
    ] {
        let answered = worker.post(path, body).await;
        assert_eq!(answered.error(), (409, "lease_lost".to_owned()), "{path}");
    }
    let nobody = worker.post("workers/nobody/drain", json!({})).await;
    assert_eq!(nobody.error(), (404, "worker_not_found".to_owned()));
    assert_eq!(worker.lease().await.run_id, leased.run_id, "it drains not");
}

#[tokio::test]
async fn a_finish_that_is_said_again_gets_the_same_answer_and_another_does_not() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let success = json!({"result": "success", "output": {"amount": 7}});

    let first = worker.says(&leased, "finish", success.clone()).await;
    let again = worker.says(&leased, "finish", success).await;
    let other = json!({"result": "success", "output": {"amount": 8}});
    let other = worker.says(&leased, "finish", other).await;
    let renewed = worker.says(&leased, "renew", json!({})).await;

    assert_eq!(first.body()["status"], "completed");
    assert_eq!(again.body()["status"], "completed");
    assert_eq!(other.error(), (409, "lease_lost".to_owned()));
    assert_eq!(renewed.error(), (409, "lease_lost".to_owned()));
}

#[tokio::test]
async fn a_failure_is_told_as_the_agent_gave_it() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let errors =
        json!([{"type": "source", "code": "source_not_available", "message": "It is down."}]);

    let failure = json!({"result": "failure", "errors": errors, "session": "end"});
    let finished = worker.says(&leased, "finish", failure).await;

    assert_eq!(finished.body()["status"], "failed");
    let run = format!("/v2/task-runs/{}", leased.run_id);
    assert_eq!(fixture.get(&run).await.body()["errors"], errors);
    let session = format!("/v2/sessions/{}", leased.session_id);
    assert_eq!(fixture.get(&session).await.body()["status"], "completed");
}

#[tokio::test]
async fn a_cancel_reaches_every_open_call_and_the_run_ends_with_its_finish() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    worker.says(&leased, "begin", json!({})).await;

    let listening = worker.asks(json!({"capacity": 0, "wait": 30, "held": [leased.run_id]}));
    let (told, ()) = tokio::join!(listening, cancel(&fixture, &leased));
    let mut canceled = vec![worker.reads(&leased, "epoch=1&wait=30").await];
    for (call, more) in [
        ("renew", json!({})),
        ("begin", json!({})),
        ("progress", json!({"message": "Late"})),
        (
            "interaction",
            json!({"attempt": 1, "type": "mfa", "message": "Code?"}),
        ),
        ("interaction/withdraw", json!({"attempt": 1})),
    ] {
        canceled.push(worker.says(&leased, call, more).await);
    }
    let late = worker.says(&leased, "finish", json!({"result": "success"}));
    let late = late.await;

    assert_eq!(told.body()["stopping"], json!([leased.run_id]));
    for answered in canceled {
        assert_eq!(answered.body()["cancel"], true, "{:?}", answered.body());
    }
    assert_eq!(late.body()["status"], "canceled");
}

#[tokio::test]
async fn a_run_that_has_not_begun_is_given_back_to_its_queue() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;

    let released = worker.says(&leased, "release", json!({})).await;
    let again = worker.says(&leased, "release", json!({})).await;

    assert_eq!(released.body()["status"], "queued");
    assert_eq!(again.error(), (409, "lease_lost".to_owned()));
}

#[tokio::test]
async fn a_session_is_kept_resumed_evicted_and_told_to_have_ended() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    worker
        .says(&leased, "finish", json!({"result": "success"}))
        .await;
    let task_id = leased.lease["task"]["id"].as_str().unwrap();
    let body = json!({"session_id": leased.session_id, "input": {"month": "2026-01"}});
    let started = fixture
        .post(&format!("/v2/tasks/{task_id}/run"), body)
        .await;
    assert_eq!(started.status, 201);
    let evict = format!("sessions/{}/evict", leased.session_id);
    let says = json!({"worker": "scraper-1", "incarnation": worker.incarnation});

    let wanted = worker.post(&evict, says.clone()).await;
    let next = worker.lease().await;
    worker
        .says(&next, "finish", json!({"result": "success"}))
        .await;
    let evicted = worker.post(&evict, says.clone()).await;
    let again = worker.post(&evict, says).await;
    let told = json!({"sessions": [leased.session_id, "nonsense"]});
    let told = worker.asks(told).await.body();

    assert_eq!(wanted.error(), (409, "resource_in_use".to_owned()));
    assert_eq!(next.lease["session"]["resumed"], true);
    assert_eq!((evicted.status.as_u16(), again.status.as_u16()), (200, 200));
    let session = format!("/v2/sessions/{}", leased.session_id);
    assert_eq!(fixture.get(&session).await.body()["status"], "completed");
    assert_eq!(
        told["ended_sessions"],
        json!(["nonsense", leased.session_id])
    );
}

#[tokio::test]
async fn a_lease_whose_answer_was_lost_comes_again() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let asks = async |says: Value| worker.asks(says).await.body();

    let lost = asks(json!({"heard": 0, "begin": "explicit"})).await;
    let again = asks(json!({"heard": 0, "begin": "explicit", "wait": 30})).await;
    let heard = asks(json!({"heard": 1, "begin": "explicit"})).await;

    let lease = |answer: &Value| {
        (
            answer["leases"][0]["run"]["id"].clone(),
            answer["leases"][0]["epoch"].clone(),
        )
    };
    assert_eq!(lease(&again), lease(&lost));
    assert_eq!(lease(&again).1, 1);
    assert_eq!(heard["leases"], json!([]));
    let brought = [&lost, &again, &heard].map(|answer| answer["brought"].clone());
    assert_eq!(brought, [json!(1), json!(1), json!(1)]);
}

#[tokio::test]
async fn a_draining_worker_leases_nothing_and_its_next_start_does() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let mut worker = Working::start(&fixture, "scraper 1/å").await;
    let leased = worker.lease().await;
    fixture.run().await;

    let drained = worker
        .post("workers/scraper%201%2F%C3%A5/drain", json!({}))
        .await;
    let nothing = worker.asks(json!({})).await.body();
    let finished = worker
        .says(&leased, "finish", json!({"result": "success"}))
        .await;
    worker.start_again().await;
    let next = worker.asks(json!({})).await.body();

    assert_eq!(drained.body()["leases"], 1);
    assert_eq!(nothing["leases"], json!([]));
    assert_eq!(finished.body()["status"], "completed");
    assert_eq!(next["leases"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_idempotency_key_changes_nothing_for_a_worker() {
    let fixture = Fixture::new().await;
    let start = async |name: &str| {
        let call = fixture.call_with(&fixture.worker, Method::POST, "/v2/worker/workers");
        let call = call.header("idempotency-key", "once");
        call.json(&json!({"worker": name})).send().await.body()
    };

    let starts = [start("a").await, start("a").await, start("b").await];

    let numbers = starts.map(|start| start["incarnation"].clone());
    assert_eq!(numbers, [json!(1), json!(2), json!(1)]);
}

#[tokio::test]
async fn calls_of_workers_count_on_no_rate_and_as_open_calls() {
    let fixture = Fixture::with_limits(CallLimits {
        requests: 20,
        open_calls: 1,
    })
    .await;
    let worker = Working::start(&fixture, "scraper-1").await;
    fixture.run().await;
    let leased = worker.lease().await;
    let started = worker.post("workers", json!({"worker": "b"})).await;

    // Whichever of the two comes first: the one that waits comes through in the end.
    let waiting = async {
        loop {
            let waited = worker.asks(json!({"wait": 30})).await;
            if waited.status != 429 {
                break waited;
            }
        }
    };
    let meanwhile = async {
        let refused = loop {
            let asked = worker.asks(json!({"capacity": 0})).await;
            if asked.status == 429 {
                break asked;
            }
        };
        let renewed = worker.says(&leased, "renew", json!({})).await;
        fixture.drain.begin();
        (refused, renewed)
    };
    let (waited, (refused, renewed)) = tokio::join!(waiting, meanwhile);

    assert!(!started.headers.contains_key("ratelimit-limit"));
    assert_eq!(refused.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(renewed.status, 200, "what waits takes no place from it");
    assert_eq!(
        waited.body()["leases"],
        json!([]),
        "a server that stops answers what waits"
    );
}

/// It was silent for longer than its lease, and another has its run.
#[tokio::test]
async fn a_worker_whose_run_is_anothers_is_told_by_its_lease_call() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let held = json!({"capacity": 0, "held": [leased.run_id]});
    assert_eq!(
        worker.asks(held.clone()).await.body()["stopping"],
        json!([])
    );
    worker.says(&leased, "release", json!({})).await;
    let other = Working::start(&fixture, "scraper-2").await;
    assert_eq!(other.lease().await.run_id, leased.run_id);

    let told = worker.asks(held.clone()).await;
    let told_other = other.asks(held).await;

    assert_eq!(told.body()["stopping"], json!([leased.run_id]));
    assert_eq!(told_other.body()["stopping"], json!([]));
}

#[tokio::test]
async fn a_run_that_was_leased_for_a_worker_that_went_away_waits_again() {
    let fixture = Fixture::new().await;
    let worker = Working::start(&fixture, "scraper-1").await;

    // It goes away while it waits; nobody leases for it then.
    let waiting = worker.asks(json!({"wait": 30, "begin": "explicit"}));
    let gone = tokio::time::timeout(std::time::Duration::from_millis(200), waiting).await;
    assert!(gone.is_err(), "nothing waits");
    fixture.run().await;
    let next = worker.lease().await;

    assert_eq!(next.epoch, 1, "it was leased to nobody before");
}
