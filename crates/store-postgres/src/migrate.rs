//! Brings a database to the shape that this program knows, with the tenant's role.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};

/// What migrators of one database wait for, so that of two that start at once the second finds
/// nothing to do. Any number that nothing else takes.
const LOCK: i64 = 0x0057_494e_444c_4153;

/// PostgreSQL 14, as `server_version_num` counts.
const OLDEST: i32 = 140_000;

/// Why the database is not in the shape that this program knows.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement failed.
    #[error("the database refused a statement")]
    Refused(#[from] sqlx::Error),
    /// Its server lacks what is needed.
    #[error("PostgreSQL 14 or newer is needed; the server has {version}")]
    TooOld {
        /// What the server says of itself.
        version: String,
    },
    /// The tenant's role is missing or cannot be taken, and this user may not change that.
    #[error(
        "the role windlass_tenant is needed, and {user} may not make it or take it: run, as a \
         superuser, `CREATE ROLE windlass_tenant NOLOGIN` where it is missing, and \
         `GRANT windlass_tenant TO \"{user}\"`"
    )]
    NoTenantRole {
        /// Who is connected.
        user: String,
        /// Why it may not.
        #[source]
        source: sqlx::Error,
    },
    /// A migration failed, or one that was done is not the one that this program knows.
    #[error("the tables cannot be brought to the shape that this program knows")]
    Migrations(#[from] sqlx::migrate::MigrateError),
}

/// Migrates the database, waiting for whoever else does so now.
pub(crate) async fn migrate(options: &PgConnectOptions) -> Result<(), MigrateError> {
    // "already exists, skipping" is nothing that an operator needs to read at each start.
    let quiet = [("client_min_messages", "warning")];
    let mut connection = options.clone().options(quiet).connect().await?;
    let migrated = migrate_alone(&mut connection).await;
    // With the connection goes the lock.
    connection.close().await?;
    migrated
}

async fn migrate_alone(connection: &mut PgConnection) -> Result<(), MigrateError> {
    refuse_old(connection).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await?;
    prepare_tenant_role(connection).await?;
    let migrations = vec![Migration::new(
        1,
        "first".into(),
        MigrationType::Simple,
        include_str!("../migrations/0001_first.sql").into_sql_str(),
        false,
    )];
    Migrator::with_migrations(migrations)
        .set_locking(false)
        // Of a newer replica: an old one that starts again beside it works on its tables.
        .set_ignore_missing(true)
        .run(connection)
        .await?;
    Ok(())
}

async fn refuse_old(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (number, version): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
    )
    .fetch_one(connection)
    .await?;
    if number < OLDEST {
        return Err(MigrateError::TooOld { version });
    }
    Ok(())
}

/// Makes the tenant's role where it is missing, and takes it once to see that it can be taken.
/// Roles are the whole server's: another database's migrator may make it at the same moment.
async fn prepare_tenant_role(connection: &mut PgConnection) -> Result<(), MigrateError> {
    if try_tenant_role(connection).await.is_ok() {
        return Ok(());
    }
    let made = sqlx::raw_sql("CREATE ROLE windlass_tenant NOLOGIN")
        .execute(&mut *connection)
        .await;
    if try_tenant_role(connection).await.is_ok() {
        return Ok(());
    }
    let granted = sqlx::raw_sql("GRANT windlass_tenant TO CURRENT_USER")
        .execute(&mut *connection)
        .await;
    let Err(source) = try_tenant_role(connection).await else {
        return Ok(());
    };
    let user = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(connection)
        .await?;
    Err(MigrateError::NoTenantRole {
        user,
        source: made.err().or(granted.err()).unwrap_or(source),
    })
}

async fn try_tenant_role(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SET ROLE windlass_tenant")
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("RESET ROLE").execute(connection).await?;
    Ok(())
}
