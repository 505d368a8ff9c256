//! What a worker asks a person. Source: docs/workers.md.

use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::working::Working;

#[tokio::test]
async fn a_question_is_asked_once_answered_and_read_again() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let question = json!({"attempt": 1, "type": "mfa", "message": "Code from the text message",
        "fields": [{"name": "code", "type": "string", "label": "Code"}]});

    let first = worker.says(&leased, "interaction", question.clone()).await;
    let run = format!("/v2/task-runs/{}", leased.run_id);
    let asked = fixture.get(&run).await.body();
    worker.says(&leased, "interaction", question).await;
    let still = fixture.get(&run).await.body();
    let nothing = worker.reads(&leased, "epoch=1").await.body();
    let waiting = worker.reads(&leased, "epoch=1&wait=30");
    let path = format!("{run}/interaction");
    let answering = fixture.post(&path, json!({"input": {"code": "604218"}}));
    let (answer, _) = tokio::join!(waiting, answering);
    let again = worker.reads(&leased, "epoch=1").await.body();
    let other_epoch = worker.reads(&leased, "epoch=2").await;
    let crossed = worker
        .says(&leased, "interaction/withdraw", json!({}))
        .await;
    worker
        .says(&leased, "finish", json!({"result": "success"}))
        .await;
    let over = worker.reads(&leased, "epoch=1").await;

    assert_eq!(first.body()["cancel"], false);
    assert_eq!(asked["status"], "interaction_required");
    assert_eq!(asked["interaction"], still["interaction"]);
    assert_eq!(nothing["answer"], json!(null));
    assert_eq!(answer.body()["answer"], json!({"code": "604218"}));
    assert_eq!(again["answer"], json!({"code": "604218"}));
    assert_eq!(other_epoch.error(), (409, "lease_lost".to_owned()));
    assert_eq!(crossed.status, 200);
    assert_eq!(over.error(), (409, "lease_lost".to_owned()));
    assert_eq!(
        over.body()["errors"][0]["message"],
        "This lease is epoch 1; nobody holds the run, which is `completed`."
    );
}

#[tokio::test]
async fn a_withdrawal_is_of_its_own_question() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let ask = |attempt: u32| json!({"attempt": attempt, "type": "approval", "message": "Pay?"});
    let withdraw = async |attempt: u32| {
        let attempt = json!({"attempt": attempt});
        worker.says(&leased, "interaction/withdraw", attempt).await
    };

    worker.says(&leased, "interaction", ask(1)).await;
    let early = withdraw(2).await;
    let first = withdraw(1).await;
    let ahead = withdraw(2).await;
    worker.says(&leased, "interaction", ask(2)).await;
    let late = withdraw(1).await;

    let run = format!("/v2/task-runs/{}", leased.run_id);
    let asked = fixture.get(&run).await.body();
    assert_eq!(asked["status"], "interaction_required", "{asked}");
    assert_eq!(asked["interaction"]["attempt"], 2);
    assert_eq!((first.status.as_u16(), late.status.as_u16()), (200, 200));
    for unheard in [early, ahead] {
        assert_eq!(unheard.error(), (409, "run_not_running".to_owned()));
    }
    assert_eq!(withdraw(2).await.status, 200);
    assert_eq!(fixture.get(&run).await.body()["status"], "running");
}

#[tokio::test]
async fn a_release_while_asking_is_of_its_own_question() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let ask = |attempt: u32| {
        json!({"attempt": attempt, "type": "approval", "message": "Pay?",
            "checkpoint": "cGFnZSAz"})
    };
    let release = async |attempt: u32| {
        let asking = json!({"asking": true, "attempt": attempt});
        worker.says(&leased, "release", asking).await
    };

    worker.says(&leased, "interaction", ask(1)).await;
    let first = json!({"attempt": 1});
    worker.says(&leased, "interaction/withdraw", first).await;
    let meanwhile = release(1).await;
    worker.says(&leased, "interaction", ask(2)).await;
    let late = release(1).await;

    let run = format!("/v2/task-runs/{}", leased.run_id);
    let asked = fixture.get(&run).await.body();
    assert_eq!(asked["interaction"]["attempt"], 2, "{asked}");
    for refused in [meanwhile, late] {
        assert_eq!(refused.error(), (409, "run_not_running".to_owned()));
    }
    assert_eq!(release(2).await.body()["status"], "queued");
    assert_eq!(fixture.get(&run).await.body()["status"], "queued");
}

#[tokio::test]
async fn an_option_may_be_a_text() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;
    let question = |options: Value| {
        json!({"attempt": 1, "type": "account_selection", "message": "Which account?",
            "fields": [{"name": "account_id", "type": "select", "label": "Account",
                "options": options}]})
    };

    let wrong = json!([7, {"label": "Home"}, {"value": "c", "text": "Cabin"}]);
    let wrong = worker.says(&leased, "interaction", question(wrong)).await;
    let options = json!(["Home", {"value": "c", "label": "Cabin"}, {"value": "d", "label": null}]);
    let asked = worker.says(&leased, "interaction", question(options)).await;

    let told = wrong.body();
    let told = told["errors"].as_array().expect("what is wrong");
    let places: Vec<_> = told
        .iter()
        .map(|error| (&error["code"], &error["field"]))
        .collect();
    assert_eq!(
        json!(places),
        json!([
            ["input_missing", "fields.0.options.1.value"],
            ["input_unknown", "fields.0.options.2.text"],
            ["input_invalid", "fields.0.options.0"],
        ])
    );
    assert_eq!(
        asked.body()["fields"][0]["options"],
        json!([{"value": "Home", "label": "Home"}, {"value": "c", "label": "Cabin"},
            {"value": "d", "label": "d"}])
    );
}

#[tokio::test]
async fn a_run_that_asks_is_given_back_with_its_checkpoint() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    let worker = Working::start(&fixture, "scraper-1").await;
    let leased = worker.lease().await;

    let nothing_asked = worker
        .says(&leased, "release", json!({"asking": true}))
        .await;
    let question =
        json!({"attempt": 1, "type": "approval", "message": "Pay?", "checkpoint": "cGFnZSAz"});
    worker.says(&leased, "interaction", question).await;
    let released = worker
        .says(&leased, "release", json!({"asking": true}))
        .await;
    let next = worker.lease().await;

    assert_eq!(nothing_asked.error(), (409, "run_not_running".to_owned()));
    assert_eq!(released.body()["status"], "queued");
    assert_eq!(next.run_id, leased.run_id);
    assert_eq!(next.lease["checkpoint"], "cGFnZSAz");
}
