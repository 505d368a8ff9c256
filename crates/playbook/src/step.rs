//! The steps of a playbook, as they are played.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::extraction::{Extract, Pages};
use crate::placeholder::{CredentialPart, Placeholder, Template};
use crate::question::Interact;
use crate::selector::{Selector, Selectors};
use crate::values::Values;

/// A checked playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    /// What it does, in its author's words.
    pub title: String,
    /// What is done, one after the other.
    pub steps: Vec<Step>,
    /// The places, as JSON Pointers, of fields that nobody reads: the Recorder and its extensions
    /// write more than we know.
    pub unread: Vec<String>,
}

impl Playbook {
    /// Every placeholder, in the order of the steps.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.steps
            .iter()
            .flat_map(|step| step.action.templates())
            .flat_map(|(_, template)| template.placeholders())
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

/// One step: what is done, and what the Recorder says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// That another page came when it was recorded (`assertedEvents`).
    pub navigation: Option<Navigation>,
    /// The window that it was recorded in: `main`, or the address of another one, or of a frame of
    /// another website. None where the playbook does not say.
    pub target: Option<String>,
    /// The frame that it acts in, by its positions from the outermost on; empty on the page itself.
    pub frame: Vec<u32>,
    /// How long it may take, where it or the flow says so.
    pub timeout: Option<Duration>,
}

impl Step {
    /// Whether it was recorded in the first window.
    pub fn is_in_first_window(&self) -> bool {
        self.target.as_deref() == Some(FIRST_WINDOW)
    }

    /// The other window, or frame of another website, that it was recorded in.
    pub fn other_window(&self) -> Option<&str> {
        self.target
            .as_deref()
            .filter(|target| *target != FIRST_WINDOW)
    }
}

/// What the Recorder calls the first window.
const FIRST_WINDOW: &str = "main";

/// Another page, or another place on the same one, came with a step when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Navigation {
    /// Where it led, as far as the recording says so.
    pub url: Option<Url>,
}

impl Navigation {
    /// Whether it may have led to this place of its own page, whose address ends in `#…`. Addresses
    /// change from run to run; what leads to a place on a page has one, too, and the same path or name.
    pub fn may_be(&self, place: &Url) -> bool {
        self.url.as_ref().is_none_or(|url| {
            let is_place = url.fragment().is_some();
            is_place && (url.fragment() == place.fragment() || url.path() == place.path())
        })
    }
}

/// What a step does. The comments name the Recorder's step or the custom step that it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `setViewport`
    SetViewport,
    /// `navigate`
    Navigate {
        /// Where to.
        url: Template,
    },
    /// `click`
    Click(Selectors),
    /// `click` with a button of the mouse that follows no link.
    OtherClick {
        /// What is clicked.
        selectors: Selectors,
        /// Which button.
        button: OtherButton,
    },
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
    /// `emulateNetworkConditions`
    EmulateNetworkConditions,
    /// `waitForElement`
    WaitForElement(Wait),
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
    /// `windlass.repeat`
    Repeat {
        /// What must show for the steps before to be done again.
        when: Selector,
        /// How many of the steps before.
        steps: usize,
        /// How often at most.
        times: u32,
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
    /// `windlass.authenticate`: answers HTTP authentication from here on.
    Authenticate(HttpCredential),
}

/// A button of the mouse that follows no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherButton {
    /// `secondary`: opens a menu.
    Secondary,
    /// `back` and `forward`: lead to pages that were there before.
    History,
}

/// What HTTP authentication is answered with: the run's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCredential {
    /// `{{credential.username}}`
    pub username: Template,
    /// `{{credential.password}}`
    pub password: Template,
}

impl Default for HttpCredential {
    fn default() -> Self {
        let of = |part| Template::of(Placeholder::Credential(part));
        Self {
            username: of(CredentialPart::Username),
            password: of(CredentialPart::Password),
        }
    }
}

/// What a `waitForElement` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What must show.
    pub selectors: Selectors,
    /// How many of it.
    pub count: Count,
    /// Attributes that each must have, with these values.
    pub attributes: Vec<(String, String)>,
    /// Properties that each must have in the browser, with these values.
    pub properties: Vec<(String, Value)>,
    /// Whether all this must hold, or must not.
    pub holds: bool,
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

/// Files that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What leads to the file.
    pub selector: Selector,
    /// Whether each match is taken, or only the first.
    pub all: bool,
    /// Over which pages.
    pub pages: Pages,
    /// Whether a page is taken for a file.
    pub html: bool,
    /// Whether there may be no match.
    pub optional: bool,
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

impl Action {
    /// What it is called in a playbook.
    pub fn operation(&self) -> Operation {
        Operation(match self {
            Self::SetViewport => "setViewport",
            Self::Navigate { .. } => "navigate",
            Self::Click(_) | Self::OtherClick { .. } => "click",
            Self::DoubleClick(_) => "doubleClick",
            Self::Hover(_) => "hover",
            Self::Change { .. } => "change",
            Self::KeyDown { .. } => "keyDown",
            Self::KeyUp { .. } => "keyUp",
            Self::Scroll => "scroll",
            Self::EmulateNetworkConditions => "emulateNetworkConditions",
            Self::WaitForElement(_) => "waitForElement",
            Self::WaitForExpression { .. } => "waitForExpression",
            Self::Close => "close",
            Self::Extract(_) => "windlass.extract",
            Self::Interact(_) => "windlass.interact",
            Self::Skip { .. } => "windlass.skip",
            Self::Repeat { .. } => "windlass.repeat",
            Self::Download(_) => "windlass.download",
            Self::Screenshot { .. } => "windlass.screenshot",
            Self::Expect { .. } => "windlass.expect",
            Self::Fail(_) => "windlass.fail",
            Self::Authenticate(_) => "windlass.authenticate",
        })
    }

    /// Whether it is one of the `windlass.…` steps.
    pub(crate) fn is_custom(&self) -> bool {
        self.operation().0.starts_with("windlass.")
    }

    /// Every text that may hold placeholders, with the step's field that it stands in.
    pub(crate) fn templates(&self) -> Vec<(&'static str, &Template)> {
        let own = self.own_selectors().into_iter();
        let own = own.map(|selector| ("parameters", &selector.text));
        let selectors = self.selectors().into_iter().flat_map(Selectors::templates);
        let selectors = selectors.map(|template| ("selectors", template));
        let others = match self {
            Self::Navigate { url } => vec![("url", url)],
            Self::Change { value, .. } => vec![("value", value)],
            Self::Authenticate(login) => [&login.username, &login.password]
                .map(|template| ("parameters", template))
                .to_vec(),
            _ => Vec::new(),
        };
        own.chain(selectors).chain(others).collect()
    }

    /// The selectors of a custom step's parameters: none of them has an alternative.
    pub(crate) fn own_selectors(&self) -> Vec<&Selector> {
        match self {
            Self::Extract(extract) => extract.selectors(),
            Self::Interact(interact) => interact.selectors(),
            Self::Skip { when, .. } | Self::Repeat { when, .. } => vec![when],
            Self::Download(download) => [&download.selector]
                .into_iter()
                .chain(&download.pages.next)
                .collect(),
            Self::Expect { selector } => vec![selector],
            Self::Fail(fail) => vec![&fail.when],
            Self::SetViewport
            | Self::EmulateNetworkConditions
            | Self::Navigate { .. }
            | Self::Click(_)
            | Self::OtherClick { .. }
            | Self::DoubleClick(_)
            | Self::Hover(_)
            | Self::Change { .. }
            | Self::KeyDown { .. }
            | Self::KeyUp { .. }
            | Self::Scroll
            | Self::WaitForElement(_)
            | Self::WaitForExpression { .. }
            | Self::Close
            | Self::Screenshot { .. }
            | Self::Authenticate(_) => Vec::new(),
        }
    }

    /// The alternatives of a step of the Recorder's that acts on an element.
    pub(crate) fn selectors(&self) -> Option<&Selectors> {
        match self {
            Self::Click(selectors)
            | Self::OtherClick { selectors, .. }
            | Self::DoubleClick(selectors)
            | Self::Hover(selectors)
            | Self::Change { selectors, .. } => Some(selectors),
            Self::WaitForElement(wait) => Some(&wait.selectors),
            Self::SetViewport
            | Self::EmulateNetworkConditions
            | Self::Navigate { .. }
            | Self::KeyDown { .. }
            | Self::KeyUp { .. }
            | Self::Scroll
            | Self::WaitForExpression { .. }
            | Self::Close
            | Self::Extract(_)
            | Self::Interact(_)
            | Self::Skip { .. }
            | Self::Repeat { .. }
            | Self::Download(_)
            | Self::Screenshot { .. }
            | Self::Expect { .. }
            | Self::Fail(_)
            | Self::Authenticate(_) => None,
        }
    }
}

/// Names the step and where it acts, and no value: `change #password`.
impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation().fmt(formatter)?;
        if let Some(selectors) = self.selectors() {
            return write!(formatter, " {selectors}");
        }
        match self {
            Self::Navigate { url } => write!(formatter, " {url}"),
            Self::KeyDown { key } | Self::KeyUp { key } => write!(formatter, " {key}"),
            Self::Extract(extract) => {
                let names: Vec<_> = extract
                    .fields
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                write!(formatter, " {}", names.join(", "))
            }
            other => match other.own_selectors().first() {
                Some(selector) => write!(formatter, " {selector}"),
                None => Ok(()),
            },
        }
    }
}

impl Step {
    /// Whether this placeholder is filled in where the step is done.
    pub fn fills_in(&self, placeholder: &Placeholder) -> bool {
        let templates = self.action.templates();
        let mut placeholders = templates
            .iter()
            .flat_map(|(_, template)| template.placeholders());
        placeholders.any(|one| one == placeholder)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(formatter)
    }
}
