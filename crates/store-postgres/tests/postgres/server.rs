//! A database of its own for each test, on the server that the tests were given.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use windlass_store_postgres::PostgresStore;

/// Names the server: the URL of a superuser.
const SERVER: &str = "WINDLASS_TEST_POSTGRES_URL";

/// What tests that need the migrated database wait for. Any number that nothing else takes.
const TEMPLATE_LOCK: i64 = 0x0054_454d_504c_4154;

/// A new database, dropped with this.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
    outside: PgPool,
}

impl Database {
    /// A new, empty database.
    pub(crate) async fn new() -> Self {
        Self::like("template0").await
    }

    /// A new database that is migrated already: a copy of one that is made once for a server, since
    /// copying is some times as fast as migrating.
    pub(crate) async fn migrated() -> Self {
        Self::like(&migrated_once().await).await
    }

    async fn like(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let (url, server) = server();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("windlass_test_{}_{count}", std::process::id());
        let (base, _) = url.rsplit_once('/').expect("a URL names a database");
        let url = format!("{base}/{name}");
        make(&server, &name, template).await;
        let outside = PgPoolOptions::new()
            .max_connections(3)
            .connect_lazy(&url)
            .expect("a URL");
        Self {
            server,
            name,
            url,
            outside,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A way into it beside the store's, as its owner.
    pub(crate) fn outside(&self) -> &PgPool {
        &self.outside
    }

    /// Returns once a store waits for a lock.
    pub(crate) async fn wait_for_a_lock(&self) {
        self.wait_until(
            "SELECT EXISTS (
                 SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'windlass'
                   AND wait_event_type = 'Lock'
             )",
        )
        .await;
    }

    /// Returns once the server says so.
    pub(crate) async fn wait_until(&self, question: &'static str) {
        let ends_at = Instant::now() + Duration::from_secs(20);
        while Instant::now() < ends_at {
            let is_so: bool = sqlx::query_scalar(question)
                .fetch_one(&self.outside)
                .await
                .expect("an answer");
            if is_so {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("in vain: {question}");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.server.clone();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's runtime cannot be waited for in here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut connection = server.connect().await.expect("the server is there");
                execute(&mut connection, drop).await;
                connection.close().await.expect("it hangs up");
            });
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
}

fn server() -> (String, PgConnectOptions) {
    let url = std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} names no server: run `cargo xtask test`"));
    let server = PgConnectOptions::from_str(&url).expect("the URL of a PostgreSQL server");
    (url, server)
}

/// The name of a migrated database, which is made where the server has none yet. Its name holds
/// what the migrations are, so that a server that outlives them makes another one.
async fn migrated_once() -> String {
    let mut hasher = DefaultHasher::new();
    include_str!("../../migrations/0001_first.sql").hash(&mut hasher);
    let name = format!("windlass_template_{:016x}", hasher.finish());
    let (url, server) = server();
    let mut connection = server.connect().await.expect("the server is there");
    // Each test is a process: the first of them makes it, the others wait. With the connection goes
    // the lock.
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut connection)
        .await
        .expect("a lock");
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .expect("the databases of the server");
    if !is_there {
        // Under another name until it is whole: whoever makes it may be killed.
        let (base, _) = url.rsplit_once('/').expect("a URL names a database");
        let made = format!("{name}_made");
        make(&server, &made, "template0").await;
        let store = PostgresStore::connect(&format!("{base}/{made}"), None).await;
        store.expect("a new database").close().await;
        let rename = format!("ALTER DATABASE {made} RENAME TO {name}");
        execute(&mut connection, rename).await;
    }
    connection.close().await.expect("it hangs up");
    name
}

/// Makes a database, in place of what a killed run of the same number left.
async fn make(server: &PgConnectOptions, name: &str, template: &str) {
    let mut connection = server.connect().await.expect("the server is there");
    // From 15 on, where it can be chosen, a copy of the files is three times as fast as one that is
    // written to the log.
    let copied = match connection.server_version_num() {
        Some(150_000..) => " STRATEGY file_copy",
        Some(_) | None => "",
    };
    for statement in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name} TEMPLATE {template}{copied}"),
    ] {
        execute(&mut connection, statement).await;
    }
    connection.close().await.expect("it hangs up");
}

async fn execute(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .expect("a superuser's statement");
}
