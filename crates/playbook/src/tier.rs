//! What a playbook needs of the engine that plays it: whether its steps can be done over plain HTTP,
//! and what is left out there.

use std::fmt;

use serde_json::Value;

use crate::address::{Destination, destination};
use crate::problem::{StepName, inside};
use crate::selector::Selectors;
use crate::step::{Action, Playbook, Step, Wait};

/// What becomes of a step over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverHttp {
    /// It is done.
    Plays,
    /// It would change nothing, and this is why.
    LeftOut(&'static str),
    /// It cannot be done, and this is why.
    NeedsBrowser(&'static str),
}

/// Who can play a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Plain HTTP will do.
    Http,
    /// It takes a browser.
    Browser,
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Browser => "browser",
        })
    }
}

/// Something that the author of a playbook should know, and that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// In which step, where it is in one.
    pub step: Option<StepName>,
    /// Where, as a JSON Pointer.
    pub pointer: String,
    /// What.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(formatter, "{step}, ")?;
        }
        write!(formatter, "{}: {}", self.pointer, self.message)
    }
}

impl Playbook {
    /// The tier that it needs: that of its most demanding step.
    pub fn tier(&self) -> Tier {
        match self.first_for_browser() {
            Some(_) => Tier::Browser,
            None => Tier::Http,
        }
    }

    /// The first step that plain HTTP cannot do, counted from 1, and why.
    pub fn first_for_browser(&self) -> Option<(u32, &Step, &'static str)> {
        let mut steps = (1..).zip(&self.steps);
        steps.find_map(|(number, step)| match step.over_http() {
            OverHttp::NeedsBrowser(reason) => Some((number, step, reason)),
            OverHttp::Plays | OverHttp::LeftOut(_) => None,
        })
    }

    /// What plain HTTP leaves out of it or cannot do, and which of its fields nobody reads.
    pub fn notes(&self) -> Vec<Note> {
        let steps = self.steps.iter().enumerate();
        let of_steps = steps.filter_map(|(position, step)| {
            let message = match step.over_http() {
                OverHttp::Plays if step.target.is_some() => "was recorded in another window; \
                    the http tier has one and goes on in it"
                    .to_owned(),
                OverHttp::Plays => return None,
                OverHttp::LeftOut(reason) => format!("is left out by the http tier: {reason}"),
                OverHttp::NeedsBrowser(reason) => format!("needs a browser: {reason}"),
            };
            Some(Note {
                step: Some(StepName {
                    number: position + 1,
                    operation: Some(step.action.operation().to_string()),
                }),
                pointer: inside("/steps", position),
                message,
            })
        });
        let unread = self.unread.iter().map(|pointer| Note {
            step: None,
            pointer: pointer.clone(),
            message: "means nothing here and is not read".to_owned(),
        });
        of_steps.chain(unread).collect()
    }
}

impl Step {
    /// What becomes of it over plain HTTP.
    pub fn over_http(&self) -> OverHttp {
        let of_action = self.action.over_http();
        if of_action != OverHttp::Plays {
            return of_action;
        }
        let own_selectors = self.action.own_selectors();
        let alternatives = self.action.selectors();
        if own_selectors.iter().any(|selector| selector.needs_browser)
            || alternatives.is_some_and(Selectors::need_browser)
        {
            return OverHttp::NeedsBrowser(
                "its selector asks for a state of elements that only a browser knows",
            );
        }
        OverHttp::Plays
    }
}

impl Action {
    fn over_http(&self) -> OverHttp {
        match self {
            Self::SetViewport | Self::Scroll => OverHttp::LeftOut("there is no screen"),
            Self::Hover(_) => OverHttp::LeftOut("there is no pointer"),
            Self::EmulateNetworkConditions => OverHttp::LeftOut("the network is as it is"),
            Self::Close => OverHttp::LeftOut("there is no window"),
            Self::KeyUp { .. } => OverHttp::LeftOut("only a script hears a key let go"),
            Self::KeyDown { key } => key_down(key),
            Self::Navigate { url } if destination(url) == Ok(Destination::NewTab) => {
                OverHttp::LeftOut("it leads to no website yet")
            }
            Self::DoubleClick(_) => OverHttp::NeedsBrowser("only a script hears a double click"),
            Self::WaitForExpression { .. } => OverHttp::NeedsBrowser("its expression is a script"),
            Self::WaitForElement(wait) => wait.over_http(),
            Self::Navigate { .. }
            | Self::Click(_)
            | Self::Change { .. }
            | Self::Extract(_)
            | Self::Interact(_)
            | Self::Skip { .. }
            | Self::Repeat { .. }
            | Self::Download(_)
            | Self::Screenshot { .. }
            | Self::Expect { .. }
            | Self::Fail(_)
            | Self::Authenticate(_) => OverHttp::Plays,
        }
    }
}

impl Wait {
    /// The properties of an element that its page says without a browser.
    pub const READABLE_PROPERTIES: [&str; 9] = [
        "className",
        "disabled",
        "hidden",
        "id",
        "innerText",
        "name",
        "tagName",
        "textContent",
        "title",
    ];

    fn over_http(&self) -> OverHttp {
        let readable = |(name, value): &(String, Value)| {
            Self::READABLE_PROPERTIES.contains(&name.as_str())
                && matches!(value, Value::String(_) | Value::Bool(_))
        };
        match self.properties.iter().all(readable) {
            true => OverHttp::Plays,
            false => OverHttp::NeedsBrowser("it asks for properties that only a browser has"),
        }
    }
}

/// A key that types or moves something is a browser's; Enter submits a form without any script.
fn key_down(key: &str) -> OverHttp {
    match key {
        "Enter" | "NumpadEnter" | "\r" | "\n" => OverHttp::Plays,
        "Backspace" | "Delete" | "Insert" | "Space" | "Cut" | "Copy" | "Paste" => {
            OverHttp::NeedsBrowser("only a browser types single keys")
        }
        key if key.chars().count() == 1 => {
            OverHttp::NeedsBrowser("only a browser types single keys")
        }
        key if ["Digit", "Key", "Numpad"]
            .iter()
            .any(|start| key.starts_with(start)) =>
        {
            OverHttp::NeedsBrowser("only a browser types single keys")
        }
        _ => OverHttp::LeftOut("without script the key changes nothing"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::parse;

    fn of(steps: &Value) -> Playbook {
        parse(&json!({"title": "x", "steps": steps})).unwrap()
    }

    #[rstest]
    #[case(json!({"type": "hover", "selectors": ["a"]}), "no pointer")]
    #[case(json!({"type": "scroll"}), "no screen")]
    #[case(json!({"type": "emulateNetworkConditions", "download": 1, "upload": 1, "latency": 1}), "network")]
    #[case(json!({"type": "keyUp", "key": "a"}), "let go")]
    #[case(json!({"type": "keyDown", "key": "Tab"}), "changes nothing")]
    #[case(json!({"type": "navigate", "url": "about:blank"}), "no website yet")]
    fn what_changes_nothing_is_left_out_and_said(#[case] step: Value, #[case] reason: &str) {
        let playbook = of(&json!([step]));

        assert_eq!(playbook.tier(), Tier::Http);
        let notes = playbook.notes();
        assert!(notes[0].message.contains(reason), "{notes:?}");
        assert_eq!(notes[0].pointer, "/steps/0");
    }

    #[rstest]
    #[case(json!({"type": "doubleClick", "selectors": ["a"]}))]
    #[case(json!({"type": "keyDown", "key": "a"}))]
    #[case(json!({"type": "keyDown", "key": "Backspace"}))]
    #[case(json!({"type": "waitForExpression", "expression": "true"}))]
    #[case(json!({"type": "waitForElement", "selectors": ["a"], "properties": {"offsetTop": 3}}))]
    #[case(json!({"type": "click", "selectors": ["a:hover"]}))]
    #[case(json!({"type": "customStep", "name": "windlass.expect", "parameters": {"selector": "a:checked"}}))]
    fn what_takes_script_needs_a_browser(#[case] step: Value) {
        let playbook = of(&json!([step]));

        assert_eq!(playbook.tier(), Tier::Browser);
        assert!(playbook.notes()[0].message.contains("needs a browser"));
    }

    #[rstest]
    #[case(json!({"type": "navigate", "url": "{{source.url}}"}))]
    #[case(json!({"type": "keyDown", "key": "Enter"}))]
    #[case(json!({"type": "click", "selectors": ["a"], "frame": [0]}))]
    #[case(json!({"type": "click", "selectors": ["a:hover", "text/Next"]}))]
    #[case(json!({"type": "waitForElement", "selectors": ["a"], "properties": {"textContent": "x"}}))]
    fn the_rest_is_played_without_a_word(#[case] step: Value) {
        let playbook = of(&json!([step]));

        assert_eq!(
            (playbook.tier(), playbook.notes()),
            (Tier::Http, Vec::new())
        );
    }

    #[test]
    fn another_window_and_what_is_not_read_are_said() {
        let notes =
            of(&json!([{"type": "click", "selectors": ["a"], "target": "popup", "x": 1}])).notes();

        let said: Vec<_> = notes.iter().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with("step 1 (click), /steps/0: was recorded in another window"),
            "{said:?}"
        );
        assert_eq!(said[1], "/steps/0/x: means nothing here and is not read");
    }
}
