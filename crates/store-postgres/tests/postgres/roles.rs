//! Which rights the owner of the database needs. Roles are a whole server's, so these tests have
//! servers of their own.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use windlass_application::ports::Clock;
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::store::{Fixture, Ports};
use windlass_store_postgres::{ConnectError, PostgresStore};
use windlass_test_servers::Postgres;

#[tokio::test]
async fn an_owner_who_may_make_roles_needs_nobody_else() {
    let server = Postgres::start().expect("a server of the test");
    as_superuser(
        &server,
        "CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'secret'",
    )
    .await;
    as_superuser(&server, "CREATE DATABASE windlass OWNER owner").await;

    let store = connect(&server).await;

    serves(store.expect("the owner makes what is missing")).await;
}

#[tokio::test]
async fn an_owner_without_rights_is_told_what_a_superuser_has_to_run() {
    let server = Postgres::start().expect("a server of the test");
    as_superuser(&server, "CREATE ROLE owner LOGIN PASSWORD 'secret'").await;
    as_superuser(&server, "CREATE DATABASE windlass OWNER owner").await;

    let refused = connect(&server).await;

    let Err(error @ ConnectError::Migrate { .. }) = refused else {
        panic!("the role of tenants is missing");
    };
    let why = error.source().expect("a reason").to_string();
    let statements: Vec<&str> = why.split('`').skip(1).step_by(2).collect();
    assert_eq!(statements.len(), 2, "{why}");
    for statement in statements {
        as_superuser(&server, statement).await;
    }
    serves(connect(&server).await.expect("nothing is missing any more")).await;
}

async fn connect(server: &Postgres) -> Result<PostgresStore, ConnectError> {
    let url = server.url();
    let (_, place) = url.split_once('@').expect("a URL with a password");
    let (address, _) = place.split_once('/').expect("a URL with a database");
    let url = format!("postgres://owner:secret@{address}/windlass");
    let clock = Arc::new(VirtualClock::default());
    PostgresStore::connect(&url, Some(clock as Arc<dyn Clock>)).await
}

/// It does what needs the role of tenants: changes and reads.
async fn serves(store: PostgresStore) {
    let store = Arc::new(store);
    let clock = Arc::new(VirtualClock::default());
    let fixture = Fixture::new(Ports::of(&store), clock).await;
    let agent = fixture.agent("agt_billing").await;
    let read = fixture
        .ports
        .agents
        .get(fixture.organization, &agent.id)
        .await;
    assert_eq!(read.expect("a read").map(|it| it.agent), Some(agent));
    store.close().await;
}

async fn as_superuser(server: &Postgres, statement: &str) {
    let options = PgConnectOptions::from_str(&server.url()).expect("the server's own URL");
    let mut connection = options.connect().await.expect("the server is there");
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .expect("a superuser's statement");
}
