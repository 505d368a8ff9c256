//! What the author of a playbook should know, and what is no fault.

use std::fmt;

use crate::problem::{StepName, inside};
use crate::selector::{Selector, SelectorKind};
use crate::step::{Action, Playbook};
use crate::tier::OverHttp;

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
    /// What plain HTTP leaves out of it or cannot do, and which of its fields nobody reads.
    pub fn notes(&self) -> Vec<Note> {
        let steps = self.steps.iter().enumerate();
        let first_without_page = self.first_without_page();
        let of_steps = steps.flat_map(|(position, step)| {
            let mut said = Vec::new();
            match self.over_http(position) {
                OverHttp::Plays if step.other_window().is_some() => said.push(
                    "was recorded in another window, or in a frame of another website; the http \
                     tier goes on in the frame of that address, or else in the window that it is in"
                        .to_owned(),
                ),
                OverHttp::Plays => {}
                OverHttp::LeftOut(reason) => {
                    said.push(format!("is left out by the http tier: {reason}"));
                }
                OverHttp::NeedsBrowser(reason) => said.push(format!("needs a browser: {reason}")),
            }
            if first_without_page == Some(position) {
                said.push("has no page to act on: a run starts with navigate".to_owned());
            }
            if step.action.seeks_part() {
                said.push(
                    "text/ finds the value as a part of a text too, 1 in 10; aria/ finds it alone"
                        .to_owned(),
                );
            }
            if step.action.offers_a_no() {
                said.push(
                    "goes on after any answer, whichever option is chosen: who says no to an \
                     approval declines it"
                        .to_owned(),
                );
            }
            said.into_iter().map(move |message| Note {
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

    /// The first step that acts on a page, where none is loaded before it.
    fn first_without_page(&self) -> Option<usize> {
        let mut steps = (0..).zip(&self.steps);
        let (position, step) = steps.find(|(position, step)| {
            let plays = self.over_http(*position) == OverHttp::Plays;
            plays && (step.action.acts_on_page() || matches!(step.action, Action::Navigate { .. }))
        })?;
        step.action.acts_on_page().then_some(position)
    }
}

impl Action {
    /// Whether it fails where there is no page.
    fn acts_on_page(&self) -> bool {
        matches!(
            self,
            Self::Click(_)
                | Self::Change { .. }
                | Self::KeyDown { .. }
                | Self::WaitForElement(_)
                | Self::Extract(_)
                | Self::Download(_)
                | Self::Expect { .. }
        )
    }

    /// Whether it asks for an approval and offers a choice, which may be read as one of yes and no.
    fn offers_a_no(&self) -> bool {
        match self {
            Self::Interact(interact) => {
                interact.kind == "approval"
                    && interact.fields.iter().any(|field| field.options.is_some())
            }
            _ => false,
        }
    }

    /// Whether it looks for a value as a part of a text.
    fn seeks_part(&self) -> bool {
        let alternatives = self
            .selectors()
            .map(|selectors| selectors.0.iter().flatten());
        let mut selectors = self.own_selectors().into_iter();
        let in_part = |selector: &Selector| {
            selector.kind == SelectorKind::Text && selector.text.placeholders().next().is_some()
        };
        selectors.any(in_part) || alternatives.into_iter().flatten().any(in_part)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::parse;

    fn said(steps: &Value) -> Vec<String> {
        let playbook = parse(&json!({"title": "x", "steps": steps})).unwrap();
        playbook.notes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn another_window_and_what_is_not_read_are_said() {
        let said = said(&json!([
            {"type": "navigate", "url": "{{source.url}}"},
            {"type": "click", "selectors": ["a"], "target": "popup", "x": 1},
        ]));

        assert!(
            said[0].starts_with("step 2 (click), /steps/1: was recorded in another window"),
            "{said:?}"
        );
        assert_eq!(said[1], "/steps/1/x: means nothing here and is not read");
    }

    #[test]
    fn a_step_before_the_first_page_is_said_once() {
        let said = said(&json!([
            {"type": "navigate", "url": "about:blank"},
            {"type": "change", "selectors": ["a"], "value": "x"},
            {"type": "click", "selectors": ["a"]},
        ]));

        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(
            said[1],
            "step 2 (change), /steps/1: has no page to act on: a run starts with navigate"
        );
    }

    #[test]
    fn an_approval_that_offers_a_choice_is_said_to_go_on() {
        let asked = |kind: &str, options: Value| {
            json!({"type": "customStep", "name": "windlass.interact", "parameters": {
                "type": kind, "message": "Pay 1,249.50?",
                "fields": [{"name": "pay", "type": "select", "label": "Pay", "options": options}],
            }})
        };
        let said = said(&json!([
            asked("approval", json!(["yes", "no"])),
            asked("choice", json!(["yes", "no"])),
            {"type": "customStep", "name": "windlass.interact", "parameters": {
                "type": "approval", "message": "Pay 1,249.50?"}},
        ]));

        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("step 1 (windlass.interact), /steps/0: goes on after any answer"),
            "{said:?}"
        );
    }

    #[test]
    fn a_value_that_is_looked_for_as_a_part_of_a_text_is_said() {
        let said = said(&json!([
            {"type": "navigate", "url": "{{source.url}}"},
            {"type": "click", "selectors": [["aria/{{input.month}}"], ["text/{{input.month}}"]]},
            {"type": "click", "selectors": [["aria/{{input.month}}"], ["text/Next"]]},
            {"type": "customStep", "name": "windlass.expect", "parameters": {"selector": "text/{{input.a}}"}},
        ]));

        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("step 2 (click), /steps/1: text/ finds"),
            "{said:?}"
        );
        assert!(said[1].starts_with("step 4 (windlass.expect)"), "{said:?}");
    }
}
