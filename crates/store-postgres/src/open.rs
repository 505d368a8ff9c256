//! An open transaction of the database.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row};
use tracing::warn;
use windlass_application::OrganizationContext;
use windlass_application::ports::StoreError;

use crate::error::{is_answer_lost, store_error};
use crate::rollbacks;

/// How long a commit whose answer was lost is asked for, and how long a rollback may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two questions for the fate of a commit.
const PAUSE: Duration = Duration::from_millis(50);

/// Under which role a transaction runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// The owner of the tables: of runs, clocks and deliveries. Statements name the organization.
    Owner,
    /// One that sees the rows of this organization alone.
    Tenant(OrganizationContext),
}

impl Role {
    /// The statements that take it. An organization's id is a UUID and needs no quoting.
    fn statements(self) -> String {
        match self {
            Self::Owner => String::new(),
            Self::Tenant(organization) => format!(
                "SET LOCAL ROLE windlass_tenant;
                 SET LOCAL windlass.organization_id = '{}';",
                organization.organization_id().uuid()
            ),
        }
    }
}

/// An open transaction. However it is left (committed, refused, or given up half-way because its
/// caller is gone), its connection goes back to the pool with no transaction open: sqlx's own
/// would stay open where it is given up while it begins.
pub(crate) struct Open {
    /// None only while it is dropped.
    connection: Option<PoolConnection<Postgres>>,
}

/// An open transaction that may write.
pub(crate) struct OpenWrite {
    open: Open,
    pool: PgPool,
    /// By which the server remembers how it ended.
    id: String,
}

impl Open {
    /// One that reads: all of its statements see what was committed before the first of them.
    pub(crate) async fn read(pool: &PgPool, role: Role) -> Result<Self, StoreError> {
        let mut open = Self::acquire(pool).await?;
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {}",
            role.statements()
        );
        sqlx::raw_sql(AssertSqlSafe(begin))
            .execute(&mut *open)
            .await
            .map_err(store_error)?;
        Ok(open)
    }

    async fn acquire(pool: &PgPool) -> Result<Self, StoreError> {
        let connection = pool.acquire().await.map_err(store_error)?;
        Ok(Self {
            connection: Some(connection),
        })
    }
}

impl OpenWrite {
    /// One that writes: each of its statements sees what was committed before it. It first waits
    /// for whoever has the lock of this number, where one is given, and has it to its end.
    pub(crate) async fn begin(
        pool: &PgPool,
        role: Role,
        lock: Option<i64>,
    ) -> Result<Self, StoreError> {
        let mut open = Open::acquire(pool).await?;
        let lock = match lock {
            Some(number) => format!("FROM pg_advisory_xact_lock({number})"),
            None => String::new(),
        };
        let begin = format!(
            "BEGIN; {} SELECT pg_current_xact_id()::text {lock}",
            role.statements()
        );
        let row = sqlx::raw_sql(AssertSqlSafe(begin))
            .fetch_one(&mut *open)
            .await
            .map_err(store_error)?;
        Ok(Self {
            id: row.try_get(0).map_err(store_error)?,
            pool: pool.clone(),
            open,
        })
    }

    /// Makes all of it true.
    ///
    /// # Errors
    /// `Unavailable` also where it cannot be known whether it was.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let committed = sqlx::raw_sql("COMMIT").execute(&mut *self.open).await;
        match committed {
            Ok(_) => {
                // Nothing is left to roll back.
                drop(self.open.connection.take());
                Ok(())
            }
            Err(error) if is_answer_lost(&error) => {
                warn!(%error, "the answer to a commit was lost; it is asked for");
                drop(self.open);
                if is_committed(&self.pool, &self.id).await {
                    Ok(())
                } else {
                    Err(StoreError::Unavailable(Box::new(error)))
                }
            }
            Err(error) => Err(store_error(error)),
        }
    }
}

/// Whether the transaction of this id was committed; false also where that is not known in time.
async fn is_committed(pool: &PgPool, id: &str) -> bool {
    let ends_at = Instant::now() + PATIENCE;
    while Instant::now() < ends_at {
        let status: Result<Option<String>, _> =
            sqlx::query_scalar("SELECT pg_xact_status($1::text::xid8)")
                .bind(id)
                .fetch_one(pool)
                .await;
        match status.as_ref().map(Option::as_deref) {
            Ok(Some("committed")) => return true,
            Ok(Some("aborted") | None) => return false,
            // Its backend is still at it, or the server is still away.
            Ok(Some(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    false
}

impl Deref for Open {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("only its drop takes it")
    }
}

impl DerefMut for Open {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only its drop takes it")
    }
}

impl Deref for OpenWrite {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.open
    }
}

impl DerefMut for OpenWrite {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        // Ends by itself: it is bounded, and the pool waits for its connection when it closes.
        let rollback = tokio::spawn(async move {
            let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *connection);
            let rolled_back = tokio::time::timeout(PATIENCE, rollback).await;
            if !matches!(rolled_back, Ok(Ok(_))) {
                connection.close_on_drop();
            }
        });
        rollbacks::note(rollback);
    }
}
