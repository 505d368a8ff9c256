//! `windlass.interact`: a question to a person.

use serde_json::Value;

use crate::custom::{optional_selector, required_selector};
use crate::problem::{ProblemKind, inside};
use crate::question::{Interact, PageOptions, Question, QuestionOption, QuestionOptions};
use crate::reader::{Object, Problems, list, text};
use crate::step::Action;
use crate::{MAX_NAME_CHARACTERS, MAX_OPTIONS, MAX_QUESTION_FIELDS, MAX_QUESTION_NAME_CHARACTERS};

/// Reads the parameters.
pub(super) fn read(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    parameters.only(&["type", "message", "fields", "when"], problems);
    let kind = short(parameters, "type", problems);
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
    Some(Action::Interact(Interact {
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
    for (position, value) in list(value, path, MAX_QUESTION_FIELDS, problems)?
        .iter()
        .enumerate()
    {
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
    object.only(&["name", "type", "label", "options", "required"], problems);
    let name =
        short(&object, "name", problems).and_then(|name| answer_name(name, &object, problems));
    let kind = short(&object, "type", problems);
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

/// A list, or `{selector, attribute}`: what the page shows.
fn options(value: &Value, path: &str, problems: &mut Problems) -> Option<QuestionOptions> {
    if value.is_object() {
        let object = Object::read(value, path, problems)?;
        object.only(&["selector", "attribute"], problems);
        let attribute = match object.optional("attribute") {
            None => Some(None),
            Some(_) => object.name("attribute", problems).map(Some),
        };
        let selector = required_selector(&object, "selector", problems);
        return Some(QuestionOptions::OnPage(PageOptions {
            selector: selector?,
            attribute: attribute?.map(str::to_owned),
        }));
    }
    let read: Vec<Option<QuestionOption>> = list(value, path, MAX_OPTIONS, problems)?
        .iter()
        .enumerate()
        .map(|(position, value)| option(value, &inside(path, position), problems))
        .collect();
    let given = read.into_iter().collect::<Option<_>>();
    given.map(QuestionOptions::Given)
}

/// A text, or `{value, label}`.
fn option(value: &Value, path: &str, problems: &mut Problems) -> Option<QuestionOption> {
    if value.is_object() {
        let object = Object::read(value, path, problems)?;
        object.only(&["value", "label"], problems);
        let label = object.optional_text("label", problems).map(str::to_owned);
        return Some(QuestionOption {
            value: object.name("value", problems)?.to_owned(),
            label,
        });
    }
    let value = text(value, path, MAX_NAME_CHARACTERS, problems)?.to_owned();
    Some(QuestionOption { value, label: None })
}

/// A text as short as the server wants the names and types of a question.
fn short<'json>(object: &Object<'json>, name: &str, problems: &mut Problems) -> Option<&'json str> {
    let value = object.required(name, problems)?;
    text(
        value,
        &object.place(name),
        MAX_QUESTION_NAME_CHARACTERS,
        problems,
    )
}
