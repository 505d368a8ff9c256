//! The custom steps, `windlass.…`, and their parameters.

use serde_json::Value;

use crate::parse::selector;
use crate::problem::ProblemKind;
use crate::reader::{Object, Problems, inside, list, text};
use crate::selector::Selector;
use crate::step::{
    Download, Extract, Extraction, Fail, Interact, Pages, Question, QuestionOption, Reading, Rule,
    Step,
};
use crate::{DEFAULT_PAGES, MAX_FIELDS, MAX_NAME_CHARACTERS, MAX_OPTIONS, MAX_PAGES, MAX_STEPS};

const CUSTOM_STEPS: &str = "windlass.extract, windlass.interact, windlass.skip, windlass.download, \
                            windlass.screenshot, windlass.expect and windlass.fail";

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
pub(crate) fn step(object: &Object, problems: &mut Problems) -> Option<Step> {
    let name = object.name("name", problems)?;
    let none = Value::Object(serde_json::Map::new());
    let parameters = object.optional("parameters").unwrap_or(&none);
    let parameters = Object::read(parameters, &object.place("parameters"), problems)?;
    match name {
        "windlass.extract" => extract(&parameters, problems),
        "windlass.interact" => interact(&parameters, problems),
        "windlass.skip" => skip(&parameters, problems),
        "windlass.download" => download(&parameters, problems),
        "windlass.screenshot" => {
            parameters.only(&["reasoning"], &[], problems);
            let reasoning = parameters
                .optional_text("reasoning", problems)
                .map(str::to_owned);
            Some(Step::Screenshot { reasoning })
        }
        "windlass.expect" => {
            parameters.only(&["selector"], &[], problems);
            Some(Step::Expect {
                selector: required_selector(&parameters, "selector", problems)?,
            })
        }
        "windlass.fail" => fail(&parameters, problems),
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

fn extract(parameters: &Object, problems: &mut Problems) -> Option<Step> {
    parameters.only(&["fields"], &[], problems);
    let read: Vec<Option<(String, Extraction)>> = named(parameters, "fields", problems)?
        .into_iter()
        .map(|(name, object)| Some((name, extraction(&object, problems)?)))
        .collect();
    let over_pages = read.iter().flatten().filter(|(_, extraction)| {
        matches!(extraction, Extraction::Rows { pages, .. } if pages.next.is_some())
    });
    if over_pages.count() > 1 {
        let message = "must hold one list with next at most: it ends on another page";
        return problems.invalid(&parameters.place("fields"), message);
    }
    Some(Step::Extract(Extract {
        fields: read.into_iter().collect::<Option<_>>()?,
    }))
}

fn extraction(object: &Object, problems: &mut Problems) -> Option<Extraction> {
    if object.optional("rows").is_none() {
        return rule(object, problems).map(Extraction::Value);
    }
    object.only(&["rows", "fields", "next", "limit"], &[], problems);
    let rows = required_selector(object, "rows", problems);
    let pages = pages(object, problems);
    let fields: Vec<Option<(String, Rule)>> = named(object, "fields", problems)?
        .into_iter()
        .map(|(name, object)| Some((name, rule(&object, problems)?)))
        .collect();
    Some(Extraction::Rows {
        rows: rows?,
        fields: fields.into_iter().collect::<Option<_>>()?,
        pages: pages?,
    })
}

fn rule(object: &Object, problems: &mut Problems) -> Option<Rule> {
    object.only(&["selector", "as", "attribute"], &[], problems);
    let selector = required_selector(object, "selector", problems);
    let attribute = object.optional("attribute").is_some();
    let reading = match object.optional_text("as", problems) {
        None if object.optional("as").is_some() => None,
        None | Some("text") if !attribute => Some(Reading::Text),
        Some("number") if !attribute => Some(Reading::Number),
        Some("date") if !attribute => Some(Reading::Date),
        Some("attribute") => object
            .name("attribute", problems)
            .map(|name| Reading::Attribute(name.to_owned())),
        None | Some("text" | "number" | "date") => problems.invalid(
            &object.place("attribute"),
            "goes with \"as\": \"attribute\" only",
        ),
        Some(_) => problems.invalid(
            &object.place("as"),
            "must be text, number, date or attribute",
        ),
    };
    Some(Rule {
        selector: selector?,
        reading: reading?,
    })
}

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
            limit: 1,
        }),
        true => Some(Pages {
            next: Some(required_selector(object, "next", problems)?),
            limit: limit.unwrap_or(DEFAULT_PAGES),
        }),
    }
}

fn interact(parameters: &Object, problems: &mut Problems) -> Option<Step> {
    parameters.only(&["type", "message", "fields", "when"], &[], problems);
    let kind = parameters.name("type", problems);
    let message = parameters.text("message", problems);
    let when = optional_selector(parameters, "when", problems);
    let kind = kind?;
    let fields = match parameters.optional("fields") {
        Some(value) => questions(value, &parameters.place("fields"), problems),
        None => match kind {
            "mfa" => Some(vec![question("code", "Code")]),
            "security_question" => Some(vec![question("answer", "Answer")]),
            "account_selection" => Some(vec![question("account_id", "Account")]),
            // A yes is an answer without fields, a no declines.
            "approval" => Some(Vec::new()),
            _ => {
                let message = format!("is required for a question of type {kind:?}");
                problems.note(ProblemKind::Missing, &parameters.place("fields"), message)
            }
        },
    };
    Some(Step::Interact(Interact {
        kind: kind.to_owned(),
        message: message?.to_owned(),
        fields: fields?,
        when,
    }))
}

fn question(name: &str, label: &str) -> Question {
    Question {
        name: name.to_owned(),
        kind: "string".to_owned(),
        label: label.to_owned(),
        options: None,
        required: true,
    }
}

fn questions(value: &Value, path: &str, problems: &mut Problems) -> Option<Vec<Question>> {
    let mut read: Vec<Option<Question>> = Vec::new();
    for (position, value) in list(value, path, MAX_FIELDS, problems)?.iter().enumerate() {
        let path = inside(path, position);
        let question = one_question(value, &path, problems);
        if let Some(question) = &question
            && read
                .iter()
                .flatten()
                .any(|earlier| earlier.name == question.name)
        {
            let message = format!("{:?} is the name of an earlier field", question.name);
            let _: Option<()> = problems.invalid(&inside(&path, "name"), message);
        }
        read.push(question);
    }
    read.into_iter().collect()
}

fn one_question(value: &Value, path: &str, problems: &mut Problems) -> Option<Question> {
    let object = Object::read(value, path, problems)?;
    object.only(
        &["name", "type", "label", "options", "required"],
        &[],
        problems,
    );
    let name = object
        .name("name", problems)
        .and_then(|name| answer_name(name, &object, problems));
    let kind = object.name("type", problems);
    let label = object.name("label", problems);
    let required = object.flag("required", true, problems);
    let options = match object.optional("options") {
        None => None,
        Some(value) => Some(options(value, &object.place("options"), problems)?),
    };
    Some(Question {
        name: name?.to_owned(),
        kind: kind?.to_owned(),
        label: label?.to_owned(),
        options,
        required,
    })
}

/// A name that `{{interaction.NAME}}` can hold.
fn answer_name<'json>(
    name: &'json str,
    object: &Object,
    problems: &mut Problems,
) -> Option<&'json str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.chars().all(plain) {
        return Some(name);
    }
    problems.invalid(
        &object.place("name"),
        "must be of letters a to z, digits, _ and -",
    )
}

fn options(value: &Value, path: &str, problems: &mut Problems) -> Option<Vec<QuestionOption>> {
    let read: Vec<Option<QuestionOption>> = list(value, path, MAX_OPTIONS, problems)?
        .iter()
        .enumerate()
        .map(|(position, value)| option(value, &inside(path, position), problems))
        .collect();
    read.into_iter().collect()
}

/// A text, or `{value, label}`.
fn option(value: &Value, path: &str, problems: &mut Problems) -> Option<QuestionOption> {
    if value.is_object() {
        let object = Object::read(value, path, problems)?;
        object.only(&["value", "label"], &[], problems);
        let label = object.optional_text("label", problems).map(str::to_owned);
        return Some(QuestionOption {
            value: object.name("value", problems)?.to_owned(),
            label,
        });
    }
    let value = text(value, path, MAX_NAME_CHARACTERS, problems)?.to_owned();
    Some(QuestionOption { value, label: None })
}

fn skip(parameters: &Object, problems: &mut Problems) -> Option<Step> {
    parameters.only(&["when", "steps"], &[], problems);
    let when = required_selector(parameters, "when", problems);
    parameters.required("steps", problems)?;
    // MAX_STEPS is far below the bounds of u32.
    let most = u32::try_from(MAX_STEPS).unwrap_or(u32::MAX);
    let steps = parameters.number("steps", 1, most, problems)?;
    Some(Step::Skip {
        when: when?,
        steps: usize::try_from(steps).unwrap_or(MAX_STEPS),
    })
}

fn download(parameters: &Object, problems: &mut Problems) -> Option<Step> {
    parameters.only(&["selector", "all", "next", "limit"], &[], problems);
    let selector = required_selector(parameters, "selector", problems);
    let all = parameters.flag("all", false, problems);
    let pages = pages(parameters, problems)?;
    if pages.next.is_some() && !all {
        return problems.invalid(&parameters.place("next"), "leads on where all is true only");
    }
    Some(Step::Download(Download {
        selector: selector?,
        all,
        pages,
    }))
}

fn fail(parameters: &Object, problems: &mut Problems) -> Option<Step> {
    parameters.only(&["when", "type", "code", "message"], &[], problems);
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
    Some(Step::Fail(Fail {
        when: when?,
        error_type: error_type.to_owned(),
        code: code.to_owned(),
        message: message?.to_owned(),
    }))
}
