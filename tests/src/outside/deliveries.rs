//! Event destinations and what is delivered to them. Nothing arrives: the receiver is a name for
//! examples.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::ids::is_id;
use super::server::{Answered, Outside};
use crate::client::text;

const RECEIVER: &str = "https://contract-check.example:9/";

async fn destination(server: &Outside, events: Value) -> anyhow::Result<String> {
    let body = json!({"name": "Contract check", "events": events, "webhook": {"url": RECEIVER}});
    let made = server.make("/v2/event-destinations", &body).await?;
    Ok(format!("/v2/event-destinations/{}", text(&made, "id")?))
}

async fn said(server: &Outside, path: &str, body: Option<&Value>) -> anyhow::Result<Answered> {
    let call = server.call(Method::POST, path);
    match body {
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}

/// The only delivery to this destination: it is there as soon as what it tells of.
async fn delivery(server: &Outside, destination: &str) -> anyhow::Result<Value> {
    let list = server
        .get(&format!("{destination}/event-deliveries"))
        .await?;
    let items = list.body["data"].as_array().context("no list")?;
    ensure!(items.len() == 1, "{}", list.body);
    Ok(items[0].clone())
}

pub(super) async fn written(server: &Outside) -> anyhow::Result<()> {
    let destination = destination(server, json!(["agent.*"])).await?;
    let agent = server.agent().await?;
    server.source().await?;

    let delivery = delivery(server, &destination).await?;
    ensure!(is_id(text(&delivery, "id")?, "edlv_"), "{delivery}");
    ensure!(delivery["object"] == "event_delivery", "{delivery}");
    ensure!(delivery["event_type"] == "agent.created", "{delivery}");
    ensure!(delivery["delivered_at"].is_null(), "{delivery}");
    ensure!(delivery["attempts"].is_u64(), "{delivery}");
    ensure!(delivery["attempt_log"].is_array(), "{delivery}");
    let event = server
        .get(&format!("/v2/events/{}", text(&delivery, "event_id")?))
        .await?;
    ensure!(event.body["data"]["id"] == agent["id"], "{}", event.body);
    let read = server
        .get(&format!("/v2/event-deliveries/{}", text(&delivery, "id")?))
        .await?;
    ensure!(read.body["id"] == delivery["id"], "{}", read.body);
    for (query, is_there) in [
        ("status=pending,failure", true),
        ("status=success", false),
        ("type=agent.created", true),
        ("type=agent.*", true),
        ("type=task.created", false),
        ("created_after=2000-01-01T00:00:00Z", true),
        ("created_before=2000-01-01T00:00:00Z", false),
    ] {
        let page = server
            .get(&format!("{destination}/event-deliveries?{query}"))
            .await?;
        ensure!(
            page.ids()?.len() == usize::from(is_there),
            "{query}: {}",
            page.body
        );
    }
    let wrong = format!("{destination}/event-deliveries?status=lost");
    let wrong = server.get(&wrong).await?;
    wrong.expect_field(400, "parameter_invalid", "status")
}

pub(super) async fn again(server: &Outside) -> anyhow::Result<()> {
    let destination = destination(server, json!(["agent.created"])).await?;
    let before = server.agent().await?;
    server.agent().await?;

    let page = server
        .get(&format!("{destination}/event-deliveries"))
        .await?;
    let ids = page.ids()?;
    ensure!(ids.len() == 2, "{ids:?}");
    let path = format!("/v2/event-deliveries/{}/redeliver", ids[0]);
    let redelivered = said(server, &path, None).await?;
    ensure!(redelivered.status == 200, "{}", redelivered.body);
    ensure!(redelivered.body["id"] == ids[0], "{}", redelivered.body);
    ensure!(
        redelivered.body["status"] == "pending",
        "{}",
        redelivered.body
    );
    let unknown = said(server, "/v2/event-deliveries/edlv_x/redeliver", None).await?;
    unknown.expect(404, "event_delivery_not_found")?;

    let path = format!("{destination}/replay");
    let period = json!({"created_after": "2000-01-01T00:00:00Z",
        "created_before": text(&before, "created_at")?, "types": ["agent.created"]});
    let none = said(server, &path, Some(&period)).await?;
    ensure!(
        none.status == 200 && none.body["object"] == "replay",
        "{}",
        none.body
    );
    ensure!(none.body["deliveries"].is_u64(), "{}", none.body);
    for (wrong, field) in [
        (
            json!({"created_before": "2026-01-01T00:00:00Z"}),
            "created_after",
        ),
        (
            json!({"created_after": "2026-01-01T00:00:00Z"}),
            "created_before",
        ),
    ] {
        let refused = said(server, &path, Some(&wrong)).await?;
        refused.expect_field(400, "input_missing", field)?;
    }
    let reversed = json!({"created_after": "2026-01-02T00:00:00Z",
        "created_before": "2026-01-01T00:00:00Z"});
    let reversed = said(server, &path, Some(&reversed)).await?;
    ensure!(reversed.status == 400, "{}", reversed.body);
    let unknown = json!({"created_after": "2026-01-01T00:00:00Z",
        "created_before": "2026-01-02T00:00:00Z", "types": ["agent.lost"]});
    let unknown = said(server, &path, Some(&unknown)).await?;
    unknown.expect(400, "input_invalid")
}

pub(super) async fn tested(server: &Outside) -> anyhow::Result<()> {
    let destination = destination(server, json!(["event_delivery.parked"])).await?;

    let tested = said(server, &format!("{destination}/test"), None).await?;
    ensure!(tested.status == 200, "{}", tested.body);
    let body = &tested.body;
    ensure!(body["object"] == "event_destination_test", "{body}");
    ensure!(
        body["success"] == false && body["status_code"].is_null(),
        "{body}"
    );
    ensure!(
        body["error"].is_string() && body["duration_ms"].is_u64(),
        "{body}"
    );
    let left = server
        .get(&format!("{destination}/event-deliveries"))
        .await?
        .ids()?;
    ensure!(left.is_empty(), "a test is no delivery: {left:?}");

    let first = said(server, &format!("{destination}/rotate-secret"), None).await?;
    let second = said(server, &format!("{destination}/rotate-secret"), None).await?;
    let secret = |answered: &Answered| -> anyhow::Result<String> {
        Ok(text(&answered.body["webhook"], "secret")?.to_owned())
    };
    let (first, second) = (secret(&first)?, secret(&second)?);
    ensure!(
        first.starts_with("whsec_") && first != second,
        "it is another"
    );
    let unknown = said(server, "/v2/event-destinations/evtd_x/test", None).await?;
    unknown.expect(404, "event_destination_not_found")
}

pub(super) async fn older_spellings(server: &Outside) -> anyhow::Result<()> {
    for configuration in [
        json!({"config": {"url": RECEIVER}}),
        json!({"config": {"url": RECEIVER}, "credentials": {"custom_headers": "{\"X-A\": \"b\"}"}}),
        json!({"type_config": {"url": RECEIVER}, "topics": null, "resolved_events": []}),
        json!({"webhook": {"url": RECEIVER}, "topics": []}),
    ] {
        let mut body = json!({"name": "Contract check", "events": ["task_run.pending"]});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), configuration) {
            body.extend(more);
        }
        let made = server.make("/v2/event-destinations", &body).await?;
        ensure!(made["webhook"]["url"] == RECEIVER, "{body}: another url");
        ensure!(made["type"] == "webhook", "{body}: another type");
        let meant = json!(["task_run.review_required"]);
        ensure!(made["events"] == meant, "{}", made["events"]);
    }
    for (wrong, field) in [
        (json!({"topics": ["runs"]}), "topics"),
        (json!({"config": {"url": RECEIVER}}), "config"),
    ] {
        let mut body = json!({"name": "Contract check", "webhook": {"url": RECEIVER}});
        if let (Some(body), Value::Object(wrong)) = (body.as_object_mut(), wrong) {
            body.extend(wrong);
        }
        let refused = server.post("/v2/event-destinations", &body).await?;
        refused.expect_field(400, "input_invalid", field)?;
    }
    let listed = server.get("/v2/events?type=task_run.pending").await?;
    ensure!(listed.status == 200, "{}", listed.body);
    Ok(())
}
