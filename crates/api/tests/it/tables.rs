//! What the store holds, to see that a call has written nothing.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Columns that say that a key was used, which every call does.
const USES: [(&str, &str); 1] = [("api_key", "last_used_at")];

/// The rows of each table, as text, in order.
pub(crate) type Tables = BTreeMap<String, Vec<String>>;

/// The tables of a file of SQLite.
pub(crate) fn tables(path: &Path) -> Tables {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the file is there");
    let mut columns = connection
        .prepare(
            "SELECT m.name, c.name
             FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
        )
        .expect("every file has a schema");
    let columns = columns
        .raw_query()
        .mapped(|row| Ok((row.get(0)?, row.get(1)?)));
    let mut selected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in columns {
        let (table, column): (String, String) = column.expect("every file has a schema");
        if !USES.contains(&(&*table, &*column)) {
            let quoted = format!("quote(\"{column}\")");
            selected.entry(table).or_default().push(quoted);
        }
    }
    let mut tables = Tables::new();
    for (table, columns) in selected {
        let columns = columns.join(" || ', ' || ");
        let query = format!("SELECT {columns} FROM \"{table}\" ORDER BY 1");
        let mut rows = connection
            .prepare(&query)
            .expect("names come from the schema");
        let rows = rows.raw_query().mapped(|row| row.get(0));
        let rows = rows.collect::<Result<_, _>>();
        tables.insert(table, rows.expect("names come from the schema"));
    }
    tables
}
