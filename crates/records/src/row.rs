//! Declares the structs that a `SELECT` brings, for the databases that are built.

/// A struct that is read in every store, each field from the column of its name.
macro_rules! row {
    ($($struct:tt)*) => {
        #[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
        $($struct)*
        #[cfg(feature = "sqlite")]
        $crate::read_sqlite_row! { $($struct)* }
    };
}
