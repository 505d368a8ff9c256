//! `windlass audit`, beside a running server.

use rstest::rstest;
use serde_json::{Value, json};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Ground};

use crate::commands::{printed, printed_json, refusal};
use crate::logged_server::LoggedServer;

/// What verifying says of the one organization, once all is linked: within a second or two.
async fn verified(ground: &Ground) -> Value {
    for _ in 0..100 {
        let verified = printed_json(&["audit", "verify", "--json"], ground).await;
        if verified[0]["unlinked"] == 0 {
            return verified;
        }
    }
    panic!("the chainer does not link");
}

#[rstest]
#[tokio::test]
async fn who_changed_what_is_listed_and_verified_beside_a_running_server(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let server = LoggedServer::start(&ground, &[("WINDLASS_BOOTSTRAP_KEY", KEY)]);
    let server = server.await.unwrap();
    let agent = server
        .client(KEY)
        .post(
            "/v2/agents",
            &json!({"name": "Bills", "description": "SENTINEL-7"}),
        )
        .await
        .unwrap();
    let made = printed_json(&["keys", "create", "--json"], &ground).await;

    let verified = verified(&ground).await;

    assert_eq!(verified[0]["entries"], 4, "{verified}");
    assert_eq!(verified[0]["broken"], Value::Null, "{verified}");
    let list = printed_json(&["audit", "list", "--json"], &ground).await;
    let entries = list.as_array().unwrap();
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "key.create",
            "agent.create",
            "key.create",
            "organization.create"
        ]
    );
    assert_eq!(entries[0]["actor"], "operator");
    assert_eq!(entries[0]["subject"], made["key_id"]);
    assert_eq!(
        entries[1]["actor"], entries[2]["subject"],
        "by the first key"
    );
    assert_eq!(entries[1]["address"], "127.0.0.1");
    assert_eq!(entries[1]["subject"], agent["id"]);
    assert_eq!(entries[1]["request_id"], agent["request_id"]);
    assert!(!list.to_string().contains("SENTINEL-7"), "{list}");
    let said = printed(&["audit", "verify"], &ground).await;
    assert!(
        said.starts_with("default: 4 entries are as they were"),
        "{said}"
    );

    let anchor = ground.folder().join("anchor.json");
    std::fs::write(&anchor, verified.to_string()).unwrap();
    let anchored = ["audit", "verify", "--anchor", anchor.to_str().unwrap()];
    printed(&anchored, &ground).await;
    let hash = verified[0]["hash"].as_str().unwrap();
    let other = verified.to_string().replace(hash, &"7".repeat(64));
    std::fs::write(&anchor, other).unwrap();
    let broken = refusal(&anchored, &ground).await;
    assert!(
        broken.contains("a chain of the audit is broken"),
        "{broken}"
    );
}
