//! `aria/Log in[role="button"]`: by name and role, as the Recorder writes them.

use ego_tree::NodeId;
use scraper::ElementRef;

use crate::look::hidden::is_hidden;
use crate::look::name::Names;
use crate::look::role::{role, spelled};
use crate::look::{Unlookable, normal};
use crate::page::Page;

/// What is looked for; at least one of them.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: Option<String>,
    role: Option<String>,
}

pub(super) fn find(page: &Page, root: &ElementRef, text: &str) -> Result<Vec<NodeId>, Unlookable> {
    let wanted = read(text).ok_or(Unlookable::Aria)?;
    if around(root) {
        return Ok(Vec::new());
    }
    let names = Names::of(page);
    let mut found = Vec::new();
    let mut next = root.first_child();
    while let Some(node) = next {
        let element = ElementRef::wrap(node);
        let shown = element.filter(|element| !is_hidden(element));
        if let Some(element) = shown {
            let role = role(&element);
            let right_role = wanted.role.as_ref().is_none_or(|wanted| *wanted == role);
            let right_name = || match &wanted.name {
                Some(wanted) => names.name(&element, &role) == *wanted,
                None => true,
            };
            if right_role && right_name() {
                found.push(element.id());
            }
        }
        let inside = node.first_child().filter(|_| shown.is_some());
        next = inside.or_else(|| {
            node.next_sibling().or_else(|| {
                let mut around = node
                    .ancestors()
                    .take_while(|around| around.id() != root.id());
                around.find_map(|around| around.next_sibling())
            })
        });
    }
    Ok(found)
}

/// Whether something around the element hides it.
fn around(element: &ElementRef) -> bool {
    let mut around = element.ancestors().filter_map(ElementRef::wrap);
    is_hidden(element) || around.any(|around| is_hidden(&around))
}

/// Reads `Name[role="button"]`, `[name="Name"]` and the like. Other brackets belong to the name.
fn read(text: &str) -> Option<Wanted> {
    let mut name = String::new();
    let mut wanted = Wanted {
        name: None,
        role: None,
    };
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        name.push_str(&rest[..start]);
        match attribute(&rest[start..]) {
            Some(("role", value, after)) => {
                wanted.role = Some(spelled(&value).to_owned());
                rest = after;
            }
            Some(("name", value, after)) => {
                wanted.name = Some(normal(&value));
                rest = after;
            }
            _ => {
                name.push('[');
                rest = &rest[start + 1..];
            }
        }
    }
    name.push_str(rest);
    let name = normal(&name);
    if !name.is_empty() {
        wanted.name = Some(name);
    }
    let some = wanted.name.as_ref().is_some_and(|name| !name.is_empty()) || wanted.role.is_some();
    some.then_some(wanted)
}

/// `[role="button"]` at the start of the text: name, value, and what follows.
fn attribute(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once('=')?;
    let rest = rest.trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|letter| matches!(letter, '"' | '\''))?;
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            letter if letter == quote => {
                let after = rest[place + 1..].trim_start().strip_prefix(']')?;
                return Some((name.trim(), value, after));
            }
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Log in", Some("Log in"), None)]
    #[case("  Log\u{a0} in\n", Some("Log in"), None)]
    #[case("Log in[role=\"button\"]", Some("Log in"), Some("button"))]
    #[case("[role='img']", None, Some("image"))]
    #[case(
        "[name = \"a \\\"b\\\"\"][role=\"link\"]",
        Some("a \"b\""),
        Some("link")
    )]
    #[case("Bill [1]", Some("Bill [1]"), None)]
    #[case("a[role=button]", Some("a[role=button]"), None)]
    fn names_and_roles_are_read(
        #[case] text: &str,
        #[case] name: Option<&str>,
        #[case] role: Option<&str>,
    ) {
        let wanted = read(text).unwrap();

        assert_eq!(
            (wanted.name.as_deref(), wanted.role.as_deref()),
            (name, role)
        );
    }

    #[rstest]
    #[case("")]
    #[case("  ")]
    fn nothing_is_nothing_to_look_for(#[case] text: &str) {
        assert_eq!(read(text), None);
    }
}
