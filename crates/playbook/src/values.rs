//! What placeholders stand for in one run.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::placeholder::{CredentialPart, Part, Placeholder, Template};
use crate::selector::{Selector, SelectorKind, push_quoted};

/// What placeholders stand for. All of it may be secret: the input is the caller's, the rest is the
/// credential's owner's.
#[derive(Default)]
pub struct Values {
    /// The run's input.
    pub input: Value,
    /// The source's address.
    pub source_url: Option<String>,
    /// The credential's user name.
    pub username: Option<SecretString>,
    /// The credential's password.
    pub password: Option<SecretString>,
    /// The code of the credential's authenticator, now.
    pub totp: Option<SecretString>,
    /// Answers so far, by field.
    pub answers: BTreeMap<String, SecretString>,
}

/// A placeholder has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{{{{{placeholder}}}}} has no value")]
pub struct MissingValue {
    /// Which.
    pub placeholder: Placeholder,
}

impl Values {
    /// Whether the placeholder has a value.
    pub fn has(&self, placeholder: &Placeholder) -> bool {
        self.value(placeholder).is_some()
    }

    /// The text with its placeholders filled in.
    ///
    /// # Errors
    /// One of them has no value.
    pub fn fill(&self, template: &Template) -> Result<SecretString, MissingValue> {
        self.fill_with(template, String::push_str)
    }

    /// A selector's text, without its prefix, with its placeholders filled in. No value can end the
    /// string or the name that it stands in.
    ///
    /// # Errors
    /// One of them has no value.
    pub fn fill_selector(&self, selector: &Selector) -> Result<SecretString, MissingValue> {
        match selector.kind {
            SelectorKind::Css | SelectorKind::Pierce => self.fill_with(&selector.safe, push_css),
            SelectorKind::Aria => self.fill_with(&selector.safe, push_quoted),
            // The one is nothing but a text, and the other has no placeholder.
            SelectorKind::Text | SelectorKind::XPath => self.fill(&selector.safe),
        }
    }

    fn fill_with(
        &self,
        template: &Template,
        add: impl Fn(&mut String, &str),
    ) -> Result<SecretString, MissingValue> {
        let mut filled = String::new();
        for part in template.parts() {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(placeholder) => {
                    let value = self.value(placeholder).ok_or_else(|| MissingValue {
                        placeholder: placeholder.clone(),
                    })?;
                    add(&mut filled, value.expose_secret());
                }
            }
        }
        Ok(SecretString::from(filled))
    }

    fn value(&self, placeholder: &Placeholder) -> Option<SecretString> {
        match placeholder {
            Placeholder::Input(path) => self.input(path).map(SecretString::from),
            Placeholder::Credential(CredentialPart::Username) => self.username.clone(),
            Placeholder::Credential(CredentialPart::Password) => self.password.clone(),
            Placeholder::Credential(CredentialPart::Totp) => self.totp.clone(),
            Placeholder::Interaction(name) => self.answers.get(name).cloned(),
            Placeholder::SourceUrl => self.source_url.clone().map(SecretString::from),
        }
    }

    /// Whether one of the values stands in a text, so that it must not be shown.
    pub fn is_in(&self, text: &str) -> bool {
        let secrets = [&self.username, &self.password, &self.totp];
        let secrets = secrets.into_iter().flatten().chain(self.answers.values());
        let mut secrets = secrets.map(ExposeSecret::expose_secret);
        secrets.any(|secret| !secret.is_empty() && text.contains(secret))
            || stands_in(&self.input, text)
    }

    fn input(&self, path: &[String]) -> Option<String> {
        let mut value = &self.input;
        for name in path {
            value = value.get(name)?;
        }
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn stands_in(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => !value.is_empty() && text.contains(value.as_str()),
        Value::Number(number) => text.contains(&number.to_string()),
        // Neither says anything of anybody.
        Value::Bool(_) | Value::Null => false,
        Value::Array(items) => items.iter().any(|item| stands_in(item, text)),
        Value::Object(fields) => fields.values().any(|field| stands_in(field, text)),
    }
}

/// Adds a value to a CSS selector: all but ASCII letters and `_` is escaped (CSS Syntax, 4.3.7).
fn push_css(filled: &mut String, value: &str) {
    for letter in value.chars() {
        if letter.is_ascii_alphabetic() || letter == '_' {
            filled.push(letter);
        } else {
            filled.push_str(&format!("\\{:x} ", u32::from(letter)));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::selector::AriaQuery;

    fn values() -> Values {
        Values {
            input: json!({"month": "2026-01", "page": 3, "all": true, "who": {"name": "Å\"]"}, "list": []}),
            source_url: Some("https://nordlys.example/".to_owned()),
            password: Some(SecretString::from("vår")),
            answers: BTreeMap::from([("code".to_owned(), SecretString::from("604218"))]),
            ..Values::default()
        }
    }

    #[rstest]
    #[case("{{source.url}}bills", "https://nordlys.example/bills")]
    #[case("{{input.month}}/{{input.page}}/{{input.all}}", "2026-01/3/true")]
    #[case("{{input.who.name}}", "Å\"]")]
    #[case("{{credential.password}}{{interaction.code}}", "vår604218")]
    #[case("no placeholder", "no placeholder")]
    fn values_take_the_place_of_placeholders(#[case] text: &str, #[case] filled: &str) {
        let template = Template::parse(text).unwrap();

        assert_eq!(values().fill(&template).unwrap().expose_secret(), filled);
    }

    #[rstest]
    #[case("{{credential.username}}")]
    #[case("{{interaction.other}}")]
    #[case("{{input.who}}")]
    #[case("{{input.list}}")]
    #[case("{{input.month.day}}")]
    fn a_placeholder_without_value_is_named(#[case] text: &str) {
        let template = Template::parse(text).unwrap();

        let missing = values().fill(&template).unwrap_err();

        assert_eq!(missing.to_string(), format!("{text} has no value"));
    }

    #[rstest]
    #[case("2026-01", true)]
    #[case("bills-3", true)]
    #[case("vår", true)]
    #[case("604218", true)]
    #[case("true", false)]
    #[case("bills", false)]
    fn values_are_known_in_a_text(#[case] text: &str, #[case] known: bool) {
        assert_eq!(values().is_in(text), known);
    }

    #[rstest]
    #[case("tr[title=\"{{input.who.name}}\"]", "tr[title=\"\\c5 \\22 \\5d \"]")]
    #[case("aria/{{input.who.name}}", "[name=\"Å\\\"]\"]")]
    #[case("text/{{input.who.name}}", "Å\"]")]
    fn a_value_cannot_leave_its_place_in_a_selector(#[case] written: &str, #[case] filled: &str) {
        let selector = Selector::parse(written).unwrap();

        let found = values().fill_selector(&selector).unwrap();

        assert_eq!(found.expose_secret(), filled);
    }

    #[rstest]
    #[case("x[role=\"button\"]")]
    #[case("\"][role=\"button")]
    #[case("\\")]
    #[case("'\\\"")]
    fn an_answer_is_the_name_of_an_element_and_nothing_else(#[case] answer: &str) {
        let selector = Selector::parse("aria/{{interaction.code}}[role=\"link\"]").unwrap();
        let values = Values {
            answers: BTreeMap::from([("code".to_owned(), SecretString::from(answer))]),
            ..Values::default()
        };

        let filled = values.fill_selector(&selector).unwrap();

        let read = AriaQuery::parse(filled.expose_secret()).unwrap();
        assert_eq!(
            (read.name.as_deref(), read.role.as_deref()),
            (Some(answer), Some("link"))
        );
    }
}
