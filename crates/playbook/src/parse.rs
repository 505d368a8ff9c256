//! From JSON to a checked playbook, with all problems at once.

use serde_json::Value;

use crate::placeholder::Placeholder;
use crate::problem::{Problem, StepName, inside};
use crate::reader::{Object, Problems, list};
use crate::step::{Action, Playbook, Step};
use crate::{MAX_PLAYBOOK_BYTES, MAX_STEPS, recorded};

/// Reads a playbook.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(value: &Value) -> Result<Playbook, Vec<Problem>> {
    let mut problems = Problems::default();
    match playbook(value, &mut problems) {
        Some(playbook) if problems.found.is_empty() => Ok(Playbook {
            unread: problems.unread,
            ..playbook
        }),
        _ => {
            for problem in &mut problems.found {
                problem.step = StepName::of(&problem.pointer, value);
            }
            Err(problems.found)
        }
    }
}

fn playbook(value: &Value, problems: &mut Problems) -> Option<Playbook> {
    let object = Object::read(value, "", problems)?;
    // A value that was parsed from a text in bounds is in bounds too; one that was built may be not.
    let bytes = value.to_string().len();
    if bytes > MAX_PLAYBOOK_BYTES {
        let message = format!("must have {MAX_PLAYBOOK_BYTES} bytes at most, not {bytes}");
        return problems.invalid("", message);
    }
    let known = ["$schema", "title", "steps", "timeout", "selectorAttribute"];
    object.leave_aside_all_but(&known, problems);
    let title = object.name("title", problems);
    object.optional_text("selectorAttribute", problems);
    let timeout = recorded::timeout(&object, problems);
    let place = object.place("steps");
    let steps = object.required("steps", problems);
    let steps = list(steps?, &place, MAX_STEPS, problems)?;
    let read: Vec<Option<Step>> = steps
        .iter()
        .enumerate()
        .map(|(position, value)| recorded::step(value, &inside(&place, position), problems))
        .collect();
    check_jumps(&read, &place, problems);
    check_answers(&read, &place, problems);
    let mut steps: Vec<Step> = read.into_iter().collect::<Option<_>>()?;
    // The Recorder counts what one page takes, and a step of ours may go over many.
    for step in steps.iter_mut().filter(|step| !step.action.is_custom()) {
        step.timeout = step.timeout.or(timeout);
    }
    Some(Playbook {
        title: title?.to_owned(),
        steps,
        unread: Vec::new(),
    })
}

/// A skip over more than there is, or a return to before the start, was meant for another playbook.
fn check_jumps(steps: &[Option<Step>], place: &str, problems: &mut Problems) {
    for (position, step) in steps.iter().enumerate() {
        let left = steps.len() - position - 1;
        let message = match step.as_ref().map(|step| &step.action) {
            Some(Action::Skip { steps, .. }) if *steps > left => {
                format!("skips {steps} steps where {left} follow")
            }
            Some(Action::Repeat { steps, .. }) if *steps > position => {
                format!("repeats {steps} steps where {position} come before")
            }
            _ => continue,
        };
        let path = inside(&inside(&inside(place, position), "parameters"), "steps");
        let _: Option<()> = problems.invalid(&path, message);
    }
}

/// An answer is there only after its question.
fn check_answers(steps: &[Option<Step>], place: &str, problems: &mut Problems) {
    let mut asked: Vec<&str> = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        let Some(Step { action, .. }) = step else {
            // It may have been the question.
            return;
        };
        for (name, template) in action.templates() {
            for placeholder in template.placeholders() {
                if let Placeholder::Interaction(answer) = placeholder
                    && !asked.contains(&answer.as_str())
                {
                    let path = inside(&inside(place, position), name);
                    let message = format!(
                        "{{{{{placeholder}}}}} needs an earlier windlass.interact with a field named {answer:?}"
                    );
                    let _: Option<()> = problems.invalid(&path, message);
                }
            }
        }
        if let Action::Interact(interact) = action {
            asked.extend(interact.fields.iter().map(|field| field.name.as_str()));
        }
    }
}

#[cfg(test)]
mod tests;
