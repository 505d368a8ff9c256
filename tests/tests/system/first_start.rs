//! The first start makes all that is needed, in an order that leaves no gap; a later one refuses
//! what does not belong together.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rstest::rstest;
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Ground};

use crate::logged_server::{Ended, LoggedServer};

const FIRST_KEY: (&str, &str) = ("WINDLASS_BOOTSTRAP_KEY", KEY);

const MASTER_KEY: (&str, &str) = (
    "WINDLASS_MASTER_KEY",
    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
);

/// A server that starts.
async fn start(ground: &Ground, variables: &[(&str, &str)]) -> LoggedServer {
    LoggedServer::start(ground, variables)
        .await
        .expect("the server starts")
}

/// A start that is refused.
async fn refused(ground: &Ground, variables: &[(&str, &str)]) -> Ended {
    let ended = LoggedServer::start(ground, variables).await;
    let ended = ended.err().expect("the start is refused");
    assert!(!ended.status.success(), "{ended:?}");
    ended
}

async fn environment(server: &LoggedServer, key: &str) -> String {
    let answer = server
        .client(key)
        .get("/v2/test")
        .await
        .expect("the key works");
    answer["environment"].as_str().expect("a text").to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[rstest]
#[tokio::test]
async fn the_first_key_is_left_in_a_file_and_the_log_tells_its_path_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();

    let server = start(&ground, &[]).await;

    let file = ground.data_folder().join("first-key");
    let key = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(key.starts_with("sk_live_"), "{key}");
    assert_eq!(environment(&server, &key).await, "live");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&ground.data_folder().join("master.key")), 0o600);
    assert_eq!(mode(&ground.data_folder()), 0o700);
    let ended = server.end_by("TERM").await;
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.log.contains("first-key"), "{}", ended.log);
    assert!(!ended.log.contains(&key[..20]), "{}", ended.log);
}

#[rstest]
#[tokio::test]
async fn a_later_start_makes_no_second_key(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    start(&ground, &[]).await.end_by("TERM").await;
    let file = ground.data_folder().join("first-key");
    let key = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();

    let server = start(&ground, &[]).await;

    assert!(!file.exists());
    assert_eq!(environment(&server, key.trim()).await, "live");
}

#[rstest]
#[tokio::test]
async fn a_bootstrap_key_is_the_first_key_and_is_not_logged(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();

    let server = start(&ground, &[FIRST_KEY]).await;

    assert!(!ground.data_folder().join("first-key").exists());
    assert_eq!(environment(&server, KEY).await, "test");
    assert!(!server.log().contains(KEY), "{}", server.log());
}

#[rstest]
#[tokio::test]
async fn a_bootstrap_key_of_another_form_stops_the_start_without_being_shown(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    for wrong in [
        "sk_live_hunter2",
        "hunter2",
        "sk_test_0123456789-0123456789-hunter2-01",
    ] {
        let ended = refused(&ground, &[("WINDLASS_BOOTSTRAP_KEY", wrong)]).await;

        assert!(
            ended.log.contains("WINDLASS_BOOTSTRAP_KEY"),
            "{}",
            ended.log
        );
        assert!(!ended.log.contains("hunter2"), "{}", ended.log);
    }

    let server = start(&ground, &[FIRST_KEY]).await;

    assert_eq!(
        environment(&server, KEY).await,
        "test",
        "nothing was made of the wrong ones"
    );
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let ground = Backend::Sqlite.ground().await.unwrap();
    let server = start(&ground, &[FIRST_KEY]).await;

    let second = refused(&ground, &[]).await;

    assert!(
        second.log.contains("another `windlass serve`"),
        "{}",
        second.log
    );
    assert_eq!(
        environment(&server, KEY).await,
        "test",
        "the first is not disturbed"
    );
    server.end_by("KILL").await;
    let next = start(&ground, &[]).await;
    assert_eq!(
        environment(&next, KEY).await,
        "test",
        "a killed server holds nothing"
    );
}

#[rstest]
#[tokio::test]
async fn a_database_without_its_key_is_refused_and_gets_no_new_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    start(&ground, &[FIRST_KEY]).await.end_by("TERM").await;
    fs::remove_file(ground.data_folder().join("master.key")).unwrap();

    let ended = refused(&ground, &[]).await;

    assert!(
        ended
            .log
            .contains("the master key of this database is missing"),
        "{}",
        ended.log
    );
    assert!(!ground.data_folder().join("master.key").exists());
}

#[rstest]
#[tokio::test]
async fn a_wrong_master_key_stops_the_start(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();
    start(&ground, &[FIRST_KEY]).await.end_by("TERM").await;

    let ended = refused(&ground, &[MASTER_KEY]).await;

    assert!(
        ended.log.contains("not the master key of this database"),
        "{}",
        ended.log
    );
}

#[rstest]
#[tokio::test]
async fn a_master_key_of_the_environment_makes_no_key_file(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let ground = backend.ground().await.unwrap();

    let server = start(&ground, &[MASTER_KEY, FIRST_KEY]).await;

    assert!(!ground.data_folder().join("master.key").exists());
    server.end_by("TERM").await;
    let again = start(&ground, &[MASTER_KEY]).await;
    assert_eq!(environment(&again, KEY).await, "test");
}

#[tokio::test]
async fn an_address_of_no_database_is_refused_without_being_shown() {
    let ground = Backend::Sqlite.ground().await.unwrap();
    for (variable, wrong, expected) in [
        (
            "WINDLASS_DATABASE",
            "mysql://windlass:hunter2@db.example/w",
            "postgres://",
        ),
        (
            "WINDLASS_SIGNALS",
            "amqp://windlass:hunter2@mq.example/",
            "redis://",
        ),
    ] {
        let ended = refused(&ground, &[(variable, wrong)]).await;

        assert!(ended.log.contains(expected), "{}", ended.log);
        assert!(!ended.log.contains("hunter2"), "{}", ended.log);
    }
}
