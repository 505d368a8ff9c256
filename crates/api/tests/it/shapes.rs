//! The shape of each answer, whole. A changed shape is a changed promise.

use http::Method;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::fixture::Fixture;

macro_rules! assert_shape {
    ($body:expr, @$snapshot:literal) => {
        let body = $body;
        insta::with_settings!({sort_maps => true}, {
            assert_json_snapshot!(body, {
                ".**.id" => "[id]",
                ".id" => "[id]",
                ".**.created_at" => "[moment]",
                ".**.updated_at" => "[moment]",
                ".**.expires_at" => "[moment]",
                ".**.next_attempt_at" => "[moment]",
                ".request_id" => "[request]",
                ".**.source_id" => "[source]",
                ".**.agent_id" => "[agent]",
                ".**.task_id" => "[task]",
                ".**.session_id" => "[session]",
                ".**.secret" => "[secret]",
                ".**.sequence" => "[sequence]",
            }, @$snapshot);
        });
    };
}

#[tokio::test]
async fn a_key_that_works() {
    let fixture = Fixture::new().await;

    let answered = fixture.get("/v2/test").await;

    assert_eq!(answered.status, 200);
    assert_eq!(
        answered.headers["x-request-id"],
        answered.body()["request_id"].as_str().unwrap()
    );
    assert_shape!(answered.body(), @r#"
    {
      "environment": "test",
      "request_id": "[request]",
      "status": "ready"
    }
    "#);
}

#[tokio::test]
async fn an_agent() {
    let fixture = Fixture::new().await;

    let made = fixture
        .post(
            "/v2/agents",
            json!({"name": " Utility bills ", "description": null}),
        )
        .await;
    let deleted = fixture
        .call(Method::DELETE, &format!("/v2/agents/{}", made.id()))
        .send()
        .await;

    assert_eq!((made.status.as_u16(), deleted.status.as_u16()), (201, 200));
    assert_shape!(made.body(), @r#"
    {
      "created_at": "[moment]",
      "description": null,
      "id": "[id]",
      "name": "Utility bills",
      "object": "agent",
      "request_id": "[request]",
      "tasks": [],
      "updated_at": "[moment]"
    }
    "#);
    assert_shape!(deleted.body(), @r#"
    {
      "deleted": true,
      "id": "[id]",
      "object": "agent",
      "request_id": "[request]"
    }
    "#);
}

#[tokio::test]
async fn a_source() {
    let fixture = Fixture::new().await;

    let id = fixture.source().await;

    assert_shape!(fixture.get(&format!("/v2/sources/{id}")).await.body(), @r#"
    {
      "created_at": "[moment]",
      "id": "[id]",
      "name": "Nordlys Kraft",
      "object": "source",
      "request_id": "[request]",
      "type": "website",
      "updated_at": "[moment]",
      "website": {
        "url": "https://my.nordlys.example/login"
      }
    }
    "#);
}

#[tokio::test]
async fn a_credential_shows_what_is_no_secret() {
    let fixture = Fixture::new().await;
    let source_id = fixture.source().await;

    let id = fixture.credential(&source_id).await;
    let read = fixture.get(&format!("/v2/credentials/{id}")).await;
    let deleted = fixture
        .call(Method::DELETE, &format!("/v2/credentials/{id}"))
        .send()
        .await;
    let gone = fixture.get(&format!("/v2/credentials/{id}")).await;

    assert_eq!(deleted.status, 200);
    assert_shape!(read.body(), @r#"
    {
      "auth_credentials": {
        "key": null,
        "source_fields": {},
        "username": "kari@bolig.example"
      },
      "auth_method": "username_password",
      "created_at": "[moment]",
      "external_id": null,
      "id": "[id]",
      "object": "credential",
      "request_id": "[request]",
      "source_id": "[source]",
      "status": "unverified",
      "updated_at": "[moment]"
    }
    "#);
    assert_eq!(gone.body()["status"], "deleted");
    assert_eq!(
        gone.body()["auth_credentials"],
        json!({"username": null, "key": null, "source_fields": {}})
    );
}

#[tokio::test]
async fn a_task() {
    let fixture = Fixture::new().await;
    let agent_id = fixture.agent().await;

    let body = json!({"name": "Latest bill", "agent_id": agent_id, "extraction": true,
        "settings": {"timeout_seconds": 600, "concurrency": {"per_source": 2}, "review": "required",
            "source": "none", "engine": "http"}});
    let made = fixture.post("/v2/tasks", body).await;

    assert_eq!(made.status, 201);
    assert_shape!(made.body(), @r#"
    {
      "agent_id": "[agent]",
      "created_at": "[moment]",
      "extraction": true,
      "id": "[id]",
      "input_schema": null,
      "name": "Latest bill",
      "object": "task",
      "output_schema": null,
      "prompt": null,
      "request_id": "[request]",
      "settings": {
        "concurrency": {
          "per_credential": null,
          "per_source": 2
        },
        "engine": "http",
        "inactivity_timeout_seconds": 1800,
        "interaction_timeout_seconds": 900,
        "keep_login": false,
        "max_attempts": 1,
        "pool": null,
        "priority": 5,
        "queue_timeout_seconds": 1800,
        "review": "required",
        "review_timeout_seconds": null,
        "session_idle_seconds": 600,
        "source": "none",
        "timeout_seconds": 600
      },
      "status": "learning",
      "storage": {
        "deduplication": false,
        "deduplication_schema": null,
        "enabled": true,
        "extraction": true,
        "extraction_prompt": null,
        "extraction_schema": null
      },
      "updated_at": "[moment]"
    }
    "#);
}

#[tokio::test]
async fn a_playbook() {
    let fixture = Fixture::new().await;
    let (task_id, source_id) = (fixture.task().await, fixture.source().await);
    let path = format!("/v2/tasks/{task_id}/playbooks/{source_id}");

    let document = json!({"title": "Latest bill", "steps": []});
    let put = fixture
        .call(Method::PUT, &path)
        .json(&document)
        .send()
        .await;
    let listed = fixture.get(&format!("/v2/tasks/{task_id}/playbooks")).await;
    let deleted = fixture.call(Method::DELETE, &path).send().await;

    assert_shape!(put.body(), @r#"
    {
      "created_at": "[moment]",
      "object": "playbook",
      "playbook": {
        "steps": [],
        "title": "Latest bill"
      },
      "request_id": "[request]",
      "source_id": "[source]",
      "task_id": "[task]",
      "updated_at": "[moment]",
      "version": 1
    }
    "#);
    assert_eq!(listed.body()["data"].as_array().unwrap().len(), 1);
    assert_shape!(deleted.body(), @r#"
    {
      "deleted": true,
      "object": "playbook",
      "request_id": "[request]",
      "source_id": "[source]",
      "task_id": "[task]"
    }
    "#);
    assert_eq!(
        fixture.get(&path).await.error(),
        (404, "playbook_not_found".to_owned())
    );
}

#[tokio::test]
async fn a_run_and_its_session() {
    let fixture = Fixture::new().await;

    let id = fixture.run().await;
    let read = fixture
        .get(&format!(
            "/v2/task-runs/{id}?include=input,storage&include=artifacts"
        ))
        .await;
    let session_id = fixture.session_of(&id).await;
    let session = fixture.get(&format!("/v2/sessions/{session_id}")).await;

    assert_shape!(read.body(), @r#"
    {
      "agent_id": "[agent]",
      "artifacts": {
        "screenshots": []
      },
      "canceled_at": null,
      "created_at": "[moment]",
      "credential_id": null,
      "errors": [],
      "id": "[id]",
      "input": {
        "month": "2025-12"
      },
      "interaction": null,
      "metadata": {},
      "object": "task_run",
      "output": null,
      "request_id": "[request]",
      "result": null,
      "runtime_ms": 0,
      "session_id": "[session]",
      "source_id": "[source]",
      "status": "queued",
      "storage": [],
      "task_id": "[task]",
      "updated_at": "[moment]",
      "workflow_id": null
    }
    "#);
    assert_shape!(session.body(), @r#"
    {
      "created_at": "[moment]",
      "credential_id": null,
      "id": "[id]",
      "object": "session",
      "request_id": "[request]",
      "runtime_ms": 0,
      "source_id": "[source]",
      "status": "queued",
      "task_runs": [
        {
          "agent_id": "[agent]",
          "credential_id": null,
          "id": "[id]",
          "object": "task_run",
          "status": "queued",
          "task_id": "[task]"
        }
      ],
      "updated_at": "[moment]"
    }
    "#);
}

#[tokio::test]
async fn a_destination_shows_its_secret_once() {
    let fixture = Fixture::new().await;

    let body = json!({"name": "Billing", "events": ["task_run.*", "credential.invalid"],
        "webhook": {"url": "https://hooks.bolig.example/", "custom_headers": "{\"X-Team\": \"billing\"}"}});
    let made = fixture.post("/v2/event-destinations", body).await;
    let read = fixture
        .get(&format!("/v2/event-destinations/{}", made.id()))
        .await;

    assert!(
        made.body()["webhook"]["secret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    assert_shape!(made.body(), @r#"
    {
      "created_at": "[moment]",
      "events": [
        "task_run.*",
        "credential.invalid"
      ],
      "id": "[id]",
      "name": "Billing",
      "object": "event_destination",
      "request_id": "[request]",
      "status": "active",
      "type": "webhook",
      "updated_at": "[moment]",
      "webhook": {
        "retry_profile": "durable",
        "secret": "[secret]",
        "url": "https://hooks.bolig.example/"
      }
    }
    "#);
    assert_eq!(
        read.body()["webhook"],
        json!({"url": "https://hooks.bolig.example/", "retry_profile": "durable"})
    );
}

#[tokio::test]
async fn an_event_and_its_delivery() {
    let fixture = Fixture::new().await;
    let destination_id = fixture.destination().await;
    fixture.agent().await;

    let listed = fixture.get("/v2/events?type=agent.created").await.body();
    let event_id = listed["data"][0]["id"].as_str().unwrap();
    let event = fixture.get(&format!("/v2/events/{event_id}")).await;
    let path = format!("/v2/event-destinations/{destination_id}/event-deliveries");
    let deliveries = fixture
        .get(&format!("{path}?status=pending&type=agent.created"))
        .await
        .body();

    assert_shape!(event.body(), @r#"
    {
      "created_at": "[moment]",
      "data": {
        "created_at": "[moment]",
        "description": null,
        "id": "[id]",
        "name": "Utility bills",
        "object": "agent",
        "updated_at": "[moment]"
      },
      "id": "[id]",
      "object": "event",
      "request_id": "[request]",
      "sequence": "[sequence]",
      "type": "agent.created"
    }
    "#);
    assert_eq!(deliveries["data"].as_array().unwrap().len(), 1);
    assert_eq!(deliveries["data"][0]["event_id"], event_id);
    assert_eq!(deliveries["data"][0]["attempt_log"], json!([]));
}
