//! What of a page is harmless: elements, attributes and styles that neither run, load, send nor leave.

/// The longest ending of an `aria-` attribute, and the longest type of a field.
const MAX_NAME: usize = 32;

/// Written under their own names.
const WRITTEN: &[&str] = &[
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "button",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "dialog",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "i",
    "input",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "main",
    "mark",
    "meter",
    "nav",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "pre",
    "progress",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Left out with all that they hold.
pub(super) const LEFT_OUT: &[&str] = &[
    "applet", "audio", "base", "canvas", "embed", "frame", "frameset", "iframe", "link", "math",
    "meta", "noembed", "noframes", "noscript", "object", "param", "portal", "script", "source",
    "svg", "template", "track", "video",
];

/// They hold nothing and have no end tag.
pub(super) const EMPTY: &[&str] = &["br", "col", "hr", "input", "wbr"];

/// Attributes that say how an element looks or what it is, and lead nowhere.
pub(super) const ATTRIBUTES: &[&str] = &[
    "align",
    "alt",
    "class",
    "cols",
    "colspan",
    "datetime",
    "dir",
    "disabled",
    "for",
    "headers",
    "hidden",
    "high",
    "id",
    "label",
    "lang",
    "low",
    "max",
    "min",
    "multiple",
    "open",
    "optimum",
    "placeholder",
    "readonly",
    "role",
    "rows",
    "rowspan",
    "scope",
    "size",
    "span",
    "start",
    "title",
    "valign",
];

/// What a style may not have: each loads something, runs something, or hides that it does.
const NOT_IN_STYLES: &[&str] = &[
    "@import",
    "@namespace",
    "@font-face",
    "url",
    "src(",
    "image",
    "expression",
    "behavior",
    "binding",
    "attr(",
    "\\",
    "<",
    "&",
];

/// What an element is written as.
pub(super) fn written(name: &str) -> &str {
    match name {
        "form" | "menu" | "search" => "div",
        "listing" | "plaintext" | "xmp" => "pre",
        name if WRITTEN.contains(&name) => name,
        // A link is a text that leads nowhere; what nobody knows is shown as what it holds.
        _ => "span",
    }
}

/// Whether a style neither loads nor runs anything, and ends where it ends.
pub(super) fn is_harmless_style(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    !NOT_IN_STYLES.iter().any(|not| style.contains(not))
}

/// Whether a name is short and made of small letters.
pub(super) fn is_plain(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
