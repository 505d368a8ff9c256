//! The database: connected, migrated, with a pool of connections and its clock.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use windlass_application::OrganizationContext;
use windlass_application::ports::{Clock, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::slot::Caps;
use windlass_records::{LastLetIn, LastLook, LastNoted, Turns};

use crate::clock::ServerClock;
use crate::migrate::{MigrateError, migrate};
use crate::open::{Open, OpenWrite, Role};
use crate::transaction::Transaction;

/// How many connections a replica has at most: a few times the cores of the server that it is
/// likely to find, and few enough that six replicas fit into its default of 100.
const CONNECTIONS: u32 = 16;

/// How long a call waits for a connection, until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// What every connection sets. A statement that takes longer, a lock that does not come, a
/// transaction that its replica has left alone: each ends, so that nothing waits for ever.
const TIMEOUTS: [(&str, &str); 3] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "15s"),
];

/// Plans that do not depend on statistics: a table that is fresh, or was just emptied, has none,
/// and a planner left alone would scan it, or sort a whole backlog, when it has grown. Every
/// statement has its index, in its order.
const PLANS: [(&str, &str); 8] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
];

/// The stores of Windlass in one PostgreSQL database. Every port of the store is implemented for
/// it. Any number of replicas may share the database.
pub struct PostgresStore {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    following: Option<AbortHandle>,
    deliveries_written: Arc<Notify>,
    last_look: LastLook,
    turns: Turns,
    last_let_in: LastLetIn,
    last_noted: LastNoted,
    caps: Caps,
}

/// Why a database is not used. Never shows its password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none of a PostgreSQL database.
    #[error("the database's URL cannot be read: postgres://user:password@host:5432/name is one")]
    Url(#[source] sqlx::Error),
    /// The database cannot be reached.
    #[error("failed to connect to the database {database}")]
    Connect {
        /// Its name, and the address of its server.
        database: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// It cannot be brought to the shape that this program knows.
    #[error("failed to migrate the database {database}")]
    Migrate {
        /// Its name, and the address of its server.
        database: String,
        /// Why.
        #[source]
        source: MigrateError,
    },
}

impl PostgresStore {
    /// Connects to the database at `url` and migrates it. The clock is the server's, unless
    /// another is given.
    ///
    /// # Errors
    /// [`ConnectError`] says what failed.
    pub async fn connect(url: &str, clock: Option<Arc<dyn Clock>>) -> Result<Self, ConnectError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(ConnectError::Url)?
            .application_name("windlass")
            .disable_statement_logging();
        let database = format!(
            "{} at {}:{}",
            options.get_database().unwrap_or(options.get_username()),
            options.get_host(),
            options.get_port()
        );
        migrate(&options)
            .await
            .map_err(|source| ConnectError::Migrate {
                database: database.clone(),
                source,
            })?;
        let connect = |source| ConnectError::Connect {
            database: database.clone(),
            source,
        };
        let pool = pool(options).await.map_err(connect)?;
        let (clock, following) = match clock {
            Some(clock) => (clock, None),
            None => follow_server(&pool).await.map_err(connect)?,
        };
        Ok(Self {
            pool,
            clock,
            following,
            deliveries_written: Arc::new(Notify::new()),
            last_look: LastLook::default(),
            turns: Turns::default(),
            last_let_in: LastLetIn::default(),
            last_noted: LastNoted::default(),
            caps: Caps::default(),
        })
    }

    /// The same store, where organizations may have so much.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// The clock that this store goes by.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Waits for what is under way and hangs up.
    pub async fn close(&self) {
        if let Some(following) = &self.following {
            following.abort();
        }
        self.pool.close().await;
    }

    /// Where statements go that are a transaction by themselves, as the owner of the tables.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Woken by each commit of this replica that wrote deliveries.
    pub(crate) fn deliveries_written(&self) -> &Notify {
        &self.deliveries_written
    }

    /// When this replica's dispatcher looked for deliveries.
    pub(crate) fn last_look(&self) -> &LastLook {
        &self.last_look
    }

    /// Whose turn it is to have runs leased by this replica.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// When this replica looked for slots that nobody took.
    pub(crate) fn last_let_in(&self) -> &LastLetIn {
        &self.last_let_in
    }

    /// When this replica knew the calls of workers noted.
    pub(crate) fn last_noted(&self) -> &LastNoted {
        &self.last_noted
    }

    /// What each organization may have.
    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    /// The present moment of the store.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One look at an organization's rows, under the tenant's role.
    pub(crate) async fn read(&self, organization: OrganizationContext) -> Result<Open, StoreError> {
        Open::read(&self.pool, Role::Tenant(organization)).await
    }

    /// The transaction of a change that no request made: of a clock, of a worker. Dropped before
    /// its commit, it has changed nothing.
    pub(crate) async fn begin(
        &self,
        trace_parent: Option<String>,
    ) -> Result<Transaction, StoreError> {
        self.begin_as(Role::Owner, None, trace_parent).await
    }

    /// A transaction under this role, which first waits for whoever has the lock of this number.
    pub(crate) async fn begin_as(
        &self,
        role: Role,
        lock: Option<i64>,
        trace_parent: Option<String>,
    ) -> Result<Transaction, StoreError> {
        let open = OpenWrite::begin(&self.pool, role, lock).await?;
        Ok(Transaction::new(
            open,
            Arc::clone(&self.clock),
            self.caps,
            trace_parent,
            Arc::clone(&self.deliveries_written),
        ))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

async fn pool(options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        // Each statement would pay for it; after a pause it is done all the same.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.options(TIMEOUTS).options(PLANS))
        .await
}

/// The server's clock, and the task that asks for it.
async fn follow_server(
    pool: &PgPool,
) -> Result<(Arc<dyn Clock>, Option<AbortHandle>), sqlx::Error> {
    let clock = Arc::new(ServerClock::ask(pool).await?);
    let (followed, pool) = (Arc::clone(&clock), pool.clone());
    let following = tokio::spawn(async move { followed.follow(&pool).await });
    Ok((clock, Some(following.abort_handle())))
}
