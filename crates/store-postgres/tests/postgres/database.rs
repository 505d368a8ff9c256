//! What the database itself promises: how it is opened, by whom, and who sees what in it.

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::error::DatabaseError;
use windlass_application::ports::Clock;
use windlass_application::ports::sealed_values::SealedColumn;
use windlass_conformance::clock::VirtualClock;
use windlass_store_postgres::{ConnectError, PostgresStore};

use crate::server::Database;

#[tokio::test]
async fn two_migrators_at_once_both_succeed() {
    let database = Database::new().await;

    let (one, two) = tokio::join!(
        PostgresStore::connect(database.url(), None),
        PostgresStore::connect(database.url(), None),
    );

    let (one, two) = (one.expect("one migrates"), two.expect("one finds it done"));
    one.close().await;
    two.close().await;
    let migrations: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(database.outside())
        .await
        .expect("a count");
    assert_eq!(migrations, 1);
}

#[tokio::test]
async fn the_servers_clock_rules() {
    let database = Database::new().await;
    let store = PostgresStore::connect(database.url(), None).await;
    let store = store.expect("a new database");

    let now = store.clock().now();

    let of_the_server: i64 =
        sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(database.outside())
            .await
            .expect("its moment");
    let apart = (of_the_server - now.millis()).abs();
    assert!(apart < 1_000, "{apart} ms");
    store.close().await;
}

/// While replicas are brought to a new version one by one, an old one may start again.
#[tokio::test]
async fn a_database_that_a_newer_program_migrated_further_is_used() {
    let database = Database::new().await;
    open(&database).await.close().await;
    let inserted = sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'newer', TRUE, '', 0)",
    )
    .execute(database.outside())
    .await;
    inserted.expect("a row of a newer program");

    let store = PostgresStore::connect(database.url(), None).await;

    store.expect("it starts").close().await;
}

#[tokio::test]
async fn a_database_whose_migration_was_another_is_refused() {
    let database = Database::new().await;
    open(&database).await.close().await;
    let updated = sqlx::query("UPDATE _sqlx_migrations SET checksum = 'other'")
        .execute(database.outside())
        .await;
    updated.expect("another migration");

    let refused = PostgresStore::connect(database.url(), None).await;

    let Err(error @ ConnectError::Migrate { .. }) = refused else {
        panic!("it is refused");
    };
    assert!(error.to_string().contains(database.name()), "{error}");
}

#[tokio::test]
async fn a_password_is_not_shown_where_the_server_is_not_there() {
    let url = "postgres://windlass:hunter2@127.0.0.1:1/windlass";

    let refused = PostgresStore::connect(url, None).await;

    let Err(error) = refused else {
        panic!("nobody listens there");
    };
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("windlass at 127.0.0.1:1"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Under the tenant's role, of which no statement names an organization.
#[tokio::test]
async fn a_tenant_sees_and_changes_its_own_rows_alone() {
    let database = Database::new().await;
    open(&database).await.close().await;
    let (own, other) = (
        "00000000-0000-7000-8000-00000000000a",
        "00000000-0000-7000-8000-00000000000b",
    );
    for id in [own, other] {
        fill(database.outside(), id).await;
    }

    let mut tenant = database.outside().begin().await.expect("a transaction");
    let role = "SET LOCAL ROLE windlass_tenant;
                SET LOCAL windlass.organization_id = '00000000-0000-7000-8000-00000000000a'";
    sqlx::raw_sql(role)
        .execute(&mut *tenant)
        .await
        .expect("the role");
    for table in tables_of_tenants(database.outside()).await {
        let seen: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT organization_id::text FROM {table}"
        )))
        .fetch_all(&mut *tenant)
        .await
        .unwrap_or_else(|error| panic!("{table}: {error}"));
        assert!(seen.iter().all(|id| id == own), "{table}: {seen:?}");
    }
    let agents: Vec<String> = sqlx::query_scalar("SELECT organization_id::text FROM agent")
        .fetch_all(&mut *tenant)
        .await
        .expect("a list");
    let changed = sqlx::raw_sql("UPDATE agent SET name = 'changed'")
        .execute(&mut *tenant)
        .await;
    let moved = sqlx::query("INSERT INTO agent VALUES ($1::uuid, 'agt_x', 'x', NULL, 0, 0)")
        .bind(other)
        .execute(&mut *tenant)
        .await;

    assert_eq!(agents, [own]);
    assert_eq!(changed.expect("its own").rows_affected(), 1);
    let refused = moved.expect_err("another's row is refused");
    let code = refused.as_database_error().and_then(DatabaseError::code);
    assert_eq!(code.as_deref(), Some("42501"), "{refused}");
}

#[tokio::test]
async fn a_tenant_that_names_no_organization_is_refused() {
    let database = Database::new().await;
    open(&database).await.close().await;
    let mut tenant = database.outside().begin().await.expect("a transaction");
    let role = sqlx::raw_sql("SET LOCAL ROLE windlass_tenant");
    role.execute(&mut *tenant).await.expect("the role");
    // Without a row there is nothing to compare.
    fill(database.outside(), "00000000-0000-7000-8000-00000000000a").await;

    let seen = sqlx::raw_sql("SELECT id FROM agent")
        .fetch_all(&mut *tenant)
        .await;

    seen.expect_err("it is no organization's");
}

/// Every table that has rows of an organization is under its policy.
async fn tables_of_tenants(outside: &PgPool) -> Vec<String> {
    let rows: Vec<(String, bool)> = sqlx::query_as(
        "SELECT class.relname::text, class.relrowsecurity
         FROM pg_class AS class
         WHERE class.relkind = 'r' AND class.relnamespace = current_schema()::regnamespace
           AND class.relname NOT IN ('canary', '_sqlx_migrations')
         ORDER BY class.relname",
    )
    .fetch_all(outside)
    .await
    .expect("the tables");
    assert!(rows.len() > 20, "{rows:?}");
    for (table, is_secured) in &rows {
        assert!(is_secured, "{table}");
    }
    let readable: Vec<String> = sqlx::query_scalar(
        "SELECT class.relname::text
         FROM pg_class AS class
         JOIN pg_attribute AS column_name ON column_name.attrelid = class.oid
         WHERE class.relkind = 'r' AND class.relnamespace = current_schema()::regnamespace
           AND column_name.attname = 'organization_id'
           AND has_table_privilege('windlass_tenant', class.oid, 'SELECT')",
    )
    .fetch_all(outside)
    .await
    .expect("the columns");
    assert!(readable.len() > 15, "{readable:?}");
    readable
}

/// What is sealed, each with its column in `SealedColumn`; and what else is bytes, and no secret.
/// A new column of bytes belongs into one of the two, or keys cannot be rotated.
#[tokio::test]
async fn every_column_of_bytes_is_sealed_anew_or_no_secret() {
    let database = Database::migrated().await;
    let mut columns: Vec<String> = sqlx::query_scalar(
        "SELECT table_name || '.' || column_name
         FROM information_schema.columns
         WHERE table_schema = 'public' AND data_type = 'bytea' AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(database.outside())
    .await
    .expect("the columns");
    columns.sort();

    let sealed = SealedColumn::ALL.iter().filter_map(|column| match column {
        SealedColumn::RunInput => Some("run_input.input"),
        // Text: inside the JSON of run.state.
        SealedColumn::RunState => None,
        SealedColumn::CredentialSummary => Some("credential.summary"),
        SealedColumn::CredentialSecret => Some("credential.secret"),
        SealedColumn::CredentialLogin => Some("credential.login"),
        SealedColumn::WebhookSecret => Some("destination.secret"),
        SealedColumn::WebhookHeaders => Some("destination.headers"),
        SealedColumn::IdempotencyAnswer => Some("idempotency.answer"),
        SealedColumn::AuditHead => Some("audit_head.sealed"),
    });
    // Wrapped with the master key: `rotate-master` does them.
    let of_the_master_key = ["canary.sealed", "data_key.wrapped"];
    let no_secret = [
        "api_key.hash",
        "audit.hash",
        "file.fields_sha256",
        "file.sha256",
        "idempotency.body_hash",
        "parked.held_by",
        "queue.held_by",
        "run.finished_digest",
        "screenshot.sha256",
        "token.hash",
    ];
    let known = sealed.chain(of_the_master_key).chain(no_secret);
    let mut known: Vec<String> = known.map(str::to_owned).collect();
    known.sort();
    assert_eq!(columns, known);
}

/// An organization with a row in some of its tables.
async fn fill(outside: &PgPool, organization_id: &str) {
    for statement in [
        "INSERT INTO organization (id, name, environment, suspended, event_sequence, created_at)
         VALUES ($1::uuid, $1, 'live', false, 0, 0)",
        "INSERT INTO agent VALUES ($1::uuid, 'agt_a', 'a', NULL, 0, 0)",
        "INSERT INTO source VALUES ($1::uuid, 'src_a', NULL, 'https://a.example', 0, 0)",
        "INSERT INTO event (id, organization_id, sequence, type, created_at)
         VALUES (gen_random_uuid(), $1::uuid, 1, 'agent.created', 0)",
        "INSERT INTO unlinked_audit (organization_id, at, actor, request_id, action, subject)
         VALUES ($1::uuid, 0, 'operator', $1::uuid, 'agent.create', 'agt_a')",
    ] {
        let inserted = sqlx::query(statement)
            .bind(organization_id)
            .execute(outside)
            .await;
        inserted.expect("a row of the test");
    }
}

async fn open(database: &Database) -> PostgresStore {
    let clock = Arc::new(VirtualClock::default());
    PostgresStore::connect(database.url(), Some(clock as Arc<dyn Clock>))
        .await
        .expect("a new database")
}
