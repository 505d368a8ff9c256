//! The table of docs/lifecycle.md, "Run transitions", as a checker reads it. A test of the domain
//! compares the page with the code.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};

const PAGE: &str = include_str!("../../docs/lifecycle.md");

const START: &str = "<!-- run transitions:";

const END: &str = "<!-- end of run transitions -->";

/// What may happen to a run, by status and command.
pub struct Table {
    rows: BTreeMap<(String, String), BTreeSet<Vec<String>>>,
}

impl Table {
    /// Reads the page.
    ///
    /// # Errors
    /// Where the table is not there, or a row is no row of it.
    pub fn read() -> anyhow::Result<Self> {
        let (_, after) = PAGE.split_once(START).context("the page has a table")?;
        let (table, _) = after.split_once(END).context("the table has an end")?;
        let mut rows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, from, commands, becomes, ..] = cells.as_slice() else {
                anyhow::bail!("not a row: {line}");
            };
            let statuses = if *from == "–" {
                vec![String::new()]
            } else {
                words(from)
            };
            for status in &statuses {
                for command in words(commands) {
                    let row = rows.entry((status.clone(), command)).or_default();
                    row.insert(words(becomes));
                }
            }
        }
        ensure!(rows.len() > 40, "the table has {} rows", rows.len());
        Ok(Self { rows })
    }

    /// Whether a run in this status takes this command.
    pub fn takes(&self, status: &str, command: &str) -> bool {
        self.rows
            .contains_key(&(status.to_owned(), command.to_owned()))
    }

    /// The commands by which one status follows another at once; the first is empty for a start.
    pub fn between(&self, from: &str, to: &str) -> BTreeSet<&str> {
        let rows = self.rows.iter();
        let fitting = rows.filter(|((status, _), ways)| {
            ways.iter().any(|way| {
                let mut before = status.as_str();
                way.iter().any(|next| {
                    let is_step = (before, next.as_str()) == (from, to);
                    before = next;
                    is_step
                })
            })
        });
        fitting.map(|((_, command), _)| command.as_str()).collect()
    }
}

/// The words between backticks.
fn words(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_follows_what() {
        let table = Table::read().unwrap();

        assert_eq!(table.between("", "queued"), BTreeSet::from(["start"]));
        assert!(table.between("queued", "canceling").contains("cancel"));
        assert!(table.between("canceling", "canceled").contains("cancel"));
        assert_eq!(table.between("canceling", "completed"), BTreeSet::new());
        assert_eq!(table.between("completed", "failed"), BTreeSet::new());
        assert!(table.takes("running", "cancel") && !table.takes("completed", "cancel"));
        assert!(table.takes("interaction_required", "answer"));
        assert!(!table.takes("running", "answer"));
    }
}
