//! From JSON to a checked playbook, with all problems at once.

use serde_json::Value;

use crate::custom;
use crate::placeholder::{Placeholder, Template};
use crate::problem::{Problem, ProblemKind};
use crate::reader::{Object, Problems, inside, kind_of, list, text};
use crate::selector::{Selector, SelectorKind, Selectors};
use crate::step::{Count, CountOperator, Playbook, Step};
use crate::{MAX_ALTERNATIVES, MAX_PLAYBOOK_BYTES, MAX_STEPS, MAX_TEXT_CHARACTERS};

/// What the Recorder writes beside a step and no engine of ours needs: timing, positions, the frame
/// and what it saw happen.
const IGNORED: [&str; 15] = [
    "assertedEvents",
    "button",
    "deviceScaleFactor",
    "deviceType",
    "duration",
    "frame",
    "hasTouch",
    "height",
    "isLandscape",
    "isMobile",
    "offsetX",
    "offsetY",
    "target",
    "timeout",
    "width",
];

/// What the Recorder writes beside the steps.
const IGNORED_AT_TOP: [&str; 3] = ["assertedEvents", "selectorAttribute", "timeout"];

const STEP_TYPES: &str = "setViewport, navigate, click, doubleClick, hover, change, keyDown, keyUp, \
                          scroll, waitForElement, waitForExpression, close and customStep";

/// Reads a playbook.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(value: &Value) -> Result<Playbook, Vec<Problem>> {
    let mut problems = Problems::default();
    let playbook = playbook(value, &mut problems);
    match playbook {
        Some(playbook) if problems.0.is_empty() => Ok(playbook),
        _ => Err(problems.0),
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
    object.only(&["title", "steps"], &IGNORED_AT_TOP, problems);
    let title = object.name("title", problems);
    let steps = object.required("steps", problems);
    let steps = list(steps?, "steps", MAX_STEPS, problems)?;
    let read: Vec<Option<Step>> = steps
        .iter()
        .enumerate()
        .map(|(position, value)| step(value, &inside("steps", position), problems))
        .collect();
    check_skips(&read, problems);
    check_answers(&read, problems);
    Some(Playbook {
        title: title?.to_owned(),
        steps: read.into_iter().collect::<Option<_>>()?,
    })
}

fn step(value: &Value, path: &str, problems: &mut Problems) -> Option<Step> {
    let object = Object::read(value, path, problems)?;
    let step_type = object.name("type", problems)?;
    let known: &[&str] = match step_type {
        "navigate" => &["type", "url"],
        "click" | "doubleClick" | "hover" => &["type", "selectors"],
        "change" => &["type", "selectors", "value"],
        "keyDown" | "keyUp" => &["type", "key"],
        "scroll" => &["type", "selectors", "x", "y"],
        "waitForElement" => &["type", "selectors", "operator", "count", "visible"],
        "waitForExpression" => &["type", "expression"],
        "customStep" => &["type", "name", "parameters"],
        _ => &["type"],
    };
    object.only(known, &IGNORED, problems);
    match step_type {
        "setViewport" => Some(Step::SetViewport),
        "navigate" => Some(Step::Navigate {
            url: template(&object, "url", problems)?,
        }),
        "click" => Some(Step::Click(selectors(&object, problems)?)),
        "doubleClick" => Some(Step::DoubleClick(selectors(&object, problems)?)),
        "hover" => Some(Step::Hover(selectors(&object, problems)?)),
        "change" => change(&object, problems),
        "keyDown" => Some(Step::KeyDown {
            key: object.name("key", problems)?.to_owned(),
        }),
        "keyUp" => Some(Step::KeyUp {
            key: object.name("key", problems)?.to_owned(),
        }),
        "scroll" => Some(Step::Scroll),
        "waitForElement" => {
            let count = count(&object, problems);
            Some(Step::WaitForElement {
                selectors: selectors(&object, problems)?,
                count: count?,
            })
        }
        "waitForExpression" => Some(Step::WaitForExpression {
            expression: object.text("expression", problems)?.to_owned(),
        }),
        "close" => Some(Step::Close),
        "customStep" => custom::step(&object, problems),
        other => problems.invalid(
            &object.place("type"),
            format!("{other:?} is no step; there are {STEP_TYPES}"),
        ),
    }
}

fn change(object: &Object, problems: &mut Problems) -> Option<Step> {
    let selectors = selectors(object, problems);
    let value = object.required("value", problems);
    let value = match value? {
        // A field is emptied by an empty text.
        Value::String(text) if text.is_empty() => Some(Template::literal("")),
        _ => template(object, "value", problems),
    };
    Some(Step::Change {
        selectors: selectors?,
        value: value?,
    })
}

/// How many elements are waited for; at least one, where the step does not say.
fn count(object: &Object, problems: &mut Problems) -> Option<Count> {
    let operator = match object.optional_text("operator", problems) {
        None | Some(">=") => Some(CountOperator::AtLeast),
        Some("==") => Some(CountOperator::Equal),
        Some("<=") => Some(CountOperator::AtMost),
        Some(_) => problems.invalid(&object.place("operator"), "must be one of ==, >= and <="),
    };
    object.flag("visible", true, problems);
    let count = object.number("count", 0, u32::MAX, problems).unwrap_or(1);
    Some(Count {
        operator: operator?,
        count,
    })
}

/// A text with placeholders.
fn template(object: &Object, name: &str, problems: &mut Problems) -> Option<Template> {
    let text = object.text(name, problems)?;
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(message) => problems.invalid(&object.place(name), message),
    }
}

/// A step's alternatives: each a selector, or a list of them that leads through shadow roots.
fn selectors(object: &Object, problems: &mut Problems) -> Option<Selectors> {
    let path = object.place("selectors");
    let alternatives = object.required("selectors", problems)?;
    let alternatives = list(alternatives, &path, MAX_ALTERNATIVES, problems)?;
    let read: Vec<Option<Vec<Selector>>> = alternatives
        .iter()
        .enumerate()
        .map(|(position, value)| alternative(value, &inside(&path, position), problems))
        .collect();
    read.into_iter().collect::<Option<_>>().map(Selectors)
}

fn alternative(value: &Value, path: &str, problems: &mut Problems) -> Option<Vec<Selector>> {
    match value {
        Value::String(_) => Some(vec![selector(value, path, problems)?]),
        Value::Array(_) => {
            let read: Vec<Option<Selector>> = list(value, path, MAX_ALTERNATIVES, problems)?
                .iter()
                .enumerate()
                .map(|(position, value)| selector(value, &inside(path, position), problems))
                .collect();
            read.into_iter().collect()
        }
        other => problems.invalid(
            path,
            format!(
                "must be a selector, or a list of selectors, not {}",
                kind_of(other)
            ),
        ),
    }
}

/// One selector. Only the run's input may be filled in: selectors show in progress and errors.
pub(crate) fn selector(value: &Value, path: &str, problems: &mut Problems) -> Option<Selector> {
    let (kind, text) = SelectorKind::of(text(value, path, MAX_TEXT_CHARACTERS, problems)?);
    if text.trim().is_empty() {
        return problems.note(ProblemKind::Missing, path, "must say what to look for");
    }
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(message) => return problems.invalid(path, message),
    };
    let css = matches!(kind, SelectorKind::Css | SelectorKind::Pierce);
    let refused = template
        .placeholders()
        .find(|placeholder| !css || !matches!(placeholder, Placeholder::Input(_)))
        .cloned();
    match refused {
        None => Some(Selector { kind, text: template }),
        Some(placeholder) => problems.invalid(
            path,
            format!("must not hold {{{{{placeholder}}}}}: only CSS selectors hold placeholders, and only {{{{input.NAME}}}}"),
        ),
    }
}

/// A skip that leaves out more than there is was meant for another playbook.
fn check_skips(steps: &[Option<Step>], problems: &mut Problems) {
    for (position, step) in steps.iter().enumerate() {
        let left = steps.len() - position - 1;
        if let Some(Step::Skip { steps, .. }) = step
            && *steps > left
        {
            let path = format!("steps.{position}.parameters.steps");
            let _: Option<()> =
                problems.invalid(&path, format!("skips {steps} steps where {left} follow"));
        }
    }
}

/// An answer is there only after its question.
fn check_answers(steps: &[Option<Step>], problems: &mut Problems) {
    let mut asked: Vec<&str> = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        let (name, template) = match step {
            Some(Step::Navigate { url }) => ("url", url),
            Some(Step::Change { value, .. }) => ("value", value),
            Some(Step::Interact(interact)) => {
                asked.extend(interact.fields.iter().map(|field| field.name.as_str()));
                continue;
            }
            Some(_) => continue,
            // It may have been the question.
            None => return,
        };
        for placeholder in template.placeholders() {
            if let Placeholder::Interaction(answer) = placeholder
                && !asked.contains(&answer.as_str())
            {
                let path = format!("steps.{position}.{name}");
                let message = format!(
                    "{{{{{placeholder}}}}} needs an earlier windlass.interact with a field named {answer:?}"
                );
                let _: Option<()> = problems.invalid(&path, message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
