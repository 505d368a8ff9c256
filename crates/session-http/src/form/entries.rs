//! The fields that a form sends. Source: the HTML standard, "Constructing the entry list".

use std::collections::HashMap;

use encoding_rs::Encoding;
use scraper::ElementRef;
use secrecy::ExposeSecret;

use crate::form::upload::{self, Upload};
use crate::form::value::{cut, sanitized};
use crate::form::{Hindrance, input_type, is_control, is_disabled, option_value};
use crate::page::{Page, is};

/// One field that is sent.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    File(Upload),
}

struct Entries<'page> {
    page: &'page Page,
    submitter: Option<ElementRef<'page>>,
    encoding: &'static Encoding,
    /// None where another radio button of the same name came after.
    found: Vec<Option<Entry>>,
    /// Where in them each radio button is that is checked, by its name.
    radios: HashMap<String, usize>,
}

/// The fields of a form in the order of the page; of its buttons the one that was clicked.
pub(super) fn of<'page>(
    page: &'page Page,
    form: &ElementRef<'page>,
    submitter: Option<&ElementRef<'page>>,
    encoding: &'static Encoding,
) -> Result<Vec<Entry>, Hindrance> {
    let mut entries = Entries {
        page,
        submitter: submitter.copied(),
        encoding,
        found: Vec::new(),
        radios: HashMap::new(),
    };
    let mut visits = page.visits();
    for field in page.elements() {
        visits.add(1)?;
        if is_control(&field) && !is_disabled(&field) && page.owner(&field)? == Some(*form) {
            entries.add_field(&field);
        }
    }
    Ok(entries.found.into_iter().flatten().collect())
}

impl<'page> Entries<'page> {
    fn add_field(&mut self, field: &ElementRef<'page>) {
        let name = field.attr("name").unwrap_or("");
        let clicked = self.submitter == Some(*field);
        let kind = input_type(field);
        if is(field, "input") && kind == "image" && clicked {
            let prefix = match name {
                "" => String::new(),
                name => format!("{name}."),
            };
            self.add(&format!("{prefix}x"), "0");
            self.add(&format!("{prefix}y"), "0");
            return;
        }
        if name.is_empty() {
            return;
        }
        match field.value().name() {
            "select" => {
                for option in self.page.selected(field) {
                    self.add(name, &option_value(&option));
                }
            }
            "button" if clicked => self.add(name, field.attr("value").unwrap_or("")),
            "textarea" => {
                let text = match self.typed(field) {
                    Some(typed) => cut("textarea", field, &typed.replace("\r\n", "\n")),
                    None => field.text().collect(),
                };
                self.add(name, &text);
                self.add_direction(field);
            }
            "input" => self.add_input(name, &kind, field, clicked),
            _ => {}
        }
    }

    fn add_input(&mut self, name: &str, kind: &str, field: &ElementRef<'page>, clicked: bool) {
        let value = field.attr("value");
        match kind {
            "checkbox" if self.page.is_checked(field) => self.add(name, value.unwrap_or("on")),
            "radio" if self.page.is_checked(field) => {
                // Of several that the page checks, the last one stays checked.
                let before = self.radios.insert(name.to_owned(), self.found.len());
                if let Some(before) = before.and_then(|place| self.found.get_mut(place)) {
                    *before = None;
                }
                self.add(name, value.unwrap_or("on"));
            }
            "submit" if clicked => self.add(name, value.unwrap_or("Submit")),
            "checkbox" | "radio" | "submit" | "image" | "button" | "reset" => {}
            "file" => {
                let typed = self.typed(field);
                let file = typed
                    .and_then(|typed| upload::read(&typed))
                    .unwrap_or_default();
                self.found.push(Some(Entry {
                    name: name.to_owned(),
                    value: Value::File(file),
                }));
            }
            "hidden" if name.eq_ignore_ascii_case("_charset_") => {
                self.add(name, self.encoding.name());
            }
            _ => {
                let value = match self.typed(field) {
                    Some(typed) => cut(kind, field, &sanitized(kind, field, &typed)),
                    None => sanitized(kind, field, value.unwrap_or("")),
                };
                self.add(name, &value);
                self.add_direction(field);
            }
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        self.found.push(Some(Entry {
            name: name.to_owned(),
            value: Value::Text(value.to_owned()),
        }));
    }

    fn add_direction(&mut self, field: &ElementRef) {
        if let Some(name) = field.attr("dirname").filter(|name| !name.is_empty()) {
            let around = field.ancestors().filter_map(ElementRef::wrap);
            let mut given = std::iter::once(*field)
                .chain(around)
                .filter_map(|one| one.attr("dir"));
            let to_left = given
                .next()
                .is_some_and(|given| given.eq_ignore_ascii_case("rtl"));
            self.add(name, if to_left { "rtl" } else { "ltr" });
        }
    }

    fn typed(&self, field: &ElementRef) -> Option<String> {
        let typed = self.page.fields.typed.get(&field.id())?;
        Some(typed.expose_secret().to_owned())
    }
}
