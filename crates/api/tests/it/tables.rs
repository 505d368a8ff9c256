//! What the store holds, to see that a call has written nothing.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

/// Columns that say that a key was used, which every call does.
const USES: [(&str, &str); 1] = [("api_key", "last_used_at")];

/// The rows of each table, as text, in order.
pub(crate) type Tables = BTreeMap<String, Vec<String>>;

/// The tables of a file of SQLite.
pub(crate) async fn tables(path: &Path) -> Tables {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .connect()
        .await
        .expect("the file is there");
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, c.name
         FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("every file has a schema");
    let mut selected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in columns {
        if !USES.contains(&(&*table, &*column)) {
            let quoted = format!("quote(\"{column}\")");
            selected.entry(table).or_default().push(quoted);
        }
    }
    let mut tables = Tables::new();
    for (table, columns) in selected {
        let columns = columns.join(" || ', ' || ");
        let query = format!("SELECT {columns} FROM \"{table}\" ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut connection);
        let rows: Vec<SqliteRow> = rows.await.expect("names come from the schema");
        tables.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    tables
}
