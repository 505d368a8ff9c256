//! The custom steps, `windlass.…`, and their parameters.

mod extract;
mod interact;

use serde_json::Value;

use crate::extraction::Pages;
use crate::problem::{ProblemKind, inside};
use crate::reader::{Object, Problems};
use crate::recorded::selector;
use crate::selector::Selector;
use crate::step::{Action, Download, Fail, HttpCredential};
use crate::{DEFAULT_REPEATS, MAX_FIELDS, MAX_NAME_CHARACTERS, MAX_PAGES, MAX_REPEATS, MAX_STEPS};

const CUSTOM_STEPS: &str = "windlass.extract, windlass.interact, windlass.skip, windlass.repeat, \
                            windlass.download, windlass.screenshot, windlass.expect, \
                            windlass.fail and windlass.authenticate";

/// The errors that a page can show; the others are the server's to say.
const FAILURES: [(&str, &str); 8] = [
    ("auth", "auth_invalid"),
    ("auth", "auth_required"),
    ("source", "source_error"),
    ("source", "source_invalid"),
    ("source", "source_not_found"),
    ("source", "source_not_available"),
    ("source", "source_blocked"),
    ("task", "task_failed"),
];

/// Reads a `customStep`.
pub(crate) fn action(object: &Object, problems: &mut Problems) -> Option<Action> {
    let name = object.name("name", problems)?;
    let none = Value::Object(serde_json::Map::new());
    let parameters = object.optional("parameters").unwrap_or(&none);
    let parameters = Object::read(parameters, &object.place("parameters"), problems)?;
    match name {
        "windlass.extract" => extract::read(&parameters, problems),
        "windlass.interact" => interact::read(&parameters, problems),
        "windlass.skip" => skip(&parameters, problems),
        "windlass.repeat" => repeat(&parameters, problems),
        "windlass.download" => download(&parameters, problems),
        "windlass.screenshot" => {
            parameters.only(&["reasoning"], problems);
            let reasoning = parameters
                .optional_text("reasoning", problems)
                .map(str::to_owned);
            Some(Action::Screenshot { reasoning })
        }
        "windlass.expect" => {
            parameters.only(&["selector"], problems);
            Some(Action::Expect {
                selector: required_selector(&parameters, "selector", problems)?,
            })
        }
        "windlass.fail" => fail(&parameters, problems),
        "windlass.authenticate" => {
            parameters.only(&[], problems);
            Some(Action::Authenticate(HttpCredential::default()))
        }
        other => problems.invalid(
            &object.place("name"),
            format!("{other:?} is no custom step; there are {CUSTOM_STEPS}"),
        ),
    }
}

fn required_selector(object: &Object, name: &str, problems: &mut Problems) -> Option<Selector> {
    let value = object.required(name, problems)?;
    selector(value, &object.place(name), problems)
}

fn optional_selector(object: &Object, name: &str, problems: &mut Problems) -> Option<Selector> {
    selector(object.optional(name)?, &object.place(name), problems)
}

/// The entries of an object, by names that a value or an answer may have.
fn named<'json>(
    object: &Object<'json>,
    name: &str,
    problems: &mut Problems,
) -> Option<Vec<(String, Object<'json>)>> {
    let path = object.place(name);
    let entries = Object::read(object.required(name, problems)?, &path, problems)?;
    if entries.length() == 0 {
        return problems.note(ProblemKind::Missing, &path, "must hold at least one field");
    }
    if entries.length() > MAX_FIELDS {
        return problems.invalid(&path, format!("must hold {MAX_FIELDS} fields at most"));
    }
    let mut read = Vec::new();
    for (name, value) in entries.entries() {
        let path = inside(&path, name);
        if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARACTERS {
            let message = format!("must have a name of 1 to {MAX_NAME_CHARACTERS} characters");
            let _: Option<()> = problems.invalid(&path, message);
        }
        read.push(Object::read(value, &path, problems).map(|object| (name.clone(), object)));
    }
    read.into_iter().collect()
}

fn skip(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    parameters.only(&["when", "steps"], problems);
    let when = required_selector(parameters, "when", problems);
    let steps = number_of_steps(parameters, problems)?;
    Some(Action::Skip { when: when?, steps })
}

fn repeat(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    parameters.only(&["when", "steps", "times"], problems);
    let when = required_selector(parameters, "when", problems);
    let times = parameters.number("times", 1, MAX_REPEATS, problems);
    let steps = number_of_steps(parameters, problems)?;
    Some(Action::Repeat {
        when: when?,
        steps,
        times: times.unwrap_or(DEFAULT_REPEATS),
    })
}

fn number_of_steps(parameters: &Object, problems: &mut Problems) -> Option<usize> {
    parameters.required("steps", problems)?;
    // MAX_STEPS is far below the bounds of u32.
    let most = u32::try_from(MAX_STEPS).unwrap_or(u32::MAX);
    let steps = parameters.number("steps", 1, most, problems)?;
    Some(usize::try_from(steps).unwrap_or(MAX_STEPS))
}

fn download(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    let known = ["selector", "all", "next", "limit", "html", "optional"];
    parameters.only(&known, problems);
    let selector = required_selector(parameters, "selector", problems);
    let all = parameters.flag("all", false, problems);
    let html = parameters.flag("html", false, problems);
    let optional = parameters.flag("optional", false, problems);
    let pages = pages(parameters, problems)?;
    if pages.next.is_some() && !all {
        return problems.invalid(&parameters.place("next"), "leads on where all is true only");
    }
    Some(Action::Download(Download {
        selector: selector?,
        all,
        pages,
        html,
        optional,
    }))
}

/// Over which pages, by `next` and `limit`.
fn pages(object: &Object, problems: &mut Problems) -> Option<Pages> {
    let next = object.optional("next").is_some();
    let limit = object.number("limit", 1, MAX_PAGES, problems);
    if limit.is_some() && !next {
        return problems.invalid(
            &object.place("limit"),
            "counts pages, so it goes with next only",
        );
    }
    match next {
        false => Some(Pages {
            next: None,
            limit: None,
        }),
        true => Some(Pages {
            next: Some(required_selector(object, "next", problems)?),
            limit,
        }),
    }
}

fn fail(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    parameters.only(&["when", "type", "code", "message"], problems);
    let when = required_selector(parameters, "when", problems);
    let error_type = parameters.name("type", problems);
    let code = parameters.name("code", problems);
    let message = parameters.text("message", problems);
    let (error_type, code) = (error_type?, code?);
    if !FAILURES.contains(&(error_type, code)) {
        let known: Vec<_> = FAILURES
            .iter()
            .map(|(kind, code)| format!("{kind}/{code}"))
            .collect();
        let message = format!(
            "{error_type}/{code} is no error of a page; there are {}",
            known.join(", ")
        );
        return problems.invalid(&parameters.place("code"), message);
    }
    Some(Action::Fail(Fail {
        when: when?,
        error_type: error_type.to_owned(),
        code: code.to_owned(),
        message: message?.to_owned(),
    }))
}
