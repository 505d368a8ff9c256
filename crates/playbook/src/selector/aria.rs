//! `aria/…`: elements by what a screen reader calls them. Source: Puppeteer, "ARIA selectors".

use std::fmt;

/// Which accessible name and which role an element must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AriaQuery {
    /// The name, with white space as one space; None where any will do.
    pub name: Option<String>,
    /// The role, such as `button`; None where any will do.
    pub role: Option<String>,
}

impl AriaQuery {
    /// Reads `Log in[role="button"]`.
    ///
    /// # Errors
    /// What is wrong with it, to follow the selector.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self {
            name: None,
            role: None,
        };
        let mut outside = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('[') {
            let (before, bracket) = rest.split_at(start);
            outside.push_str(before);
            match attribute(bracket) {
                Some((name, value, after)) => {
                    query.set(name, &value)?;
                    rest = after;
                }
                // A name may have brackets.
                None => {
                    outside.push('[');
                    rest = &bracket[1..];
                }
            }
        }
        outside.push_str(rest);
        let outside = one_space(&outside);
        if !outside.is_empty() {
            if query.name.is_some() {
                return Err("names the element twice".to_owned());
            }
            query.name = Some(outside);
        }
        match query {
            Self {
                name: None,
                role: None,
            } => Err("must say which name or which role".to_owned()),
            query => Ok(query),
        }
    }

    fn set(&mut self, attribute: &str, value: &str) -> Result<(), String> {
        let given = match attribute {
            "name" => &mut self.name,
            "role" => &mut self.role,
            other => {
                return Err(format!(
                    "has [{other}=…]; there are [name=\"…\"] and [role=\"…\"]"
                ));
            }
        };
        if given.is_some() {
            return Err(format!("has [{attribute}=…] twice"));
        }
        let value = one_space(value);
        if value.is_empty() {
            return Err(format!("has [{attribute}=…] with an empty text"));
        }
        *given = Some(value);
        Ok(())
    }
}

/// With name and role in quotes, which are read as the same query.
impl fmt::Display for AriaQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (attribute, value) in [("name", &self.name), ("role", &self.role)] {
            if let Some(value) = value {
                let mut written = String::new();
                push_quoted(&mut written, value);
                write!(formatter, "[{attribute}=\"{written}\"]")?;
            }
        }
        Ok(())
    }
}

/// Adds a text to what stands between quotes.
pub(crate) fn push_quoted(quoted: &mut String, text: &str) {
    for letter in text.chars() {
        if matches!(letter, '\\' | '"' | '\'') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
}

/// The attribute's name and value, and what follows, where the text starts with `[name="value"]`. A
/// backslash makes a quote a part of the value.
fn attribute(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once('=')?;
    let name = name.trim();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(is_word) {
        return None;
    }
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|quote| "\"'".contains(*quote))?;
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            letter if letter == quote => {
                let after = rest[place + 1..].trim_start().strip_prefix(']')?;
                return Some((name, value, after));
            }
            letter => value.push(letter),
        }
    }
    None
}

/// With each run of white space as one space. A no-break space is a part of a name, as in browsers.
fn one_space(text: &str) -> String {
    let is_space = |letter: char| letter.is_whitespace() && letter != '\u{a0}';
    let words = text.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Log in", Some("Log in"), None)]
    #[case("  Log \n in ", Some("Log in"), None)]
    #[case("Edit\u{a0}", Some("Edit\u{a0}"), None)]
    #[case("Log in[role=\"button\"]", Some("Log in"), Some("button"))]
    #[case("[role='generic']", None, Some("generic"))]
    #[case("[name=\"Log in\"][role=\"button\"]", Some("Log in"), Some("button"))]
    #[case("Edit [draft]", Some("Edit [draft]"), None)]
    #[case("a[b=c]", Some("a[b=c]"), None)]
    #[case(
        "[name = \"a \\\"b\\\"\"][role=\"link\"]",
        Some("a \"b\""),
        Some("link")
    )]
    fn names_and_roles_are_read(
        #[case] text: &str,
        #[case] name: Option<&str>,
        #[case] role: Option<&str>,
    ) {
        let query = AriaQuery::parse(text).unwrap();

        assert_eq!((query.name.as_deref(), query.role.as_deref()), (name, role));
        assert_eq!(AriaQuery::parse(&query.to_string()), Ok(query));
    }

    #[rstest]
    #[case("[level=\"2\"]")]
    #[case("[role=\"\"]")]
    #[case("[role=\"a\"][role=\"b\"]")]
    #[case("x[name=\"y\"]")]
    #[case(" ")]
    fn what_asks_for_something_else_is_refused(#[case] text: &str) {
        assert!(AriaQuery::parse(text).is_err());
    }
}
