//! What the application asks of a playbook, answered by the crate that reads playbooks.

use serde_json::Value;
use windlass_application::ports::PlaybookRules;
use windlass_application::{Problem, ProblemKind};

/// The rules of `windlass-playbook`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedPlaybooks;

impl PlaybookRules for RecordedPlaybooks {
    fn check(&self, document: &Value) -> Result<(), Vec<Problem>> {
        match windlass_playbook::parse(document) {
            Ok(_) => Ok(()),
            Err(problems) => Err(problems.iter().map(problem).collect()),
        }
    }
}

fn problem(problem: &windlass_playbook::Problem) -> Problem {
    let kind = match problem.kind {
        windlass_playbook::ProblemKind::Missing => ProblemKind::Missing,
        windlass_playbook::ProblemKind::Invalid => ProblemKind::Invalid,
        windlass_playbook::ProblemKind::Unknown => ProblemKind::Unknown,
    };
    let path = problem.path();
    let message = match (&problem.step, path.as_str()) {
        (_, "") => format!("The playbook {}.", problem.message),
        (None, path) => format!("`{path}`: {}.", problem.message),
        (Some(step), path) => format!("`{path}`, in {step}: {}.", problem.message),
    };
    Problem {
        kind,
        field: Some(path).filter(|path| !path.is_empty()),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let document = json!({"title": "Bills", "steps": [
            {"type": "navigate", "url": "{{source.url}}"},
            {"type": "dance"},
            {"type": "click"},
        ]});

        let problems = RecordedPlaybooks.check(&document).unwrap_err();

        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.kind, problem.field.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (ProblemKind::Invalid, Some("steps.1.type")),
                (ProblemKind::Missing, Some("steps.2.selectors")),
            ]
        );
        assert!(
            problems[0]
                .message
                .starts_with("`steps.1.type`, in step 2 (dance): "),
            "{problems:?}"
        );
    }

    #[test]
    fn the_demo_site_has_a_playbook_that_passes() {
        assert_eq!(
            RecordedPlaybooks.check(&windlass_demo_site::playbook()),
            Ok(())
        );
    }
}
