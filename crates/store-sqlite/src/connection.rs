//! A connection to the file, and what is asked of it: statements, each known again by its text.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{OpenFlags, Params, Row, params_from_iter};
use windlass_application::ports::StoreError;
use windlass_records::sqlite::{Columns, FromRow};

use crate::checkpoints;
use crate::error::store_error;
use crate::query::Query;

/// How long a call waits for another process that writes, until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many statements are known again: about as many as there are, but for lists, whose texts depend
/// on what is asked for.
const STATEMENTS: usize = 256;

/// The settings of a connection.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    -- No commit folds the write-ahead log into the file: `Checkpoints` does, beside them.
    PRAGMA wal_autocheckpoint = 0;
    -- What a long read has let it grow to is given back when it starts anew.
    PRAGMA journal_size_limit = 67108864;
    -- Each change stands behind a savepoint, for which SQLite keeps every page as it was before: in
    -- memory, where it would write a file.
    PRAGMA temp_store = MEMORY;
    -- What is deleted is overwritten: erased secrets leave no bytes in the file.
    PRAGMA secure_delete = ON;
";

/// A connection to the file.
pub(crate) struct Connection(rusqlite::Connection);

impl Connection {
    /// One that may write, to a file that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        // Used by one thread at a time, so SQLite needs no lock of its own.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(SETTINGS)?;
        Ok(Self(connection))
    }

    /// One that only reads.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, rusqlite::Error> {
        let connection = Self::open(path)?;
        connection.0.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Changes rows, and answers how many.
    pub(crate) fn change(
        &self,
        statement: &'static str,
        values: impl Params,
    ) -> Result<usize, StoreError> {
        let done = self.0.prepare_cached(statement);
        let done = done.and_then(|mut statement| statement.execute(values));
        done.map_err(store_error)
    }

    /// The rows that a statement brings.
    pub(crate) fn rows<R: FromRow>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<Vec<R>, StoreError> {
        self.all(statement, values, |row| R::from_row(&mut Columns::of(row)))
    }

    /// The first row that a statement brings, where it brings one.
    pub(crate) fn row<R: FromRow>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<Option<R>, StoreError> {
        self.first(statement, values, |row| R::from_row(&mut Columns::of(row)))
    }

    /// The row that a statement brings, which always brings one.
    pub(crate) fn only_row<R: FromRow>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<R, StoreError> {
        let row = self.row(statement, values)?;
        row.ok_or_else(|| store_error(rusqlite::Error::QueryReturnedNoRows))
    }

    /// The first column of the rows that a statement brings.
    pub(crate) fn values<V: FromSql>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<Vec<V>, StoreError> {
        self.all(statement, values, |row| row.get(0))
    }

    /// The first column of the first row that a statement brings, where it brings one.
    pub(crate) fn value<V: FromSql>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<Option<V>, StoreError> {
        self.first(statement, values, |row| row.get(0))
    }

    /// The first column of the row that a statement brings, which always brings one: a count.
    pub(crate) fn only_value<V: FromSql>(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<V, StoreError> {
        let value = self.value(statement, values)?;
        value.ok_or_else(|| store_error(rusqlite::Error::QueryReturnedNoRows))
    }

    /// The rows that a query brings.
    pub(crate) fn rows_of<R: FromRow>(&self, query: Query) -> Result<Vec<R>, StoreError> {
        let Query { text, values } = query;
        self.rows(&text, params_from_iter(values))
    }

    /// Does statements without values, several where a semicolon stands between them.
    pub(crate) fn run(&self, statements: &str) -> Result<(), rusqlite::Error> {
        self.0.execute_batch(statements)
    }

    /// Does one statement without values that brings nothing back.
    pub(crate) fn step(&self, statement: &'static str) -> Result<(), rusqlite::Error> {
        self.0.prepare_cached(statement)?.execute([])?;
        Ok(())
    }

    /// Whether there is a transaction: SQLite ends it by itself after some failures.
    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    /// Notes after each commit how many pages the write-ahead log has.
    pub(crate) fn count_log_pages(&self) {
        self.0.wal_hook(Some(|_, pages| {
            checkpoints::note_pages(pages.unsigned_abs());
            Ok(())
        }));
    }

    /// Closes it.
    pub(crate) fn close(self) -> Result<(), rusqlite::Error> {
        self.0.close().map_err(|(_, error)| error)
    }

    fn all<T>(
        &self,
        statement: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.0.prepare_cached(statement).map_err(store_error)?;
        let rows = statement.query_map(values, read).map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    }

    fn first<T>(
        &self,
        statement: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(statement).map_err(store_error)?;
        let is_change = !statement.readonly();
        let mut rows = statement.query(values).map_err(store_error)?;
        let row = rows.next().map_err(store_error)?;
        let row = row.map(read).transpose().map_err(store_error)?;
        // A change is checked for what it must keep at its end.
        while is_change && rows.next().map_err(store_error)?.is_some() {}
        Ok(row)
    }
}
