//! `cargo xtask openapi`: the OpenAPI document as it is checked in.
//!
//! A test compares it with the code in each run of the tests. The same test writes it here, so that
//! this program need not be built with the API.

use crate::place;
use crate::steps::Steps;

/// Tells the test to write the document.
const WRITE: &str = "WINDLASS_WRITE_OPENAPI";

/// Writes the document, or says whether it is the one of the code.
///
/// # Errors
/// When it does not build, or the document is another one.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let mut command = place::cargo();
    // Of the whole workspace, so that no dependency is built anew with fewer features.
    command.args(["test", "--locked", "--workspace", "--test", "it", "--"]);
    command.args([
        "--exact",
        "document::the_document_is_the_one_that_is_checked_in",
    ]);
    if !check {
        command.env(WRITE, "1");
    }
    steps.run("docs/openapi.json", &mut command)
}
