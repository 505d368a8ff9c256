//! The tables of docs/api.md, "Errors", made from the code: `cargo xtask openapi` writes them there, and
//! a test compares.

use std::fmt::Write;

use windlass_domain::run;

use crate::error_code::ErrorCode;

/// The tables of docs/api.md: the name that stands between its marks, and the lines of Markdown between
/// them.
pub fn error_tables() -> [(&'static str, String); 2] {
    [
        ("errors of calls", of_calls()),
        ("errors of runs", of_runs()),
    ]
}

/// By status, since that is what a caller has first; inside one as the table of the code has them.
fn of_calls() -> String {
    let mut codes = ErrorCode::ALL.to_vec();
    codes.sort_by_key(|code| code.status());
    let mut table = "| status | type and code | meaning |\n|---|---|---|\n".to_owned();
    for code in codes {
        let (status, name) = (code.status().as_u16(), code.as_str());
        let (error_type, meaning) = (code.error_type(), code.meaning());
        line(
            &mut table,
            &format!("{status} | `{error_type}/{name}` | {meaning}"),
        );
    }
    table
}

fn of_runs() -> String {
    let mut table = "| type and code | meaning |\n|---|---|\n".to_owned();
    for code in run::ErrorCode::ALL {
        let (error_type, name) = (code.error_type().as_str(), code.as_str());
        let meaning = code.description();
        line(&mut table, &format!("`{error_type}/{name}` | {meaning}"));
    }
    table
}

fn line(table: &mut String, cells: &str) {
    // Writing into a text does not fail.
    let _ = writeln!(table, "| {cells} |");
}
