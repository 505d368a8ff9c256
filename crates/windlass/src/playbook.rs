//! `windlass playbook`: checks a playbook before it is written, also where there is no server.
//! Source: docs/guides/record-a-playbook.md.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use windlass_playbook::{MAX_PLAYBOOK_BYTES, SCHEMA, Tier, parse};

/// The most of a file that is read: a playbook with generous spaces.
const MAX_FILE_BYTES: u64 = 16 * MAX_PLAYBOOK_BYTES as u64;

/// What to do with playbooks.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaybookArguments {
    #[command(subcommand)]
    command: PlaybookCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum PlaybookCommand {
    /// Says all that is wrong with a playbook, with step and place; else which tier it needs, and
    /// what the http tier leaves out. Fails where something is wrong.
    Check {
        /// The playbook, as JSON; - is the standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints the JSON Schema of playbooks, for editors.
    Schema,
}

/// Does what the command line says.
///
/// # Errors
/// A file that cannot be read, or a playbook with problems.
pub(crate) fn run(arguments: &PlaybookArguments) -> anyhow::Result<()> {
    match &arguments.command {
        PlaybookCommand::Schema => print(SCHEMA),
        PlaybookCommand::Check { file } => {
            let text = read(file)?;
            let name = file.display();
            match check(&text) {
                Ok(lines) => print(&lines.join("\n")),
                Err(problems) => {
                    for problem in &problems {
                        eprintln!("{name}: {problem}");
                    }
                    bail!(
                        "{name} is no playbook: {} found",
                        counted(problems.len(), "problem")
                    )
                }
            }
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{}", text.trim_end()).context("failed to print")
}

fn read(file: &Path) -> anyhow::Result<String> {
    let reader: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(
            File::open(file).with_context(|| format!("failed to open {}", file.display()))?,
        ),
    };
    let mut text = String::new();
    reader
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("failed to read {}", file.display()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        bail!("{} is larger than any playbook", file.display());
    }
    Ok(text)
}

/// What to say of a playbook.
///
/// # Errors
/// What is wrong with it, never empty.
fn check(text: &str) -> Result<Vec<String>, Vec<String>> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| vec![format!("is no JSON: {error}")])?;
    let playbook = parse(&document)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let steps = counted(playbook.steps.len(), "step");
    let tier = playbook.tier();
    let needs = match tier {
        Tier::Http => "every one can be done by the http tier",
        Tier::Browser => "it needs the browser tier",
    };
    let mut lines = vec![format!("{:?}: {steps}; {needs}", playbook.title)];
    let notes = playbook.notes();
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    Ok(lines)
}

fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_says_its_tier_and_what_is_left_out() {
        let said = check(r#"{"title": "Bills", "steps": [{"type": "scroll"}]}"#).unwrap();

        let expected = [
            r#""Bills": 1 step; every one can be done by the http tier"#,
            "note: step 1 (scroll), /steps/0: is left out by the http tier: there is no screen",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn all_that_is_wrong_is_said_with_step_and_place() {
        let said = check(
            r#"{"title": "", "steps": [{"type": "scroll"}, {"type": "click", "selectors": ["a["]}]}"#,
        )
        .unwrap_err();

        assert_eq!(said[0], "/title: must not be empty");
        assert!(
            said[1].starts_with("step 2 (click), /steps/1/selectors/0: is no CSS selector"),
            "{said:?}"
        );
    }

    #[test]
    fn what_is_no_json_says_where() {
        let said = check("{\n  \"title\": }").unwrap_err();

        assert!(said[0].contains("line 2 column"), "{said:?}");
    }
}
