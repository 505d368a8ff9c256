//! Questions to the person that a run works for.
//! Source: docs/decisions/0033-an-answer-in-a-selector-is-a-text.md.

use std::collections::HashSet;

use ego_tree::NodeId;
use secrecy::SecretString;
use windlass_domain::run::{Field, FieldOption};
use windlass_playbook::{
    Interact, MAX_NAME_CHARACTERS, MAX_OPTIONS, MAX_TEXT_CHARACTERS, PageOptions, Question,
    QuestionOption, QuestionOptions, Values,
};

use crate::act::found_on;
use crate::checkpoint::Checkpoint;
use crate::page::Page;
use crate::player::{Player, no_page};
use crate::trouble::Trouble;

impl Player<'_> {
    /// Asks the person that the run works for, and keeps the answers.
    pub(crate) async fn interact(
        &mut self,
        number: u32,
        interact: &Interact,
    ) -> Result<(), Trouble> {
        if let Some(when) = &interact.when
            && !self.shows(when)?
        {
            return Ok(());
        }
        let fields = fields(interact, self.session.page.as_ref(), self.values())?;
        // One of a frame's page would be taken for the page around it, and one of another window's
        // for that of the first. An error in a frame can be read there alone, and goes with the frame.
        let holds_more = self.frames.is_inside()
            || self.frames.is_in_other_window()
            || self.frames.pages().any(|page| self.unread.has(page));
        let checkpoint = match holds_more {
            true => None,
            false => Checkpoint::of(self, number).to_bytes(),
        };
        let reasoning = format!("ask the person: {}", interact.kind);
        self.keep_page(number, &[], reasoning, false).await?;
        self.session.page_sleeps();
        let (kind, message) = (&interact.kind, &interact.message);
        let answers = self.context.ask(kind, message, fields, checkpoint).await?;
        self.keep_answers(interact, answers);
        Ok(())
    }

    pub(crate) fn keep_answers(
        &mut self,
        interact: &Interact,
        answers: Vec<(String, SecretString)>,
    ) {
        if looks(interact) {
            self.meet();
        }
        for (name, _) in &answers {
            let accounts = &mut self.evidence.accounts;
            match interact.kind == "account_selection" {
                true => accounts.insert(name.clone()),
                false => accounts.remove(name),
            };
        }
        let known = &mut self.values_mut().answers;
        for question in &interact.fields {
            // What was answered before to a field that is left out now is no answer to it.
            known.remove(&question.name);
        }
        known.extend(answers);
    }
}

/// Whether something of the page is a reason for the question, or a choice.
fn looks(interact: &Interact) -> bool {
    let mut options = interact.fields.iter().map(|question| &question.options);
    interact.when.is_some() || options.any(|it| matches!(it, Some(QuestionOptions::OnPage(_))))
}

/// What is asked for, with the choices that the page shows.
///
/// # Errors
/// The page shows none, or too many.
pub(crate) fn fields(
    interact: &Interact,
    page: Option<&Page>,
    values: &Values,
) -> Result<Vec<Field>, Trouble> {
    let fields = interact.fields.iter().map(|question| {
        let options = match &question.options {
            None => None,
            Some(QuestionOptions::Given(given)) => Some(given.iter().map(given_option).collect()),
            Some(QuestionOptions::OnPage(on_page)) => {
                Some(options_on(page.ok_or_else(no_page)?, on_page, values)?)
            }
        };
        Ok(field(question, options))
    });
    fields.collect()
}

fn field(question: &Question, options: Option<Vec<FieldOption>>) -> Field {
    Field {
        name: question.name.clone(),
        kind: question.kind.clone(),
        label: question.label.clone(),
        options,
        required: question.required,
    }
}

fn given_option(option: &QuestionOption) -> FieldOption {
    FieldOption {
        value: option.value.clone(),
        label: option.label.clone(),
    }
}

fn options_on(
    page: &Page,
    on_page: &PageOptions,
    values: &Values,
) -> Result<Vec<FieldOption>, Trouble> {
    let selector = &on_page.selector;
    let found = found_on(page, selector, values)?;
    let unlookable = |problem| Trouble::task(format!("{selector} {problem}"));
    let mut options: Vec<FieldOption> = Vec::new();
    let mut known = HashSet::new();
    for called in page.called(found).map_err(unlookable)? {
        let (id, called) = called.map_err(unlookable)?;
        let Some(value) = answered(page, id, &called, on_page) else {
            continue;
        };
        if value.chars().nth(MAX_TEXT_CHARACTERS).is_some() {
            return Err(Trouble::task(format!(
                "a choice that {selector} finds has more than {MAX_TEXT_CHARACTERS} characters; an \
                 `attribute` may say it in fewer"
            )));
        }
        // The same answer twice leads to the same place.
        if known.insert(value.clone()) {
            let label: String = called.chars().take(MAX_NAME_CHARACTERS).collect();
            options.push(FieldOption {
                value,
                label: Some(label).filter(|label| !label.is_empty()),
            });
        }
        if options.len() > MAX_OPTIONS {
            return Err(Trouble::task(format!(
                "the page has more than {MAX_OPTIONS} {selector} to choose from"
            )));
        }
    }
    match options.is_empty() {
        true => Err(Trouble::task(format!(
            "the page has no {selector} to choose from"
        ))),
        false => Ok(options),
    }
}

/// What is answered where this element is chosen; None where it says nothing.
fn answered(page: &Page, id: NodeId, called: &str, on_page: &PageOptions) -> Option<String> {
    let value = match &on_page.attribute {
        None => called,
        Some(name) => page.element(id)?.attr(name)?,
    };
    (!value.trim().is_empty()).then(|| value.to_owned())
}
