//! A page as a document of its own, readable without a network and harmless in any browser: it has
//! no script, loads nothing, leads nowhere, sends nothing, and shows no secret.
//!
//! What is known to be harmless is written; everything else is left out. The walk has no recursion:
//! a page may be as deep as it likes.

mod harmless;
mod masked;

use std::fmt::Write;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::node::Element;
use scraper::{ElementRef, Node};
use secrecy::ExposeSecret;

use self::harmless::{ATTRIBUTES, EMPTY, LEFT_OUT, is_harmless_style, is_plain, written};
use self::masked::Masked;
use super::secrets::{MASK, Secrets};
use crate::form::input_type;
use crate::page::Page;

/// Where a page is cut, in bytes: what comes after is rarely looked at, and pages of many runs are
/// held at once.
pub(super) const MAX_BYTES: usize = 512 * 1024;

/// How much further secrets are looked for: one that begins before the cut ends after it.
const BEYOND_BYTES: usize = 64 * 1024;

/// Even what is overlooked below neither runs nor loads nor leaves.
const HEAD: &str = "<!doctype html><html><head><meta charset=\"utf-8\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\"></head><body>";

const TAIL: &str = "</body></html>";

/// The page as a document, cut at [`MAX_BYTES`].
pub(super) fn document(page: &Page, secrets: &Secrets) -> String {
    let mut writer = Writer {
        page,
        secrets,
        texts: Masked::of(page, secrets, MAX_BYTES + BEYOND_BYTES),
        unread: MAX_BYTES,
        out: String::from(HEAD),
    };
    writer.write();
    writer.out.push_str(TAIL);
    writer.out
}

struct Writer<'page> {
    page: &'page Page,
    secrets: &'page Secrets,
    texts: Masked,
    /// How much of the page's text may still be written.
    unread: usize,
    out: String,
}

impl Writer<'_> {
    fn write(&mut self) {
        let page = self.page;
        let mut left_out: Option<NodeId> = None;
        for edge in page.root().traverse() {
            if self.out.len() >= MAX_BYTES || self.unread == 0 {
                return;
            }
            match edge {
                Edge::Open(node) if left_out.is_none() => match node.value() {
                    Node::Text(text) => self.text(node.id(), text),
                    Node::Element(element) => {
                        let opened =
                            ElementRef::wrap(node).is_some_and(|it| self.open(&it, element));
                        if !opened {
                            left_out = Some(node.id());
                        }
                    }
                    // Comments, and whatever else is no part of what a person sees.
                    _ => {}
                },
                Edge::Close(node) if left_out == Some(node.id()) => left_out = None,
                Edge::Close(node) if left_out.is_none() => {
                    if let Node::Element(element) = node.value() {
                        self.close(element.name());
                    }
                }
                Edge::Open(_) | Edge::Close(_) => {}
            }
        }
    }

    /// Writes the start of an element; false where what it holds is left out, its end too.
    fn open(&mut self, element: &ElementRef, value: &Element) -> bool {
        let name = value.name();
        if LEFT_OUT.contains(&name) {
            return false;
        }
        match name {
            "html" | "head" | "body" => return true,
            "img" => {
                if let Some(alt) = element.attr("alt") {
                    let alt = self.masked(alt);
                    self.out.push_str("<span role=\"img\">[");
                    escape(&mut self.out, &alt);
                    self.out.push_str("]</span>");
                }
                return false;
            }
            "style" => {
                self.style(element);
                return false;
            }
            "input" if input_type(element) == "hidden" => return false,
            _ => {}
        }
        let written = written(name);
        self.out.push('<');
        self.out.push_str(written);
        if written != "title" {
            self.attributes(element, name);
        }
        self.out.push('>');
        match name {
            "textarea" => {
                let given: String = element.text().collect();
                self.field_text(element, &given);
                self.out.push_str("</textarea>");
                false
            }
            _ => !EMPTY.contains(&written),
        }
    }

    fn close(&mut self, name: &str) {
        if !matches!(name, "html" | "head" | "body") {
            // A string takes whatever is written.
            let _ = write!(self.out, "</{}>", written(name));
        }
    }

    fn attributes(&mut self, element: &ElementRef, name: &str) {
        for (attribute, value) in element.value().attrs() {
            let is_known = ATTRIBUTES.contains(&attribute)
                || attribute.strip_prefix("aria-").is_some_and(is_plain);
            let is_style = attribute == "style" && is_harmless_style(value);
            if is_known || is_style {
                self.attribute(attribute, &self.masked(value));
            }
        }
        match name {
            "input" => self.input(element),
            // One of a form would send it.
            "button" => self.attribute("type", "button"),
            "option" if self.is_chosen(element) => self.attribute("selected", ""),
            "meter" | "progress" | "li" => {
                if let Some(value) = element.attr("value") {
                    self.attribute("value", &self.masked(value));
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, element: &ElementRef) {
        let page = self.page;
        let kind = input_type(element);
        let value = match kind.as_str() {
            "checkbox" | "radio" | "file" => None,
            "image" => {
                let alt = element.attr("alt").unwrap_or_default();
                Some(self.masked(alt))
            }
            _ => Some(self.value(element, element.attr("value").unwrap_or_default())),
        };
        let is_masked = value.as_ref().is_some_and(|value| value.contains(MASK));
        let shown = match kind.as_str() {
            "submit" | "reset" | "image" | "button" => "button",
            "password" => "password",
            // A field for a number, a date or a color is empty where it holds something else.
            kind if is_plain(kind) && kind != "file" && !is_masked => kind,
            _ => "text",
        };
        self.attribute("type", shown);
        if matches!(kind.as_str(), "checkbox" | "radio") {
            let by_page = element.attr("checked").is_some();
            let changed = page.fields.checked.get(&element.id());
            if changed.copied().unwrap_or(by_page) {
                self.attribute("checked", "");
            }
        }
        if let Some(value) = value {
            self.attribute("value", &value);
        }
    }

    /// What a field shows: what was typed, or what the page gave, without secrets.
    fn value(&self, element: &ElementRef, given: &str) -> String {
        let fields = &self.page.fields;
        let typed = fields.typed.get(&element.id());
        let value = typed.map_or(given, |typed| typed.expose_secret());
        let of_credential = fields.from_credential.contains_key(&element.id());
        match value.is_empty() {
            true => String::new(),
            false if of_credential || takes_secrets(element) => MASK.to_owned(),
            false => self.masked(value),
        }
    }

    fn field_text(&mut self, element: &ElementRef, given: &str) {
        let value = self.value(element, given);
        escape(&mut self.out, &value);
    }

    fn is_chosen(&self, option: &ElementRef) -> bool {
        let mut around = option.ancestors().filter_map(ElementRef::wrap);
        let select = around.find(|one| one.value().name() == "select");
        let fields = &self.page.fields;
        let chosen = select.and_then(|select| {
            // Which one was chosen would tell what was filled in.
            let of_credential = fields.from_credential.contains_key(&select.id());
            match (of_credential, fields.chosen.get(&select.id())) {
                (true, _) => Some(false),
                (false, chosen) => chosen.map(|chosen| chosen.contains(&option.id())),
            }
        });
        chosen.unwrap_or_else(|| option.attr("selected").is_some())
    }

    fn style(&mut self, element: &ElementRef) {
        let style: String = element.text().collect();
        let style = self.masked(&style);
        if is_harmless_style(&style) && self.out.len() + style.len() < MAX_BYTES {
            let _ = write!(self.out, "<style>{style}</style>");
        }
    }

    /// A text beside those of the page, without secrets.
    fn masked(&self, text: &str) -> String {
        let (text, _) = cut(text, MAX_BYTES + BEYOND_BYTES);
        self.secrets.masked(text, MAX_BYTES)
    }

    fn text(&mut self, id: NodeId, text: &str) {
        let (text, unread) = cut(text, self.unread);
        self.unread = unread;
        let mut done = 0;
        for part in self.texts.parts(id) {
            let start = part.range.start.min(text.len());
            escape(&mut self.out, &text[done..start]);
            if part.is_first && start < text.len() {
                escape(&mut self.out, MASK);
            }
            done = part.range.end.min(text.len());
        }
        escape(&mut self.out, &text[done..]);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        if self.out.len() >= MAX_BYTES {
            return;
        }
        let _ = write!(self.out, " {name}=\"");
        escape(&mut self.out, value);
        self.out.push('"');
    }
}

/// Whether a field is for a password, a code or the like.
fn takes_secrets(element: &ElementRef) -> bool {
    let autocomplete = element.attr("autocomplete").unwrap_or_default();
    let mut words = autocomplete.split_ascii_whitespace();
    input_type(element) == "password"
        || words.any(|word| {
            let word = word.to_ascii_lowercase();
            word == "one-time-code" || word.ends_with("-password") || word.starts_with("cc-")
        })
}

/// So much of a text as may be read, and how much may be read after it.
fn cut(text: &str, most: usize) -> (&str, usize) {
    match most.checked_sub(text.len()) {
        Some(left) => (text, left),
        None => (&text[..text.floor_char_boundary(most)], 0),
    }
}

/// Writes a text so that it ends neither an element nor an attribute; cut at [`MAX_BYTES`].
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        if out.len() >= MAX_BYTES {
            return;
        }
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests;
