//! A database of its own for each test, on the server that the tests were given.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Names the server: the URL of a superuser.
const SERVER: &str = "WINDLASS_TEST_POSTGRES_URL";

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
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let url = std::env::var(SERVER)
            .unwrap_or_else(|_| panic!("{SERVER} names no server: run `cargo xtask test`"));
        let server = PgConnectOptions::from_str(&url).expect("the URL of a PostgreSQL server");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("windlass_test_{}_{count}", std::process::id());
        let (base, _) = url.rsplit_once('/').expect("a URL names a database");
        let url = format!("{base}/{name}");
        // What a killed run of the same number left.
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        execute(&server, drop).await;
        execute(
            &server,
            format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await;
        let outside = PgPoolOptions::new()
            .max_connections(2)
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
            runtime.expect("a runtime").block_on(execute(&server, drop));
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
}

async fn execute(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.expect("the server is there");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("a superuser's statement");
    connection.close().await.expect("it hangs up");
}
