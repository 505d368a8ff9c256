//! `cargo xtask openapi`: the OpenAPI document as it is checked in, and the tables of errors of
//! docs/api.md.
//!
//! Tests compare them with the code in each run of the tests. The same tests write them here, so that
//! this program need not be built with the API.

use crate::place;
use crate::steps::Steps;

/// Tells the tests to write.
const WRITE: &str = "WINDLASS_WRITE_OPENAPI";

/// Writes what is made from the code, or says whether it is what the code says.
///
/// # Errors
/// When it does not build, or something else is checked in.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let mut command = place::cargo();
    // Of the whole workspace, so that no dependency is built anew with fewer features.
    command.args(["test", "--locked", "--workspace", "--test", "it", "--"]);
    command.args([
        "--exact",
        "document::the_document_is_the_one_that_is_checked_in",
        "document::the_tables_of_errors_are_those_of_the_page",
    ]);
    if !check {
        command.env(WRITE, "1");
    }
    steps.run("docs/openapi.json and docs/api.md", &mut command)
}
