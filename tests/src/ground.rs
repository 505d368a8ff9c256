//! What a server stands on: a data folder, and the database and Redis that go with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use windlass_test_servers::{POSTGRES_URL, REDIS_URL};

/// The backends that every system test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One server on a file.
    Sqlite,
    /// PostgreSQL, and Redis for signals.
    Postgres,
}

/// A place for servers that share everything, all of it new. Removed when dropped.
pub struct Ground {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    /// Dropped with the ground.
    _database: Option<Database>,
}

impl Backend {
    /// An empty place.
    ///
    /// # Errors
    /// There is no PostgreSQL or Redis: the tests were not started by `cargo xtask test`.
    pub async fn ground(self) -> anyhow::Result<Ground> {
        let folder = tempfile::tempdir()?;
        let (variables, database) = match self {
            Self::Sqlite => (Vec::new(), None),
            Self::Postgres => {
                let database = Database::create(&shared(POSTGRES_URL)?).await?;
                let variables = vec![
                    ("WINDLASS_DATABASE", database.url()?),
                    ("WINDLASS_SIGNALS", shared(REDIS_URL)?),
                    ("WINDLASS_SIGNALS_PREFIX", database.name.clone()),
                ];
                (variables, Some(database))
            }
        };
        Ok(Ground {
            folder,
            variables,
            _database: database,
        })
    }
}

impl Ground {
    /// A new folder, on PostgreSQL and Redis servers of the test's own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn on(postgres_url: &str, redis_url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            variables: vec![
                ("WINDLASS_DATABASE", postgres_url.to_owned()),
                ("WINDLASS_SIGNALS", redis_url.to_owned()),
            ],
            _database: None,
        })
    }

    /// The data folder; made by the first server.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where a test may keep something beside it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All tables of the database with their rows as text, where it is on PostgreSQL. Those of
    /// SQLite are files of the data folder.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn tables(&self) -> anyhow::Result<Vec<(String, String)>> {
        let Some((_, url)) = self
            .variables
            .iter()
            .find(|(name, _)| *name == "WINDLASS_DATABASE")
        else {
            return Ok(Vec::new());
        };
        let options: PgConnectOptions = url.parse()?;
        let mut connection = options.disable_statement_logging().connect().await?;
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', schemaname, tablename)
             FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&mut connection)
        .await?;
        ensure!(!names.is_empty(), "the database has no tables");
        let mut tables = Vec::new();
        for name in names {
            let statement =
                format!("SELECT coalesce(string_agg(row::text, E'\\n'), '') FROM {name} AS row");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(statement))
                .fetch_one(&mut connection)
                .await?;
            tables.push((name, rows));
        }
        connection.close().await?;
        Ok(tables)
    }

    /// What an operator keeps secret here: the master key, and the passwords of database and Redis.
    ///
    /// # Errors
    /// The key file cannot be read.
    pub fn secrets(&self) -> anyhow::Result<Vec<String>> {
        let mut secrets = Vec::new();
        let key_file = self.data_folder().join("master.key");
        if key_file.exists() {
            secrets.push(std::fs::read_to_string(key_file)?.trim().to_owned());
        }
        let urls = self.variables.iter();
        let urls = urls.filter_map(|(_, value)| reqwest::Url::parse(value).ok());
        secrets.extend(urls.filter_map(|url| url.password().map(str::to_owned)));
        Ok(secrets)
    }

    /// The settings that lead a server here, the data folder apart.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }
}

/// A database of a test's own.
struct Database {
    server: String,
    name: String,
}

impl Database {
    async fn create(server: &str) -> anyhow::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("windlass_test_{}_{number}", std::process::id());
        let database = Self {
            server: server.to_owned(),
            name,
        };
        // One of this name was left by a test that was killed.
        database
            .execute("DROP DATABASE IF EXISTS", "WITH (FORCE)")
            .await?;
        database.execute("CREATE DATABASE", "").await?;
        Ok(database)
    }

    fn url(&self) -> anyhow::Result<String> {
        let mut url = reqwest::Url::parse(&self.server)?;
        url.set_path(&self.name);
        Ok(url.into())
    }

    async fn execute(&self, before: &str, after: &str) -> anyhow::Result<()> {
        let options: PgConnectOptions = self.server.parse()?;
        let mut connection = options.disable_statement_logging().connect().await?;
        let statement = format!("{before} {} {after}", self.name);
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // On a thread of its own, since a runtime cannot wait for another inside of it.
        let dropped = std::thread::scope(|scope| {
            let dropping = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(self.execute("DROP DATABASE", "WITH (FORCE)"))
            });
            dropping.join()
        });
        if !matches!(dropped, Ok(Ok(()))) {
            eprintln!("the database {} was not dropped: {dropped:?}", self.name);
        }
    }
}

fn shared(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| {
        format!(
            "{variable} is not set: run the tests with `cargo xtask test`, or see CONTRIBUTING.md"
        )
    })
}
