//! The role of an element. Source: HTML Accessibility API Mappings 1.0, "HTML Element Role Mappings".

use scraper::ElementRef;

use crate::form::input_type;

/// Roles that the `role` attribute may name (WAI-ARIA 1.2, 5.4), without the abstract ones.
const ROLES: [&str; 79] = [
    "alert",
    "alertdialog",
    "application",
    "article",
    "banner",
    "blockquote",
    "button",
    "caption",
    "cell",
    "checkbox",
    "code",
    "columnheader",
    "combobox",
    "complementary",
    "contentinfo",
    "definition",
    "deletion",
    "dialog",
    "directory",
    "document",
    "emphasis",
    "feed",
    "figure",
    "form",
    "generic",
    "grid",
    "gridcell",
    "group",
    "heading",
    "img",
    "image",
    "insertion",
    "link",
    "list",
    "listbox",
    "listitem",
    "log",
    "main",
    "marquee",
    "math",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "meter",
    "navigation",
    "none",
    "note",
    "option",
    "paragraph",
    "presentation",
    "progressbar",
    "radio",
    "radiogroup",
    "region",
    "row",
    "rowgroup",
    "rowheader",
    "scrollbar",
    "search",
    "searchbox",
    "separator",
    "slider",
    "spinbutton",
    "status",
    "strong",
    "subscript",
    "superscript",
    "switch",
    "tab",
    "table",
    "tablist",
    "tabpanel",
    "term",
    "textbox",
    "timer",
    "tooltip",
    "treeitem",
];

/// The role that the element says it has, else the one of its kind.
pub(super) fn role(element: &ElementRef) -> String {
    let given = element.attr("role").unwrap_or("");
    let known = given
        .split_ascii_whitespace()
        .map(str::to_ascii_lowercase)
        .find(|role| ROLES.contains(&role.as_str()));
    match known {
        Some(role) => spelled(&role).to_owned(),
        None => native(element).to_owned(),
    }
}

/// One spelling for roles that have two.
pub(super) fn spelled(role: &str) -> &str {
    match role {
        "img" => "image",
        "presentation" => "none",
        role => role,
    }
}

fn native(element: &ElementRef) -> &'static str {
    match element.value().name() {
        "a" | "area" if element.attr("href").is_some() => "link",
        "article" => "article",
        "aside" => "complementary",
        "blockquote" => "blockquote",
        "button" => "button",
        "caption" => "caption",
        "code" => "code",
        "dd" => "definition",
        "del" | "s" => "deletion",
        "details" | "fieldset" | "optgroup" | "address" | "hgroup" => "group",
        "dfn" | "dt" => "term",
        "dialog" => "dialog",
        "em" => "emphasis",
        "figure" => "figure",
        "footer" if !in_section(element) => "contentinfo",
        "form" => "form",
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => "heading",
        "header" if !in_section(element) => "banner",
        "hr" => "separator",
        "html" => "document",
        "img" if element.attr("alt") == Some("") => "none",
        "img" | "svg" => "image",
        "input" => input(element),
        "ins" => "insertion",
        "li" => "listitem",
        "main" => "main",
        "math" => "math",
        "menu" | "ol" | "ul" => "list",
        "meter" => "meter",
        "nav" => "navigation",
        "option" => "option",
        "output" => "status",
        "p" => "paragraph",
        "progress" => "progressbar",
        "search" => "search",
        "section" => "region",
        "select" if is_list(element) => "listbox",
        "select" => "combobox",
        "strong" => "strong",
        "sub" => "subscript",
        "summary" => "button",
        "sup" => "superscript",
        "table" => "table",
        "tbody" | "thead" | "tfoot" => "rowgroup",
        "td" => "cell",
        "textarea" => "textbox",
        "th" if element.attr("scope") == Some("row") => "rowheader",
        "th" => "columnheader",
        "tr" => "row",
        _ => "generic",
    }
}

fn input(element: &ElementRef) -> &'static str {
    let suggests = element.attr("list").is_some();
    match input_type(element).as_str() {
        "button" | "image" | "reset" | "submit" | "file" => "button",
        "checkbox" => "checkbox",
        "number" => "spinbutton",
        "radio" => "radio",
        "range" => "slider",
        "search" if !suggests => "searchbox",
        "hidden" => "none",
        _ if suggests => "combobox",
        _ => "textbox",
    }
}

/// Whether several options show at once.
fn is_list(select: &ElementRef) -> bool {
    let size = select
        .attr("size")
        .and_then(|size| size.trim().parse::<u32>().ok());
    select.attr("multiple").is_some() || size.is_some_and(|size| size > 1)
}

/// Whether the element stands in a part of the page, so that it is the header or footer of that part.
fn in_section(element: &ElementRef) -> bool {
    element
        .ancestors()
        .filter_map(ElementRef::wrap)
        .any(|around| {
            matches!(
                around.value().name(),
                "article" | "aside" | "main" | "nav" | "section"
            )
        })
}
