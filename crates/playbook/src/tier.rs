//! What a playbook needs of the engine that plays it: whether its steps can be done over plain HTTP,
//! or are left out there.

use std::fmt;

use serde_json::Value;

use crate::address::{Destination, destination};
use crate::selector::Selectors;
use crate::step::{Action, OtherButton, Playbook, Step, Wait};

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
        let mut steps = (1..).zip(self.steps.iter().enumerate());
        steps.find_map(
            |(number, (position, step))| match self.over_http(position) {
                OverHttp::NeedsBrowser(reason) => Some((number, step, reason)),
                OverHttp::Plays | OverHttp::LeftOut(_) => None,
            },
        )
    }

    /// What becomes of the step at this position, counted from 0, over plain HTTP.
    pub fn over_http(&self, position: usize) -> OverHttp {
        let Some(step) = self.steps.get(position) else {
            return OverHttp::LeftOut("there is no such step");
        };
        let next = self.steps.get(position + 1);
        let alone = step.over_http();
        match &step.action {
            Action::DoubleClick(selectors) if marks_for(next, step, selectors) => {
                OverHttp::LeftOut("it marks the text that the next step writes anew")
            }
            Action::KeyDown { .. } if self.holds_modifier(position) && alone != OverHttp::Plays => {
                OverHttp::LeftOut("with Control, Alt or Meta the key types nothing")
            }
            _ if step.navigation.is_some() && self.leads_nowhere(position, step) => {
                OverHttp::NeedsBrowser(
                    "another page came here when it was recorded, and none comes without script",
                )
            }
            _ => alone,
        }
    }

    /// Whether no page can come with this step, without script.
    fn leads_nowhere(&self, position: usize, step: &Step) -> bool {
        match &step.action {
            Action::Hover(_) | Action::Scroll | Action::KeyUp { .. } => {
                !self.page_comes_late(position, step)
            }
            Action::KeyDown { .. } => !step.enters() && !self.page_comes_late(position, step),
            // What Enter leads to may be noted with the text before it.
            Action::Change { .. } => !self.steps.get(position + 1).is_some_and(Step::enters),
            _ => false,
        }
    }

    /// Whether the page that came when this was recorded may be that of the step that was done before:
    /// a hand is faster than a page.
    fn page_comes_late(&self, position: usize, step: &Step) -> bool {
        let mut before = self.steps.iter().take(position).rev();
        let done = before.find(|step| !matches!(step.over_http(), OverHttp::LeftOut(_)));
        done.is_some_and(|done| match &done.action {
            Action::Click(_) => done.navigation.is_none(),
            Action::KeyDown { .. } => {
                done.navigation.is_none() || matches!(step.action, Action::KeyUp { .. })
            }
            _ => false,
        })
    }

    /// Whether a key is held that makes a command of the next one: a paste, a selection. The text that
    /// there is then is recorded by itself.
    fn holds_modifier(&self, position: usize) -> bool {
        let mut before = self.steps.iter().take(position).rev();
        let last = before.find_map(|step| match &step.action {
            Action::KeyDown { key } if MODIFIERS.contains(&key.as_str()) => Some(true),
            Action::KeyUp { key } if MODIFIERS.contains(&key.as_str()) => Some(false),
            Action::KeyDown { .. } | Action::KeyUp { .. } => None,
            _ => Some(false),
        });
        last == Some(true)
    }
}

/// Keys that make a command of what is pressed with them.
const MODIFIERS: [&str; 9] = [
    "Control",
    "ControlLeft",
    "ControlRight",
    "Alt",
    "AltLeft",
    "AltRight",
    "Meta",
    "MetaLeft",
    "MetaRight",
];

/// Whether the next step writes into the field that this one clicks twice.
fn marks_for(next: Option<&Step>, step: &Step, selectors: &Selectors) -> bool {
    next.is_some_and(|next| {
        let field = match &next.action {
            Action::Change { selectors, .. } => Some(selectors),
            _ => None,
        };
        field == Some(selectors) && next.frame == step.frame && step.navigation.is_none()
    })
}

impl Step {
    /// Whether it presses Enter.
    pub(crate) fn enters(&self) -> bool {
        matches!(self.action, Action::KeyDown { .. }) && self.over_http() == OverHttp::Plays
    }

    /// What becomes of it by itself.
    fn over_http(&self) -> OverHttp {
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
            Self::OtherClick { button, .. } => match button {
                OtherButton::Secondary => {
                    OverHttp::LeftOut("its button opens a menu of the browser")
                }
                OtherButton::History => {
                    OverHttp::NeedsBrowser("only a browser has pages that were there before")
                }
            },
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
        "Tab" => OverHttp::LeftOut("the steps after it say where they act"),
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
    #[case(json!({"type": "keyDown", "key": "Tab"}), "say where they act")]
    #[case(json!({"type": "keyDown", "key": "Escape"}), "changes nothing")]
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

    fn navigation() -> Value {
        json!([{"type": "navigation", "url": "https://x.example/", "title": ""}])
    }

    fn start() -> Value {
        json!({"type": "navigate", "url": "{{source.url}}", "assertedEvents": navigation()})
    }

    /// Another page came with this step when it was recorded.
    fn noted(mut step: Value) -> Value {
        step["assertedEvents"] = navigation();
        step
    }

    fn key(kind: &str, key: &str) -> Value {
        json!({"type": kind, "key": key})
    }

    fn click() -> Value {
        json!({"type": "click", "selectors": ["a"]})
    }

    #[rstest]
    #[case::the_pointer_opens_a_menu(json!([start(), noted(json!({"type": "hover", "selectors": ["a"]}))]))]
    #[case::scrolled(json!([start(), noted(json!({"type": "scroll"}))]))]
    #[case::chosen(json!([start(), noted(json!({"type": "change", "selectors": ["a"], "value": "x"}))]))]
    #[case::a_key_that_moves(json!([start(), noted(key("keyDown", "ArrowDown"))]))]
    #[case::a_key_let_go(json!([start(), key("keyDown", "Tab"), noted(key("keyUp", "Tab"))]))]
    #[case::a_second_page(json!([start(), noted(click()), noted(json!({"type": "scroll"}))]))]
    #[case::back_in_the_history(json!([start(), {"type": "click", "selectors": ["a"], "button": "back"}]))]
    #[case::another_field(json!([start(), {"type": "doubleClick", "selectors": ["a"]},
        {"type": "change", "selectors": ["b"], "value": "x"}]))]
    #[case::a_key_after_a_command(json!([start(), key("keyDown", "Meta"), key("keyUp", "Meta"), key("keyDown", "v")]))]
    fn what_can_only_come_of_a_script_needs_a_browser(#[case] steps: Value) {
        let playbook = of(&steps);

        assert_eq!(playbook.tier(), Tier::Browser);
        let (number, ..) = playbook.first_for_browser().unwrap();
        let mut said = playbook.notes().into_iter().map(|note| note.to_string());
        let place = format!("/steps/{}: needs a browser", number - 1);
        assert!(said.any(|said| said.contains(&place)), "{place}");
    }

    #[rstest]
    #[case::late_after_a_click(json!([start(), click(), noted(json!({"type": "scroll"}))]))]
    #[case::late_after_enter(json!([start(), key("keyDown", "Enter"), key("keyUp", "Enter"),
        noted(json!({"type": "hover", "selectors": ["a"]}))]))]
    #[case::with_the_key_let_go(json!([start(), noted(key("keyDown", "Enter")), noted(key("keyUp", "Enter"))]))]
    #[case::with_the_text(json!([start(), noted(json!({"type": "change", "selectors": ["a"], "value": "x"})),
        key("keyDown", "Enter")]))]
    #[case::a_word_is_marked(json!([start(), {"type": "doubleClick", "selectors": ["a"]},
        {"type": "change", "selectors": ["a"], "value": "x"}]))]
    #[case::a_paste(json!([start(), key("keyDown", "Control"), key("keyDown", "v"), key("keyUp", "v")]))]
    #[case::the_second_button(json!([start(), {"type": "click", "selectors": ["a"], "button": "secondary"}]))]
    #[case::the_wheel(json!([start(), {"type": "click", "selectors": ["a"], "button": "auxiliary"}]))]
    fn what_a_hand_does_beside_needs_none(#[case] steps: Value) {
        assert_eq!(of(&steps).tier(), Tier::Http, "{:?}", of(&steps).notes());
    }

    #[rstest]
    #[case(json!({"type": "navigate", "url": "{{source.url}}"}))]
    #[case(json!({"type": "keyDown", "key": "Enter"}))]
    #[case(json!({"type": "click", "selectors": ["a"], "frame": [0]}))]
    #[case(json!({"type": "click", "selectors": ["a:hover", "text/Next"]}))]
    #[case(json!({"type": "waitForElement", "selectors": ["a"], "properties": {"textContent": "x"}}))]
    fn the_rest_is_played_without_a_word(#[case] step: Value) {
        let playbook = of(&json!([start(), step]));

        assert_eq!(
            (playbook.tier(), playbook.notes()),
            (Tier::Http, Vec::new())
        );
    }
}
