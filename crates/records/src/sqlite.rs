//! How rows are read from SQLite, and how columns stand in it.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use uuid::Uuid;
use windlass_domain::Timestamp;

use crate::columns::{At, Count, HeldBy, Id};

/// What a `SELECT` brings, a row of it.
pub trait FromRow: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// Where the row has no such column, or another type in it.
    fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self>;
}

/// The columns of a row, read one after the other.
pub struct Columns<'row, 'statement> {
    row: &'row Row<'statement>,
    /// The one after the one that was read last.
    next: usize,
}

impl<'row, 'statement> Columns<'row, 'statement> {
    /// Those of this row, from the first.
    pub fn of(row: &'row Row<'statement>) -> Self {
        Self { row, next: 0 }
    }

    /// The column of this name. Where it is the next one it is not looked for.
    ///
    /// # Errors
    /// Where there is none, or it has another type.
    pub fn get<T: FromSql>(&mut self, name: &str) -> rusqlite::Result<T> {
        // Of a field whose name is a word of Rust's.
        let name = name.strip_prefix("r#").unwrap_or(name);
        let statement = self.row.as_ref();
        let is_next = self.next < statement.column_count()
            && statement.column_name(self.next)?.eq_ignore_ascii_case(name);
        if !is_next {
            self.next = statement.column_index(name)?;
        }
        self.take()
    }

    /// The next column, whatever its name.
    ///
    /// # Errors
    /// Where there is none, or it has another type.
    pub fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// Declares a struct that a `SELECT` brings, each field from the column of its name.
#[macro_export]
macro_rules! sqlite_row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        $vis struct $name { $($fields)* }
        $crate::read_sqlite_row! { $(#[$meta])* $vis struct $name { $($fields)* } }
    };
}

/// Reads a struct that is declared elsewhere, as [`sqlite_row!`] does.
#[macro_export]
macro_rules! read_sqlite_row {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)*
        }
    ) => {
        impl $crate::sqlite::FromRow for $name {
            fn from_row(
                columns: &mut $crate::sqlite::Columns<'_, '_>,
            ) -> ::rusqlite::Result<Self> {
                Ok(Self { $($field: columns.get(stringify!($field))?,)* })
            }
        }
    };
}

macro_rules! tuples {
    ($($($column:ident)+;)+) => {
        $(
            impl<$($column: FromSql),+> FromRow for ($($column,)+) {
                fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
                    Ok(($(columns.take::<$column>()?,)+))
                }
            }
        )+
    };
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        Self::Blob(id.0.into_bytes().to_vec())
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        Uuid::from_slice(bytes)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.millis().into())
    }
}

impl From<At> for Value {
    fn from(at: At) -> Self {
        Self::Integer(at.0.millis())
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Timestamp::from_millis).map(Self)
    }
}

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u32::column_result(value).map(Self)
    }
}

impl ToSql for HeldBy {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.bytes().into())
    }
}

impl FromSql for HeldBy {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::read(value.as_blob()?).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    sqlite_row! {
        #[derive(Debug, PartialEq)]
        struct Pair {
            id: Id,
            r#type: Count,
        }
    }

    fn read<R: FromRow>(statement: &str) -> rusqlite::Result<R> {
        let connection = Connection::open_in_memory()?;
        connection.query_row(statement, [], |row| R::from_row(&mut Columns::of(row)))
    }

    #[test]
    fn a_field_is_read_from_the_column_of_its_name_wherever_that_stands() {
        let pair = Pair {
            id: Id(Uuid::nil()),
            r#type: Count(7),
        };

        for statement in [
            "SELECT zeroblob(16) AS id, 7 AS type",
            "SELECT 7 AS type, 8 AS other, zeroblob(16) AS id",
        ] {
            assert_eq!(read::<Pair>(statement).as_ref(), Ok(&pair), "{statement}");
        }
    }

    #[test]
    fn a_column_that_is_missing_or_of_another_type_is_an_error() {
        for statement in [
            "SELECT zeroblob(16) AS id",
            "SELECT zeroblob(15) AS id, 7 AS type",
            "SELECT zeroblob(16) AS id, -1 AS type",
            "SELECT zeroblob(16) AS id, NULL AS type",
        ] {
            assert!(read::<Pair>(statement).is_err(), "{statement}");
        }
    }
}
