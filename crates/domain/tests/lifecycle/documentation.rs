//! docs/lifecycle.md shows the tables that the code is tested against, and diagrams of what it does.
//! `UPDATE_DOCS=1` writes them anew.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use windlass_domain::run::{self, Status};
use windlass_domain::session::SessionStatus;

use crate::asked::Asked;
use crate::run_table::{self, ForSession, Then};
use crate::session_table;
use crate::situation::Situation;

/// An arrow of a diagram, and the commands that go along it.
struct Edge {
    from: &'static str,
    to: &'static str,
    labels: Vec<&'static str>,
}

fn add(edges: &mut Vec<Edge>, from: &'static str, to: &'static str, label: &'static str) {
    match edges
        .iter_mut()
        .find(|edge| edge.from == from && edge.to == to)
    {
        Some(edge) if edge.labels.contains(&label) => {}
        Some(edge) => edge.labels.push(label),
        None => edges.push(Edge {
            from,
            to,
            labels: vec![label],
        }),
    }
}

fn diagram(first: &str, command: &str, edges: &[Edge], last: &[&str]) -> String {
    let mut text = format!("```mermaid\nstateDiagram-v2\n    [*] --> {first} : {command}\n");
    for edge in edges {
        let labels = edge.labels.join(", ");
        writeln!(text, "    {} --> {} : {labels}", edge.from, edge.to).expect("a String takes all");
    }
    for status in last {
        writeln!(text, "    {status} --> [*]").expect("a String takes all");
    }
    text + "```\n"
}

/// Asks the code itself: each command in each situation.
fn run_diagram() -> String {
    let mut edges = Vec::new();
    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let run = asked.prepare(situation.run(1));
            let Ok(transition) = run::machine::apply(&run, asked.command(), asked.now()) else {
                continue;
            };
            // What no worker holds is canceled in two steps at once; the second needs no command.
            if let Some(entered) = transition.entered.first() {
                add(
                    &mut edges,
                    run.status().as_str(),
                    entered.status.as_str(),
                    label(asked),
                );
            }
        }
    }
    let last: Vec<&str> = Status::ALL
        .into_iter()
        .filter(|status| status.is_final())
        .map(Status::as_str)
        .collect();
    diagram("queued", "start", &edges, &last)
}

/// The name of a command without what the table adds to it.
fn label(asked: Asked) -> &'static str {
    let name = asked.name();
    name.find([' ', '(']).map_or(name, |end| &name[..end])
}

fn session_diagram() -> String {
    let mut edges = Vec::new();
    for row in session_table::ROWS {
        for situation in row.from {
            for asked in row.asked {
                if let Some(entered) = row.entered.first() {
                    let name = asked.name();
                    let label = name.find([' ', ',']).map_or(name, |end| &name[..end]);
                    add(
                        &mut edges,
                        situation.status().as_str(),
                        entered.as_str(),
                        label,
                    );
                }
            }
        }
    }
    let last = [
        SessionStatus::Completed.as_str(),
        SessionStatus::Failed.as_str(),
    ];
    diagram("queued", "open", &edges, &last)
}

fn code(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Statuses with their conditions, where a row is not about all of a status.
fn from<S: Copy + PartialEq>(
    all: &[S],
    some: &[S],
    status: impl Fn(S) -> &'static str,
    condition: impl Fn(S) -> &'static str,
) -> String {
    let mut statuses: Vec<&'static str> = Vec::new();
    for situation in some {
        if !statuses.contains(&status(*situation)) {
            statuses.push(status(*situation));
        }
    }
    let parts: Vec<String> = statuses
        .into_iter()
        .map(|name| {
            let of_status = |situation: &&S| status(**situation) == name;
            if all
                .iter()
                .filter(of_status)
                .all(|situation| some.contains(situation))
            {
                format!("`{name}`")
            } else {
                let conditions: Vec<&str> = some
                    .iter()
                    .filter(of_status)
                    .map(|situation| condition(*situation))
                    .filter(|condition| !condition.is_empty())
                    .collect();
                format!("`{name}` ({})", conditions.join("; or "))
            }
        })
        .collect();
    parts.join(", ")
}

/// The commands of a row under their names; what only tests tell apart is left out.
fn commands(row: &run_table::Row) -> Vec<&'static str> {
    if [Asked::FinishSuccess, Asked::FinishFailure]
        .iter()
        .all(|asked| row.asked.contains(asked))
    {
        return vec!["finish"];
    }
    let is_shown = |asked: &&Asked| match asked {
        // The same as `lease_lost`, without waiting for its clock.
        Asked::WorkerGone => false,
        // The first of its kind is an ordinary one.
        Asked::FinishAgain => row.then == Then::Unchanged,
        Asked::InteractAgain => {
            row.then == Then::Unchanged && !row.asked.contains(&Asked::Interact)
        }
        Asked::WithdrawEarlier => !row.asked.contains(&Asked::Withdraw),
        Asked::ReleasedAskingEarlier => !row.asked.contains(&Asked::ReleasedAsking),
        _ => true,
    };
    row.asked
        .iter()
        .filter(is_shown)
        .map(|asked| asked.name())
        .collect()
}

/// The commands of a row; variants of one that stands in it are left out.
fn session_commands(row: &session_table::Row) -> Vec<&'static str> {
    use session_table::Asked;

    let is_shown = |asked: &&Asked| match asked {
        Asked::LeaseByAnother => !row.asked.contains(&Asked::Lease),
        Asked::RunOverKeptForZero | Asked::RunOverAndEnds => !row.asked.contains(&Asked::RunOver),
        _ => true,
    };
    row.asked
        .iter()
        .filter(is_shown)
        .map(|asked| asked.name())
        .collect()
}

fn run_rows() -> String {
    let mut text = "| in | command | becomes | for its session | notes |\n|---|---|---|---|---|\n\
                    | – | `start` | `queued` | `open`, without `session_id` | the input matches the \
                    task's schema |\n"
        .to_owned();
    for row in run_table::ROWS {
        let commands = commands(row);
        if commands.is_empty() {
            continue;
        }
        let status = |situation: Situation| situation.status().as_str();
        // Begun like any other, where it matters that it has begun.
        let is_plain = |situation| {
            situation == Situation::RunningAnswered && row.from.contains(&Situation::RunningBegun)
        };
        let condition = |situation: Situation| {
            if is_plain(situation) {
                ""
            } else {
                situation.condition()
            }
        };
        let from = from(&Situation::ALL, row.from, status, condition);
        let becomes = match row.then {
            Then::Enters(statuses) => {
                let names: Vec<String> = statuses
                    .iter()
                    .map(|status| format!("`{status}`"))
                    .collect();
                names.join(" → ")
            }
            Then::Saves => "the same".to_owned(),
            Then::Unchanged => "unchanged".to_owned(),
        };
        let session = match row.session {
            ForSession::Nothing => "–",
            ForSession::Lease => "`lease`",
            ForSession::NotAwaited => {
                "`run_over`, where it is `queued` and this was its last queued run"
            }
            ForSession::RunOver => "`run_over`",
            ForSession::RunOverAndEnds => "`run_over`, and it ends",
            ForSession::RunRequeued => "`run_requeued`",
            ForSession::RunForced => "`run_forced`",
        };
        let commands = code(&commands);
        let note = row.note;
        writeln!(
            text,
            "| {from} | {commands} | {becomes} | {session} | {note} |"
        )
        .expect("a String takes all");
    }
    text
}

fn session_rows() -> String {
    let mut text = "| in | command | becomes | notes |\n|---|---|---|---|\n\
                    | – | `open` | `queued` | by the start of a run without `session_id` |\n"
        .to_owned();
    for row in session_table::ROWS {
        let status = |situation: session_table::Situation| situation.status().as_str();
        let from = from(
            &session_table::Situation::ALL,
            row.from,
            status,
            session_table::Situation::condition,
        );
        let names = session_commands(row);
        let becomes = if row.entered.is_empty() {
            "unchanged".to_owned()
        } else {
            let names: Vec<String> = row
                .entered
                .iter()
                .map(|status| format!("`{status}`"))
                .collect();
            names.join(" → ")
        };
        let note = row.note;
        writeln!(text, "| {from} | {} | {becomes} | {note} |", code(&names))
            .expect("a String takes all");
    }
    text
}

/// `page` with `content` between the markers of `section`.
fn with_section(page: &str, section: &str, content: &str) -> String {
    let start =
        format!("<!-- {section}: written by a test, see crates/domain/tests/lifecycle -->\n");
    let end = format!("<!-- end of {section} -->\n");
    let (before, rest) = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("docs/lifecycle.md has no line {start}"));
    let (_, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("docs/lifecycle.md has no line {end}"));
    format!("{before}{start}\n{content}\n{end}{after}")
}

#[test]
fn the_page_shows_the_tables_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/lifecycle.md");
    let page = fs::read_to_string(&path).expect("docs/lifecycle.md is there");

    let mut expected = page.clone();
    for (section, content) in [
        ("run diagram", run_diagram()),
        ("run transitions", run_rows()),
        ("session diagram", session_diagram()),
        ("session transitions", session_rows()),
    ] {
        expected = with_section(&expected, section, &content);
    }

    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/lifecycle.md can be written");
    } else {
        assert_eq!(
            page, expected,
            "run the test again with UPDATE_DOCS=1 and read the difference"
        );
    }
}
