//! The steps of a playbook, as they are played.

use std::fmt;

use crate::placeholder::{Placeholder, Template};
use crate::selector::{Selector, Selectors};
use crate::values::Values;

/// A checked playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// What it does, in its author's words.
    pub title: String,
    /// What is done, one after the other.
    pub steps: Vec<Step>,
}

impl Playbook {
    /// Every placeholder, in the order of the steps.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.steps
            .iter()
            .flat_map(Step::templates)
            .flat_map(Template::placeholders)
    }

    /// The placeholders that have no value, each once, but for answers: those come while it plays.
    pub fn missing(&self, values: &Values) -> Vec<Placeholder> {
        let mut missing = Vec::new();
        for placeholder in self.placeholders() {
            let comes_later = matches!(placeholder, Placeholder::Interaction(_));
            if !comes_later && !values.has(placeholder) && !missing.contains(placeholder) {
                missing.push(placeholder.clone());
            }
        }
        missing
    }
}

/// One step. The comments name the Recorder's step or the custom step that it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `setViewport`
    SetViewport,
    /// `navigate`
    Navigate {
        /// Where to.
        url: Template,
    },
    /// `click`
    Click(Selectors),
    /// `doubleClick`
    DoubleClick(Selectors),
    /// `hover`
    Hover(Selectors),
    /// `change`: types into a field, or chooses an option.
    Change {
        /// The field.
        selectors: Selectors,
        /// What is typed.
        value: Template,
    },
    /// `keyDown`
    KeyDown {
        /// The key's name, such as `Enter`.
        key: String,
    },
    /// `keyUp`
    KeyUp {
        /// The key's name, such as `Enter`.
        key: String,
    },
    /// `scroll`
    Scroll,
    /// `waitForElement`
    WaitForElement {
        /// What must show.
        selectors: Selectors,
        /// How many of it.
        count: Count,
    },
    /// `waitForExpression`
    WaitForExpression {
        /// A script that must become true.
        expression: String,
    },
    /// `close`
    Close,
    /// `windlass.extract`
    Extract(Extract),
    /// `windlass.interact`
    Interact(Interact),
    /// `windlass.skip`
    Skip {
        /// What must show for the next steps to be left out.
        when: Selector,
        /// How many of the next steps are left out.
        steps: usize,
    },
    /// `windlass.download`
    Download(Download),
    /// `windlass.screenshot`
    Screenshot {
        /// Why it is taken.
        reasoning: Option<String>,
    },
    /// `windlass.expect`
    Expect {
        /// What must show.
        selector: Selector,
    },
    /// `windlass.fail`
    Fail(Fail),
}

/// How many elements a `waitForElement` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How the number found is compared.
    pub operator: CountOperator,
    /// With what.
    pub count: u32,
}

/// How a number of elements is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOperator {
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
}

impl Count {
    /// Whether this many elements are what is waited for.
    pub fn holds(self, found: usize) -> bool {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        match self.operator {
            CountOperator::Equal => found == count,
            CountOperator::AtLeast => found >= count,
            CountOperator::AtMost => found <= count,
        }
    }
}

/// What is read from the page into the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// By the name in the output.
    pub fields: Vec<(String, Extraction)>,
}

/// One value of the output, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extraction {
    /// A value.
    Value(Rule),
    /// A list of objects, one for each row.
    Rows {
        /// The rows.
        rows: Selector,
        /// What is read from each, by the name in its object; selectors look inside the row.
        fields: Vec<(String, Rule)>,
        /// Over which pages.
        pages: Pages,
    },
}

/// How one value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub selector: Selector,
    /// What it is.
    pub reading: Reading,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The element's text.
    Text,
    /// The number in its text.
    Number,
    /// The date in its text, as `YYYY-MM-DD`.
    Date,
    /// The attribute of this name.
    Attribute(String),
}

/// Over which pages a list goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// What leads to the next page; without it there is one page.
    pub next: Option<Selector>,
    /// How many pages at most.
    pub limit: u32,
}

/// A question to the person that the run works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interact {
    /// `mfa`, `security_question`, `account_selection`, `approval`, …
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What is asked for; empty where a yes is all.
    pub fields: Vec<Question>,
    /// What must show for the question to be asked; without it, it always is.
    pub when: Option<Selector>,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name of its answer: `{{interaction.NAME}}`.
    pub name: String,
    /// `string`, `select`, …
    pub kind: String,
    /// What the person reads.
    pub label: String,
    /// What may be chosen, where it is a choice.
    pub options: Option<Vec<QuestionOption>>,
    /// Whether it must be answered.
    pub required: bool,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionOption {
    /// What is answered.
    pub value: String,
    /// What the person reads; None shows the value.
    pub label: Option<String>,
}

/// Files that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What leads to the file.
    pub selector: Selector,
    /// Whether each match is taken, or only the first.
    pub all: bool,
    /// Over which pages.
    pub pages: Pages,
}

/// A named error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    /// What must show for the run to fail.
    pub when: Selector,
    /// The error's type, such as `auth`.
    pub error_type: String,
    /// The error's code, such as `auth_invalid`.
    pub code: String,
    /// What the run's caller is told.
    pub message: String,
}

/// What a step is called in a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation(&'static str);

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Step {
    /// What it is called in a playbook.
    pub fn operation(&self) -> Operation {
        Operation(match self {
            Self::SetViewport => "setViewport",
            Self::Navigate { .. } => "navigate",
            Self::Click(_) => "click",
            Self::DoubleClick(_) => "doubleClick",
            Self::Hover(_) => "hover",
            Self::Change { .. } => "change",
            Self::KeyDown { .. } => "keyDown",
            Self::KeyUp { .. } => "keyUp",
            Self::Scroll => "scroll",
            Self::WaitForElement { .. } => "waitForElement",
            Self::WaitForExpression { .. } => "waitForExpression",
            Self::Close => "close",
            Self::Extract(_) => "windlass.extract",
            Self::Interact(_) => "windlass.interact",
            Self::Skip { .. } => "windlass.skip",
            Self::Download(_) => "windlass.download",
            Self::Screenshot { .. } => "windlass.screenshot",
            Self::Expect { .. } => "windlass.expect",
            Self::Fail(_) => "windlass.fail",
        })
    }

    /// Every text that may hold placeholders.
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Navigate { url } => vec![url],
            Self::Change { selectors, value } => selectors.templates().chain([value]).collect(),
            Self::Click(selectors)
            | Self::DoubleClick(selectors)
            | Self::Hover(selectors)
            | Self::WaitForElement { selectors, .. } => selectors.templates().collect(),
            Self::Extract(extract) => extract
                .fields
                .iter()
                .flat_map(|(_, extraction)| extraction.templates())
                .collect(),
            Self::Interact(interact) => interact.when.iter().map(|when| &when.text).collect(),
            Self::Skip { when, .. } => vec![&when.text],
            Self::Download(download) => [&download.selector]
                .into_iter()
                .chain(&download.pages.next)
                .map(|one| &one.text)
                .collect(),
            Self::Expect { selector } => vec![&selector.text],
            Self::Fail(fail) => vec![&fail.when.text],
            Self::SetViewport
            | Self::KeyDown { .. }
            | Self::KeyUp { .. }
            | Self::Scroll
            | Self::WaitForExpression { .. }
            | Self::Close
            | Self::Screenshot { .. } => Vec::new(),
        }
    }
}

impl Extraction {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Value(rule) => vec![&rule.selector.text],
            Self::Rows {
                rows,
                fields,
                pages,
            } => [rows]
                .into_iter()
                .chain(fields.iter().map(|(_, rule)| &rule.selector))
                .chain(&pages.next)
                .map(|selector| &selector.text)
                .collect(),
        }
    }
}

/// Names the step and where it acts, and no value: `change #password`.
impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation().fmt(formatter)?;
        match self {
            Self::Click(selectors)
            | Self::DoubleClick(selectors)
            | Self::Hover(selectors)
            | Self::Change { selectors, .. }
            | Self::WaitForElement { selectors, .. } => write!(formatter, " {selectors}"),
            Self::Navigate { url } => write!(formatter, " {url}"),
            Self::Skip { when, .. } => write!(formatter, " {when}"),
            Self::Download(download) => write!(formatter, " {}", download.selector),
            Self::Expect { selector } => write!(formatter, " {selector}"),
            Self::Fail(fail) => write!(formatter, " {}", fail.when),
            Self::Interact(Interact {
                when: Some(when), ..
            }) => write!(formatter, " {when}"),
            Self::Extract(extract) => {
                let names: Vec<_> = extract
                    .fields
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                write!(formatter, " {}", names.join(", "))
            }
            Self::Interact(_)
            | Self::SetViewport
            | Self::KeyDown { .. }
            | Self::KeyUp { .. }
            | Self::Scroll
            | Self::WaitForExpression { .. }
            | Self::Close
            | Self::Screenshot { .. } => Ok(()),
        }
    }
}
