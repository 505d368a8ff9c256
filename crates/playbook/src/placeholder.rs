//! Texts with placeholders: `{{input.month}}`, `{{credential.password}}`.

use std::fmt;

/// What stands for a value that is known only when the playbook is played.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// `{{input.a.b}}`: a text, number or boolean in the run's input, by the names that lead to it.
    Input(Vec<String>),
    /// `{{credential.…}}`
    Credential(CredentialPart),
    /// `{{interaction.NAME}}`: an answer to an earlier step's question.
    Interaction(String),
    /// `{{source.url}}`
    SourceUrl,
}

/// Which part of the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialPart {
    /// `{{credential.username}}`
    Username,
    /// `{{credential.password}}`
    Password,
    /// `{{credential.totp}}`: the code of this moment.
    Totp,
}

/// What may stand between `{{` and `}}`.
const KNOWN: &str = "input.NAME, credential.username, credential.password, credential.totp, \
                     interaction.NAME and source.url";

impl Placeholder {
    fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("{{{{{text}}}}} is no placeholder; there are {KNOWN}");
        let (family, name) = text.split_once('.').ok_or_else(unknown)?;
        if name
            .split('.')
            .any(|part| part.trim() != part || part.is_empty())
        {
            return Err(unknown());
        }
        match (family, name) {
            ("input", path) => Ok(Self::Input(path.split('.').map(str::to_owned).collect())),
            ("credential", "username") => Ok(Self::Credential(CredentialPart::Username)),
            ("credential", "password") => Ok(Self::Credential(CredentialPart::Password)),
            ("credential", "totp") => Ok(Self::Credential(CredentialPart::Totp)),
            ("interaction", name) if !name.contains('.') => Ok(Self::Interaction(name.to_owned())),
            ("source", "url") => Ok(Self::SourceUrl),
            _ => Err(unknown()),
        }
    }
}

/// Its name, without the braces.
impl fmt::Display for Placeholder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(path) => write!(formatter, "input.{}", path.join(".")),
            Self::Credential(CredentialPart::Username) => {
                formatter.write_str("credential.username")
            }
            Self::Credential(CredentialPart::Password) => {
                formatter.write_str("credential.password")
            }
            Self::Credential(CredentialPart::Totp) => formatter.write_str("credential.totp"),
            Self::Interaction(name) => write!(formatter, "interaction.{name}"),
            Self::SourceUrl => formatter.write_str("source.url"),
        }
    }
}

/// A text with placeholders in it, or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// A text that means itself.
    pub(crate) fn literal(text: &str) -> Self {
        Self {
            written: text.to_owned(),
            parts: vec![Part::Text(text.to_owned())],
        }
    }

    /// A text that is one placeholder.
    pub(crate) fn of(placeholder: Placeholder) -> Self {
        Self {
            written: format!("{{{{{placeholder}}}}}"),
            parts: vec![Part::Placeholder(placeholder)],
        }
    }

    /// Reads the placeholders of a text.
    ///
    /// # Errors
    /// What is wrong with one of them, to follow the text's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, opened)) = rest.split_once("{{") {
            let (name, after) = opened
                .split_once("}}")
                .ok_or_else(|| "has {{ without }}; write {{input.NAME}}".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Placeholder(Placeholder::parse(name.trim())?));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self {
            written: text.to_owned(),
            parts,
        })
    }

    /// Its placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// The text with an example in the place of each placeholder.
    pub(crate) fn filled_by<'example>(
        &'example self,
        example: impl Fn(&Placeholder) -> &'example str,
    ) -> String {
        let part = |part: &'example Part| match part {
            Part::Text(text) => text.as_str(),
            Part::Placeholder(placeholder) => example(placeholder),
        };
        self.parts.iter().map(part).collect()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// As it is written, with its placeholders and without their values.
impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[])]
    #[case("plain } text { here", &[])]
    #[case("{{source.url}}/login", &["source.url"])]
    #[case("{{ input.a.b }}{{credential.totp}}", &["input.a.b", "credential.totp"])]
    #[case("x{{interaction.code}}y", &["interaction.code"])]
    fn placeholders_are_found(#[case] text: &str, #[case] names: &[&str]) {
        let template = Template::parse(text).unwrap();

        let found: Vec<_> = template.placeholders().map(ToString::to_string).collect();
        assert_eq!(found, names);
        assert_eq!(template.to_string(), text);
    }

    #[rstest]
    #[case("{{source}}")]
    #[case("{{source.name}}")]
    #[case("{{credential.key}}")]
    #[case("{{credential.totp_secret}}")]
    #[case("{{interaction.a.b}}")]
    #[case("{{input.}}")]
    #[case("{{input..a}}")]
    #[case("{{}}")]
    #[case("{{input.a")]
    #[case("{{{input.a}}}")]
    #[case("{{env.HOME}}")]
    fn what_is_no_placeholder_is_refused(#[case] text: &str) {
        assert!(Template::parse(text).is_err());
    }
}
