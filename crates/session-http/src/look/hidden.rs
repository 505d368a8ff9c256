//! What is on a page and not shown: it is no part of names and texts. Styles of style sheets are not
//! read; what an attribute hides is hidden.

use std::collections::HashMap;
use std::iter;

use ego_tree::NodeId;
use scraper::ElementRef;

/// Elements that are never shown. The content of `noscript` is a text here, as in a browser with
/// script, which is where recordings are made.
const NEVER_SHOWN: [&str; 9] = [
    "script", "style", "template", "head", "noscript", "datalist", "title", "meta", "link",
];

/// Whether this very element is hidden from who hears the page, with all in it.
pub(super) fn is_hidden(element: &ElementRef) -> bool {
    is_invisible(element) || element.attr("aria-hidden") == Some("true")
}

/// Whether this very element is not to be seen, with all in it.
pub(crate) fn is_invisible(element: &ElementRef) -> bool {
    let name = element.value().name();
    // The title of a drawing is its name.
    let never = NEVER_SHOWN.contains(&name) && !(name == "title" && in_drawing(element));
    never
        || (name == "input"
            && element
                .attr("type")
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden")))
        || is_put_away(element)
}

/// Whether this very element is there to be shown later, by script, with all in it.
fn is_put_away(element: &ElementRef) -> bool {
    element.attr("hidden").is_some() || element.attr("style").is_some_and(hides)
}

/// Which elements of a page show, or are such as never do, like a `meta`. Each is looked at once.
#[derive(Default)]
pub(crate) struct There(HashMap<NodeId, bool>);

impl There {
    pub(crate) fn has(&mut self, element: &ElementRef) -> bool {
        let (mut path, mut is_there) = (Vec::new(), true);
        let around = element.ancestors().filter_map(ElementRef::wrap);
        for one in iter::once(*element).chain(around) {
            if let Some(known) = self.0.get(&one.id()) {
                is_there = *known;
                break;
            }
            path.push(one.id());
            if is_put_away(&one) {
                is_there = false;
                break;
            }
        }
        self.0.extend(path.into_iter().map(|id| (id, is_there)));
        is_there
    }
}

fn in_drawing(element: &ElementRef) -> bool {
    element
        .parent()
        .and_then(ElementRef::wrap)
        .is_some_and(|parent| parent.value().name() == "svg")
}

fn hides(style: &str) -> bool {
    declares(style, |property, value| match property {
        "display" => value == "none",
        "visibility" => matches!(value, "hidden" | "collapse"),
        _ => false,
    })
}

/// Whether this very element takes no room on the page either. A cell of a table that takes none lets
/// those after it move up.
pub(crate) fn takes_no_room(element: &ElementRef) -> bool {
    let has_no_box = |style| {
        declares(style, |property, value| {
            (property, value) == ("display", "none")
        })
    };
    element.attr("hidden").is_some() || element.attr("style").is_some_and(has_no_box)
}

fn declares(style: &str, says: impl Fn(&str, &str) -> bool) -> bool {
    style.split(';').any(|declaration| {
        let (property, value) = declaration.split_once(':').unwrap_or_default();
        let value = value.trim().to_ascii_lowercase();
        let value = value.trim_end_matches("!important").trim_end();
        says(property.trim().to_ascii_lowercase().as_str(), value)
    })
}
