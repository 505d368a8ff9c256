//! What every source file of ours holds to, and neither rustfmt nor clippy sees.
//! Source: CONTRIBUTING.md, "Tidy".

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::place;

#[cfg(test)]
mod kept;

/// A file beyond it holds a second concept that wants a name.
const MOST_LINES: usize = 600;

const SOURCE_FOLDERS: &[&str] = &["crates", "xtask", "tests", "examples"];

/// Names that say nothing of what is inside.
const NAMELESS: &[&str] = &[
    "common",
    "helper",
    "helpers",
    "misc",
    "miscellaneous",
    "shared",
    "util",
    "utilities",
    "utils",
];

/// Words that no code has, each with what to do instead. In pieces, since this file is read too.
const NOWHERE: &[(&str, &str)] = &[
    (concat!("#[", "allow("), "expect the lint with a reason"),
    (concat!("#![", "allow("), "expect the lint with a reason"),
    (concat!("todo", "!("), "finish it, or leave it out"),
    (concat!("unimplemented", "!("), "finish it, or leave it out"),
    (
        concat!("#[", "ignore"),
        "a test that does not run promises nothing",
    ),
    (concat!("#[", "should_panic"), "assert the error instead"),
];

/// Words that the domain's code, tests apart, has nowhere: the time comes in as `at`, the rest stays
/// outside.
const NOT_IN_DOMAIN: &[&str] = &[
    "SystemTime",
    "Instant::",
    "OffsetDateTime::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "async fn",
    ".await",
];

/// Everything untidy, one sentence each, with file and line.
///
/// # Errors
/// When a source file cannot be read.
pub(crate) fn untidy() -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut texts = Vec::new();
    for folder in SOURCE_FOLDERS {
        collect(&place::root().join(folder), "rs", &mut texts)?;
    }
    for path in &texts {
        let text = read(path)?;
        findings.extend(untidy_source(&shown(path), &text));
    }
    collect(&place::root().join("docs"), "md", &mut texts)?;
    for path in &texts {
        let text = read(path)?;
        findings.extend(missing_pages(&shown(path), &text, |page| {
            place::root().join(page).exists()
        }));
    }
    Ok(findings)
}

/// `path` is relative to the root, with `/` between its parts.
fn untidy_source(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let says_what_it_is = text.starts_with("//! ") || text.starts_with("#!/");
    if !says_what_it_is {
        findings.push(format!(
            "{path}: begin with a `//!` sentence on what the file is for"
        ));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(format!(
            "{path}: {lines} lines, more than {MOST_LINES}: find the second concept in it"
        ));
    }
    let nameless = path
        .split('/')
        .find(|part| NAMELESS.contains(&part.trim_end_matches(".rs")));
    if let Some(part) = nameless {
        findings.push(format!(
            "{path}: `{part}` does not say what is inside: name the concept"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        findings
            .extend(untidy_line(path, code(line)).map(|what| format!("{path}:{number}: {what}")));
    }
    findings
}

fn untidy_line(path: &str, code: &str) -> Option<String> {
    let word = NOWHERE.iter().find(|(word, _)| code.contains(word));
    if let Some((word, instead)) = word {
        return Some(format!("`{word}` stands nowhere: {instead}"));
    }
    if !path.starts_with("crates/domain/src/") || path.ends_with("/tests.rs") {
        return None;
    }
    let word = NOT_IN_DOMAIN.iter().find(|word| code.contains(**word))?;
    Some(format!(
        "`{word}` in the domain, which reads no clock and does no I/O"
    ))
}

/// The line without its comment. A `//` inside a string cuts it short, which hides little.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Pages under `docs/` that a file cites and that are not there.
fn missing_pages(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let cited = line
            .match_indices("docs/")
            .filter_map(|(at, _)| page(&line[at..]));
        let missing = cited.filter(|page| !exists(page));
        findings.extend(
            missing.map(|page| format!("{path}:{number}: cites {page}, which is not there")),
        );
    }
    findings
}

/// The path that a text begins with, where it is that of a page.
fn page(text: &str) -> Option<&str> {
    let end = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && !"/._-".contains(letter))
        .unwrap_or(text.len());
    let page = text[..end].trim_end_matches('.');
    page.ends_with(".md").then_some(page)
}

fn collect(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("failed to list {folder:?}"))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("failed to list {folder:?}"))?
            .path();
        if path.is_dir() {
            collect(&path, extension, into)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {path:?}"))
}

fn shown(path: &Path) -> String {
    let inside = path.strip_prefix(place::root()).unwrap_or(path);
    inside.to_string_lossy().replace('\\', "/")
}
