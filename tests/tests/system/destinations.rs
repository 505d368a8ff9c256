//! A receiver of webhooks over its life: another secret, a test, a rest, and what it missed.

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::DemoSite;
use windlass_tests::client::text;
use windlass_tests::{Backend, World};

/// How long a delivery may take.
const SOON: Duration = Duration::from_secs(20);

/// An agent, which the receiver hears of or not.
async fn agent(world: &World, name: &str) -> anyhow::Result<String> {
    let body = json!({"name": name});
    let made = world.client().post("/v2/agents", &body).await?;
    Ok(text(&made, "id")?.to_owned())
}

async fn change(world: &World, path: &str, body: Value) -> anyhow::Result<()> {
    let changed = world
        .client()
        .call(Method::PATCH, path, Some(&body))
        .await?;
    anyhow::ensure!(changed.status.is_success(), "{}", changed.body);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_receiver_is_given_a_new_secret_rests_and_catches_up(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = World::start(backend, DemoSite::start().await?).await?;
    let client = world.client();
    let destinations = client.list("/v2/event-destinations").await?;
    let id = text(destinations.first().context("a destination")?, "id")?;
    let path = format!("/v2/event-destinations/{id}");
    let of = |subject: String| {
        move |received: &windlass_demo_site::Received| received.body["data"]["id"] == *subject
    };

    let rotated = client
        .post(&format!("{path}/rotate-secret"), &json!({}))
        .await?;
    let first = agent(&world, "With both secrets").await?;
    let with_the_old = world.receiver.wait_for(of(first), SOON).await?;
    let secret = text(&rotated["webhook"], "secret")?;
    world.receiver.set_secret(secret.to_owned());
    let tested = client.post(&format!("{path}/test"), &json!({})).await?;
    let is_ping = |it: &windlass_demo_site::Received| it.event_type == "ping";
    let ping = world.receiver.wait_for(is_ping, SOON).await?;
    change(&world, &path, json!({"status": "inactive"})).await?;
    let missed = agent(&world, "Missed").await?;
    change(&world, &path, json!({"status": "active"})).await?;
    let last = agent(&world, "After the rest").await?;
    world.receiver.wait_for(of(last.clone()), SOON).await?;
    let received = world.receiver.received();
    let was_missed = !received.iter().any(of(missed.clone()));
    let everything = json!({"created_after": "2020-01-01T00:00:00Z",
        "created_before": "2099-01-01T00:00:00Z", "types": ["agent.*"]});
    let replayed = client.post(&format!("{path}/replay"), &everything).await?;
    let caught_up = world.receiver.wait_for(of(missed), SOON).await?;

    assert_eq!(with_the_old.verified, Ok(()), "the old secret signs too");
    assert_eq!(tested["success"], true, "{tested}");
    assert_eq!(tested["status_code"], 204, "{tested}");
    assert_eq!(ping.verified, Ok(()));
    assert_eq!(ping.body["data"]["id"], id);
    assert!(
        was_missed,
        "no delivery is made of the time when it was inactive"
    );
    assert!(
        replayed["deliveries"]
            .as_u64()
            .is_some_and(|sent| sent >= 3),
        "{replayed}"
    );
    assert_eq!(caught_up.verified, Ok(()));
    let deliveries = client.list(&format!("{path}/event-deliveries")).await?;
    let delivery = deliveries.first().context("a delivery")?;
    let delivery = format!("/v2/event-deliveries/{}", text(delivery, "id")?);
    let again = client
        .post(&format!("{delivery}/redeliver"), &json!({}))
        .await?;
    let mut times = 0;
    let twice = |it: &windlass_demo_site::Received| {
        times += u32::from(it.id == again["event_id"]);
        times >= 2
    };
    world.receiver.wait_for(twice, SOON).await?;
    Ok(())
}
