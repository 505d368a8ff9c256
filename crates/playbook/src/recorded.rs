//! The Recorder's own steps, and what it writes beside any step. Source: the schema of
//! `@puppeteer/replay`, which reads what Chrome exports.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::address::destination;
use crate::placeholder::Template;
use crate::problem::{ProblemKind, inside};
use crate::reader::{Object, Problems, kind_of, list, text};
use crate::selector::{Selector, Selectors};
use crate::step::{Action, Count, CountOperator, Navigation, OtherButton, Step, Wait};
use crate::{MAX_ALTERNATIVES, MAX_FRAMES, MAX_TEXT_CHARACTERS, MAX_TIMEOUT_MS, custom};

const STEP_TYPES: &str = "setViewport, emulateNetworkConditions, navigate, click, doubleClick, \
                          hover, change, keyDown, keyUp, scroll, waitForElement, \
                          waitForExpression, close and customStep";

/// What any step may have beside its own fields.
const BESIDE: [&str; 5] = ["type", "timeout", "assertedEvents", "target", "frame"];

const POINTERS: [&str; 3] = ["mouse", "pen", "touch"];

const BUTTONS: [&str; 5] = ["primary", "auxiliary", "secondary", "back", "forward"];

/// Reads one step.
pub(crate) fn step(value: &Value, path: &str, problems: &mut Problems) -> Option<Step> {
    let object = Object::read(value, path, problems)?;
    let operation = object.name("type", problems);
    let target = object.optional_text("target", problems);
    let frame = frame(&object, problems);
    let timeout = timeout(&object, problems);
    let navigation = navigation(&object, problems);
    let action = action(operation?, &object, problems)?;
    Some(Step {
        action,
        navigation,
        target: target.map(str::to_owned),
        frame: frame?,
        timeout,
    })
}

fn action(operation: &str, object: &Object, problems: &mut Problems) -> Option<Action> {
    let own: &[&str] = match operation {
        "setViewport" => &SCREEN_NUMBERS_AND_FLAGS,
        "emulateNetworkConditions" => &["download", "upload", "latency"],
        "navigate" => &["url"],
        "click" | "doubleClick" => &[
            "selectors",
            "offsetX",
            "offsetY",
            "duration",
            "deviceType",
            "button",
        ],
        "hover" => &["selectors"],
        "change" => &["selectors", "value"],
        "keyDown" | "keyUp" => &["key"],
        "scroll" => &["selectors", "x", "y"],
        "waitForElement" => &[
            "selectors",
            "operator",
            "count",
            "visible",
            "properties",
            "attributes",
        ],
        "waitForExpression" => &["expression"],
        "customStep" => &["name", "parameters"],
        _ => &[],
    };
    let known: Vec<&str> = BESIDE.iter().chain(own).copied().collect();
    object.leave_aside_all_but(&known, problems);
    match operation {
        "setViewport" => {
            check_numbers(object, &SCREEN_NUMBERS_AND_FLAGS[..3], problems);
            for name in &SCREEN_NUMBERS_AND_FLAGS[3..] {
                object.flag(name, false, problems);
            }
            Some(Action::SetViewport)
        }
        "emulateNetworkConditions" => {
            check_numbers(object, own, problems);
            Some(Action::EmulateNetworkConditions)
        }
        "navigate" => navigate(object, problems),
        "click" => {
            let selectors = clicked(object, problems)?;
            Some(match object.optional("button").and_then(Value::as_str) {
                Some("secondary") => Action::OtherClick {
                    selectors,
                    button: OtherButton::Secondary,
                },
                Some("back" | "forward") => Action::OtherClick {
                    selectors,
                    button: OtherButton::History,
                },
                // What the wheel opens in a window of its own is opened in the only one.
                _ => Action::Click(selectors),
            })
        }
        "doubleClick" => clicked(object, problems).map(Action::DoubleClick),
        "hover" => selectors(object, problems).map(Action::Hover),
        "change" => change(object, problems),
        "keyDown" => key(object, problems).map(|key| Action::KeyDown { key }),
        "keyUp" => key(object, problems).map(|key| Action::KeyUp { key }),
        "scroll" => {
            check_numbers(object, &["x", "y"], problems);
            if object.optional("selectors").is_some() {
                selectors(object, problems)?;
            }
            Some(Action::Scroll)
        }
        "waitForElement" => wait(object, problems).map(Action::WaitForElement),
        "waitForExpression" => Some(Action::WaitForExpression {
            expression: object.text("expression", problems)?.to_owned(),
        }),
        "close" => Some(Action::Close),
        "customStep" => custom::action(object, problems),
        other => problems.invalid(
            &object.place("type"),
            format!("{other:?} is no step; there are {STEP_TYPES}"),
        ),
    }
}

const SCREEN_NUMBERS_AND_FLAGS: [&str; 6] = [
    "width",
    "height",
    "deviceScaleFactor",
    "isMobile",
    "hasTouch",
    "isLandscape",
];

fn check_numbers(object: &Object, names: &[&str], problems: &mut Problems) {
    for name in names {
        object.check_number(name, problems);
    }
}

/// How long a step, or every step of a flow, may take.
pub(crate) fn timeout(object: &Object, problems: &mut Problems) -> Option<Duration> {
    let milliseconds = object.number("timeout", 1, MAX_TIMEOUT_MS, problems)?;
    Some(Duration::from_millis(u64::from(milliseconds)))
}

/// Where it led when it was recorded.
fn navigation(object: &Object, problems: &mut Problems) -> Option<Navigation> {
    let events = object.optional("assertedEvents")?;
    let path = object.place("assertedEvents");
    let Some(events) = events.as_array() else {
        let message = format!("must be a list, not {}", kind_of(events));
        return problems.invalid(&path, message);
    };
    let mut navigation = None;
    for (position, event) in events.iter().enumerate() {
        let Some(event) = Object::read(event, &inside(&path, position), problems) else {
            continue;
        };
        event.leave_aside_all_but(&["type", "url", "title"], problems);
        if event.required("type", problems).is_some() {
            event.check_choice("type", &["navigation"], problems);
        }
        let url = event.optional("url").and_then(Value::as_str);
        navigation = Some(Navigation {
            url: url.and_then(|url| Url::parse(url).ok()),
        });
        for name in ["url", "title"] {
            if let Some(value) = event.optional(name).filter(|value| !value.is_string()) {
                let message = format!("must be a text, not {}", kind_of(value));
                let _: Option<()> = problems.invalid(&event.place(name), message);
            }
        }
    }
    navigation
}

fn frame(object: &Object, problems: &mut Problems) -> Option<Vec<u32>> {
    let Some(frame) = object.optional("frame") else {
        return Some(Vec::new());
    };
    let position = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let positions = frame
        .as_array()
        .filter(|positions| positions.len() <= MAX_FRAMES)
        .and_then(|positions| positions.iter().map(position).collect());
    match positions {
        Some(positions) => Some(positions),
        None => problems.invalid(
            &object.place("frame"),
            format!("must be a list of at most {MAX_FRAMES} positions of frames, from 0 on"),
        ),
    }
}

fn navigate(object: &Object, problems: &mut Problems) -> Option<Action> {
    let url = template(object, "url", problems)?;
    match destination(&url) {
        Ok(_) => Some(Action::Navigate { url }),
        Err(message) => problems.invalid(&object.place("url"), message),
    }
}

fn clicked(object: &Object, problems: &mut Problems) -> Option<Selectors> {
    check_numbers(object, &["offsetX", "offsetY", "duration"], problems);
    object.check_choice("deviceType", &POINTERS, problems);
    object.check_choice("button", &BUTTONS, problems);
    selectors(object, problems)
}

fn key(object: &Object, problems: &mut Problems) -> Option<String> {
    match object.required("key", problems)? {
        // The space bar.
        Value::String(key) if key == " " => Some(key.clone()),
        _ => object.name("key", problems).map(str::to_owned),
    }
}

fn change(object: &Object, problems: &mut Problems) -> Option<Action> {
    let selectors = selectors(object, problems);
    let value = object.required("value", problems);
    let value = match value? {
        // A field is emptied by an empty text, and a space is a text too.
        Value::String(text) if text.trim().is_empty() && text.len() <= MAX_TEXT_CHARACTERS => {
            Some(Template::literal(text))
        }
        _ => template(object, "value", problems),
    };
    Some(Action::Change {
        selectors: selectors?,
        value: value?,
    })
}

fn wait(object: &Object, problems: &mut Problems) -> Option<Wait> {
    let count = count(object, problems);
    let holds = object.flag("visible", true, problems);
    let attributes = entries(object, "attributes", problems);
    let properties = entries(object, "properties", problems);
    let selectors = selectors(object, problems);
    let mut with_text = Vec::new();
    for (name, value) in attributes? {
        let path = inside(&object.place("attributes"), &name);
        match value.as_str() {
            Some(text) => with_text.push((name, text.to_owned())),
            None => {
                let message = format!("must be a text, not {}", kind_of(&value));
                return problems.invalid(&path, message);
            }
        }
    }
    Some(Wait {
        selectors: selectors?,
        count: count?,
        attributes: with_text,
        properties: properties?,
        holds,
    })
}

fn entries(object: &Object, name: &str, problems: &mut Problems) -> Option<Vec<(String, Value)>> {
    let Some(value) = object.optional(name) else {
        return Some(Vec::new());
    };
    let entries = Object::read(value, &object.place(name), problems)?;
    let entries = entries.entries();
    Some(
        entries
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// How many elements are waited for; at least one, where the step does not say.
fn count(object: &Object, problems: &mut Problems) -> Option<Count> {
    let operator = match object.optional_text("operator", problems) {
        None | Some(">=") => Some(CountOperator::AtLeast),
        Some("==") => Some(CountOperator::Equal),
        Some("<=") => Some(CountOperator::AtMost),
        Some(_) => problems.invalid(&object.place("operator"), "must be one of ==, >= and <="),
    };
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
    let written = text(value, path, MAX_TEXT_CHARACTERS, problems)?;
    match Selector::parse(written) {
        Ok(selector) => Some(selector),
        Err(message) => problems.note(ProblemKind::Invalid, path, message),
    }
}
