//! Forms: what a field holds, and what is sent when a form is submitted. Source: the HTML standard,
//! "Constructing the entry list" and "Form submission".

use ego_tree::NodeId;
use reqwest::Method;
use scraper::ElementRef;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::page::{Page, is, text_of};

/// What is sent when a form is submitted.
pub(crate) struct Submission {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The fields, encoded, where they are no part of the URL.
    pub(crate) body: Option<SecretString>,
}

/// Why this tier cannot submit a form or fill in a field, to follow "it ".
pub(crate) type Hindrance = &'static str;

/// An input's type; what is unknown is text.
pub(crate) fn input_type(input: &ElementRef) -> String {
    input
        .attr("type")
        .unwrap_or("text")
        .trim()
        .to_ascii_lowercase()
}

/// Whether a click on it submits its form.
pub(crate) fn is_submitter(element: &ElementRef) -> bool {
    match element.value().name() {
        "button" => {
            let kind = element.attr("type").unwrap_or("submit");
            !kind.eq_ignore_ascii_case("button") && !kind.eq_ignore_ascii_case("reset")
        }
        "input" => matches!(input_type(element).as_str(), "submit" | "image"),
        _ => false,
    }
}

impl Page {
    /// Types into a field, or chooses of its options.
    pub(crate) fn change(&mut self, id: NodeId, value: SecretString) -> Result<(), Hindrance> {
        let field = self.element(id).ok_or("is gone")?;
        match field.value().name() {
            "textarea" => {}
            "select" => {
                let option =
                    option_of(&field, value.expose_secret()).ok_or("has no such option")?;
                self.fields.chosen.insert(id, option);
                return Ok(());
            }
            "input" => match input_type(&field).as_str() {
                "checkbox" | "radio" => {
                    let checked = !matches!(value.expose_secret(), "" | "false" | "off");
                    self.check(id, checked);
                    return Ok(());
                }
                "file" => return Err("takes a file, which needs a browser"),
                "submit" | "image" | "button" | "reset" => return Err("is a button and no field"),
                _ => {}
            },
            _ => return Err("is no field of a form; it needs a browser"),
        }
        self.fields.typed.insert(id, value);
        Ok(())
    }

    /// Clicks a checkbox or radio button.
    pub(crate) fn toggle(&mut self, id: NodeId) {
        let Some(field) = self.element(id) else {
            return;
        };
        let checked = input_type(&field) == "radio" || !self.is_checked(&field);
        self.check(id, checked);
    }

    fn check(&mut self, id: NodeId, checked: bool) {
        for rival in self.rivals(id) {
            self.fields.checked.insert(rival, false);
        }
        self.fields.checked.insert(id, checked);
    }

    /// The radio buttons of the same name in the same form.
    fn rivals(&self, id: NodeId) -> Vec<NodeId> {
        let Some(field) = self
            .element(id)
            .filter(|field| input_type(field) == "radio")
        else {
            return Vec::new();
        };
        let form = form_around(&field).map(|form| form.id());
        self.elements()
            .filter(|other| is(other, "input") && input_type(other) == "radio")
            .filter(|other| other.attr("name") == field.attr("name"))
            .filter(|other| other.attr("form") == field.attr("form"))
            .filter(|other| form_around(other).map(|form| form.id()) == form)
            .map(|other| other.id())
            .collect()
    }

    fn is_checked(&self, field: &ElementRef) -> bool {
        let changed = self.fields.checked.get(&field.id()).copied();
        changed.unwrap_or_else(|| field.attr("checked").is_some())
    }

    /// The form that a button belongs to.
    fn form_of<'page>(&'page self, button: &ElementRef<'page>) -> Option<ElementRef<'page>> {
        if let Some(id) = button.attr("form") {
            return self
                .elements()
                .find(|form| is(form, "form") && form.attr("id") == Some(id));
        }
        let mut owners = Owners::default();
        self.elements()
            .map(|element| (element.id(), owners.of(&element)))
            .find(|(id, _)| *id == button.id())
            .and_then(|(_, form)| form)
    }

    /// What a click on a form's button sends.
    pub(crate) fn submission(&self, submitter: &ElementRef) -> Result<Submission, Hindrance> {
        let form = self
            .form_of(submitter)
            .ok_or("stands in no form; it needs a browser")?;
        let given = |on_button: &str, on_form: &str| {
            submitter
                .attr(on_button)
                .or_else(|| form.attr(on_form))
                .unwrap_or("")
                .trim()
        };
        let action = given("formaction", "action");
        let mut url = match action {
            "" => self.url.clone(),
            action => self
                .resolve(action)
                .ok_or("submits to an address that cannot be read")?,
        };
        let encoded = self.encode(&form, submitter);
        match given("formmethod", "method").to_ascii_lowercase().as_str() {
            "post" => {
                let encoding = given("formenctype", "enctype").to_ascii_lowercase();
                if matches!(encoding.as_str(), "multipart/form-data" | "text/plain") {
                    return Err("submits a form that can upload files, which needs a browser");
                }
                Ok(Submission {
                    method: Method::POST,
                    url,
                    body: Some(encoded),
                })
            }
            "dialog" => Err("closes a dialog, which needs a browser"),
            _ => {
                url.set_query(Some(encoded.expose_secret()));
                Ok(Submission {
                    method: Method::GET,
                    url,
                    body: None,
                })
            }
        }
    }

    fn encode(&self, form: &ElementRef, submitter: &ElementRef) -> SecretString {
        let mut entries = Serializer::new(String::new());
        let mut owners = Owners::default();
        for field in self.elements() {
            let control = matches!(
                field.value().name(),
                "input" | "select" | "textarea" | "button"
            );
            let around = owners.of(&field);
            let owned = match field.attr("form") {
                Some(id) => form.attr("id") == Some(id),
                None => around.is_some_and(|around| around.id() == form.id()),
            };
            if control && owned && !is_disabled(&field) {
                self.append(&mut entries, &field, submitter.id());
            }
        }
        SecretString::from(entries.finish())
    }

    fn append(&self, entries: &mut Serializer<'_, String>, field: &ElementRef, submitter: NodeId) {
        let name = field.attr("name").unwrap_or("");
        let kind = input_type(field);
        if is(field, "input") && kind == "image" && field.id() == submitter {
            let prefix = if name.is_empty() {
                String::new()
            } else {
                format!("{name}.")
            };
            entries
                .append_pair(&format!("{prefix}x"), "0")
                .append_pair(&format!("{prefix}y"), "0");
            return;
        }
        if name.is_empty() {
            return;
        }
        match field.value().name() {
            "select" => {
                for option in self.selected(field) {
                    entries.append_pair(name, &option_value(&option));
                }
            }
            "button" if field.id() == submitter => {
                entries.append_pair(name, field.attr("value").unwrap_or(""));
            }
            "textarea" => self.append_text(entries, name, field, &field.text().collect::<String>()),
            "input" => match kind.as_str() {
                "checkbox" | "radio" if self.is_checked(field) => {
                    entries.append_pair(name, field.attr("value").unwrap_or("on"));
                }
                "submit" if field.id() == submitter => {
                    entries.append_pair(name, field.attr("value").unwrap_or("Submit"));
                }
                "checkbox" | "radio" | "submit" | "image" | "button" | "reset" => {}
                "file" => {
                    entries.append_pair(name, "");
                }
                _ => self.append_text(entries, name, field, field.attr("value").unwrap_or("")),
            },
            _ => {}
        }
    }

    fn append_text(
        &self,
        entries: &mut Serializer<'_, String>,
        name: &str,
        field: &ElementRef,
        default: &str,
    ) {
        match self.fields.typed.get(&field.id()) {
            Some(typed) => entries.append_pair(name, typed.expose_secret()),
            None => entries.append_pair(name, default),
        };
    }

    fn selected<'page>(&self, select: &ElementRef<'page>) -> Vec<ElementRef<'page>> {
        let options = || options(select).filter(|option| !is_disabled(option));
        if let Some(chosen) = self.fields.chosen.get(&select.id()) {
            return options().filter(|option| option.id() == *chosen).collect();
        }
        let multiple = select.attr("multiple").is_some();
        let mut selected: Vec<_> = options()
            .filter(|option| option.attr("selected").is_some())
            .collect();
        if !multiple && selected.is_empty() {
            // A closed list shows its first option, and sends what it shows.
            selected.extend(options().next());
        }
        if !multiple && selected.len() > 1 {
            selected.drain(..selected.len() - 1);
        }
        selected
    }
}

fn form_around<'page>(field: &ElementRef<'page>) -> Option<ElementRef<'page>> {
    field
        .ancestors()
        .filter_map(ElementRef::wrap)
        .find(|element| is(element, "form"))
}

/// Tells the form of each element, where it is asked for all of a page in their order.
///
/// Old pages write `<table><form><tr>`. The parser may put no row into that form and closes it at once,
/// yet the fields in the rows after it are its own (HTML standard, "form element pointer").
#[derive(Default)]
struct Owners<'page> {
    in_table: Option<ElementRef<'page>>,
}

impl<'page> Owners<'page> {
    fn of(&mut self, element: &ElementRef<'page>) -> Option<ElementRef<'page>> {
        if is(element, "form") {
            let parent = element.parent().and_then(ElementRef::wrap);
            let tables = ["table", "tbody", "thead", "tfoot", "tr"];
            let cut = parent.is_some_and(|parent| tables.contains(&parent.value().name()));
            self.in_table = Some(*element).filter(|form| cut && !form.has_children());
        }
        form_around(element).or_else(|| {
            let table = self.in_table?.parent()?.id();
            let inside = element.ancestors().any(|around| around.id() == table);
            self.in_table.filter(|_| inside)
        })
    }
}

fn options<'page>(
    select: &ElementRef<'page>,
) -> impl Iterator<Item = ElementRef<'page>> + use<'page> {
    select
        .descendants()
        .filter_map(ElementRef::wrap)
        .filter(|element| is(element, "option"))
}

fn option_value(option: &ElementRef) -> String {
    option
        .attr("value")
        .map_or_else(|| text_of(option), str::to_owned)
}

/// The option of this value, else the one that shows this text.
fn option_of(select: &ElementRef, wanted: &str) -> Option<NodeId> {
    let by_value = options(select).find(|option| option_value(option) == wanted);
    let by_text = || options(select).find(|option| text_of(option) == wanted.trim());
    by_value.or_else(by_text).map(|option| option.id())
}

fn is_disabled(field: &ElementRef) -> bool {
    let in_disabled_set = || {
        field
            .ancestors()
            .filter_map(ElementRef::wrap)
            .any(|element| is(&element, "fieldset") && element.attr("disabled").is_some())
    };
    field.attr("disabled").is_some() || in_disabled_set()
}

#[cfg(test)]
mod tests;
