//! `windlass keys`, beside a running server and without one.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use windlass_tests::server::KEY;
use windlass_tests::{Answer, Backend, Ground};

use crate::commands::{printed, printed_json, refusal};
use crate::logged_server::LoggedServer;

/// A server whose first key is [`KEY`].
async fn server(ground: &Ground) -> LoggedServer {
    LoggedServer::start(ground, &[("WINDLASS_BOOTSTRAP_KEY", KEY)])
        .await
        .expect("the server starts")
}

async fn get(server: &LoggedServer, key: &str, path: &str) -> Answer {
    server
        .client(key)
        .call(Method::GET, path, None)
        .await
        .expect("an answer")
}

#[rstest]
#[tokio::test]
async fn a_key_is_made_beside_a_running_server_and_printed_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let server = server(&ground).await;

    let output = printed(&["keys", "create", "--organization", "Bolig"], &ground).await;

    let key = output.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("sk_live_") && !key.contains('\n'),
        "{output:?}"
    );
    let answer = get(&server, key, "/v2/test").await;
    assert_eq!(answer.body["environment"], "live", "{answer:?}");
}

#[rstest]
#[tokio::test]
async fn two_organizations_see_nothing_of_each_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let server = server(&ground).await;
    let create = [
        "keys",
        "create",
        "--organization",
        "Bolig",
        "--environment",
        "test",
    ];
    let other = printed(&create, &ground).await;

    let agent = server
        .client(KEY)
        .post("/v2/agents", &json!({"name": "Bills"}))
        .await
        .unwrap();

    let path = format!("/v2/agents/{}", agent["id"].as_str().unwrap());
    assert_eq!(get(&server, KEY, &path).await.status, 200);
    assert_eq!(get(&server, other.trim(), &path).await.status, 404);
}

#[rstest]
#[tokio::test]
async fn json_says_key_ids_and_scope_and_the_scope_holds(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let server = server(&ground).await;

    let made = printed_json(&["keys", "create", "--scope", "read", "--json"], &ground).await;

    let mut names: Vec<&String> = made.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["key", "key_id", "organization_id", "scope"]);
    assert_eq!(made["scope"], "read");
    assert!(
        made["key_id"].as_str().unwrap().starts_with("key_"),
        "{made}"
    );
    let key = made["key"].as_str().unwrap();
    assert!(
        key.starts_with("sk_test_"),
        "the first key's organization is for trying out: {key}"
    );
    assert_eq!(get(&server, key, "/v2/agents").await.status, 200);
    let body = json!({"name": "Bills"});
    let refused = server
        .client(key)
        .call(Method::POST, "/v2/agents", Some(&body))
        .await
        .unwrap();
    assert_eq!(refused.status, 403);
    assert_eq!(refused.code(), "request/scope_insufficient");
}

#[rstest]
#[tokio::test]
async fn a_revoked_key_ends_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let server = server(&ground).await;
    let made = printed_json(&["keys", "create", "--json"], &ground).await;
    let (key, key_id) = (
        made["key"].as_str().unwrap(),
        made["key_id"].as_str().unwrap(),
    );
    assert_eq!(get(&server, key, "/v2/test").await.status, 200);

    printed(&["keys", "revoke", key_id], &ground).await;

    let refused = get(&server, key, "/v2/test").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.code(), "request/api_key_invalid");
    let list = printed_json(&["keys", "list", "--json"], &ground).await;
    let listed = list
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["key_id"] == key_id);
    assert!(listed.unwrap()["revoked_at"].is_string(), "{list}");
    assert!(listed.unwrap()["last_used_at"].is_string(), "{list}");
}

#[rstest]
#[tokio::test]
async fn a_list_names_every_key_and_shows_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let key = printed(&["keys", "create", "--organization", "Bolig"], &ground).await;

    let list = printed(&["keys", "list"], &ground).await;

    assert!(list.contains("Bolig") && list.contains("active"), "{list}");
    assert!(
        list.contains(&key[..12]) && !list.contains(&key[..20]),
        "{list}"
    );
}

#[rstest]
#[tokio::test]
async fn a_key_that_is_made_before_the_first_start_is_the_first_key(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    let key = printed(&["keys", "create"], &ground).await;

    let server = LoggedServer::start(&ground, &[]).await.unwrap();

    assert_eq!(get(&server, key.trim(), "/v2/test").await.status, 200);
    assert!(!ground.data_folder().join("first-key").exists());
}

#[tokio::test]
async fn a_list_makes_no_database() {
    let ground = Backend::Sqlite.ground().await.unwrap();

    let said = refusal(&["keys", "list"], &ground).await;

    assert!(said.contains("failed to find the data folder"), "{said}");
    assert!(!ground.data_folder().exists());
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_sentence(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    printed(&["keys", "create", "--organization", "Bolig"], &ground).await;

    let other_environment = [
        "keys",
        "create",
        "--organization",
        "Bolig",
        "--environment",
        "test",
    ];
    for (arguments, expected) in [
        (&other_environment[..], "\"Bolig\" is live"),
        (
            &["keys", "revoke", "key_0324ygP3uH5Kw9XTMUxbAS"],
            "no key has the id",
        ),
        (&["keys", "create", "--organization", " "], "name"),
    ] {
        let said = refusal(arguments, &ground).await;
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{said}"
        );
    }
}
