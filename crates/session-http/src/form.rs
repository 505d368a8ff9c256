//! Forms: what a field holds, and what is sent when a form is submitted. Nothing is validated here:
//! what a form refuses, its server refuses too. Source: the HTML standard, "Form submission".

mod body;
mod entries;
mod owner;
#[cfg(test)]
mod tests;
mod upload;
mod value;

use std::collections::HashSet;

use ego_tree::NodeId;
use reqwest::Method;
use scraper::ElementRef;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::look::text_of;
use crate::page::{Page, is};

pub(crate) use self::body::FormBody;
pub(crate) use self::owner::Owners;

/// What is sent when a form is submitted.
pub(crate) struct Submission {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The fields, encoded, where they are no part of the URL.
    pub(crate) body: Option<FormBody>,
    /// Whether there are fields, in the body or the URL.
    pub(crate) has_fields: bool,
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

/// Whether it is a field or a button.
pub(crate) fn is_control(element: &ElementRef) -> bool {
    matches!(
        element.value().name(),
        "input" | "select" | "textarea" | "button"
    )
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
        if is_disabled(&field) {
            return Err("is disabled");
        }
        match field.value().name() {
            "textarea" => {}
            "select" => {
                let option =
                    option_of(&field, value.expose_secret()).ok_or("has no such option")?;
                let several = field.attr("multiple").is_some();
                let chosen = self.fields.chosen.entry(id).or_default();
                if !several {
                    chosen.clear();
                }
                chosen.insert(option);
                return Ok(());
            }
            "input" => match input_type(&field).as_str() {
                "checkbox" | "radio" => {
                    let checked = !matches!(value.expose_secret(), "" | "false" | "off");
                    return self.check(id, checked);
                }
                "file" => {
                    upload::read(value.expose_secret())
                        .ok_or("takes a file, written as a data: URL")?;
                }
                "submit" | "image" | "button" | "reset" => return Err("is a button and no field"),
                // A browser takes no space there.
                "number" if value.expose_secret().contains(char::is_whitespace) => {
                    let letters = value.expose_secret().chars();
                    let typed: String = letters.filter(|letter| !letter.is_whitespace()).collect();
                    return self.change(id, typed.into());
                }
                kind => {
                    if let Some(refusal) = value::refusal(kind, value.expose_secret()) {
                        return Err(refusal);
                    }
                }
            },
            _ => return Err("is no field of a form; it needs a browser"),
        }
        self.fields.typed.insert(id, value);
        Ok(())
    }

    /// Clicks an option: of a list that takes several, it is chosen or no longer.
    pub(crate) fn choose(&mut self, select: NodeId, option: NodeId) {
        let list = self.element(select);
        let several = list.filter(|list| list.attr("multiple").is_some());
        let chosen = match several {
            None => HashSet::from([option]),
            Some(list) => {
                let selected = self.selected(&list).into_iter();
                let mut chosen: HashSet<NodeId> = selected.map(|one| one.id()).collect();
                if !chosen.remove(&option) {
                    chosen.insert(option);
                }
                chosen
            }
        };
        self.fields.chosen.insert(select, chosen);
    }

    /// Clicks a checkbox or radio button.
    pub(crate) fn toggle(&mut self, id: NodeId) -> Result<(), Hindrance> {
        let field = self.element(id).ok_or("is gone")?;
        let checked = input_type(&field) == "radio" || !self.is_checked(&field);
        self.check(id, checked)
    }

    fn check(&mut self, id: NodeId, checked: bool) -> Result<(), Hindrance> {
        for rival in self.rivals(id)? {
            self.fields.checked.insert(rival, false);
        }
        self.fields.checked.insert(id, checked);
        Ok(())
    }

    /// The radio buttons of the same name in the same form.
    fn rivals(&self, id: NodeId) -> Result<Vec<NodeId>, Hindrance> {
        let Some(field) = self
            .element(id)
            .filter(|field| input_type(field) == "radio")
        else {
            return Ok(Vec::new());
        };
        let Some(named) = field.attr("name").filter(|name| !name.is_empty()) else {
            return Ok(Vec::new());
        };
        let form = self.owner(&field)?;
        let (mut rivals, mut visits) = (Vec::new(), self.visits());
        for other in self.elements() {
            visits.add(1)?;
            let alike = is(&other, "input")
                && input_type(&other) == "radio"
                && other.attr("name") == Some(named);
            if alike && self.owner(&other)? == form {
                rivals.push(other.id());
            }
        }
        Ok(rivals)
    }

    fn is_checked(&self, field: &ElementRef) -> bool {
        let changed = self.fields.checked.get(&field.id()).copied();
        changed.unwrap_or_else(|| field.attr("checked").is_some())
    }

    /// What a click on a form's button sends; None where it closes a dialog.
    pub(crate) fn submission(
        &self,
        submitter: &ElementRef,
    ) -> Result<Option<Submission>, Hindrance> {
        let form = self
            .owner(submitter)?
            .ok_or("stands in no form; it needs a browser")?;
        self.submission_of(&form, Some(submitter))
    }

    /// What Enter in a field sends: a click on the form's first button, or the form alone where it has
    /// no button and no other field to go to ("implicit submission").
    pub(crate) fn enter(&self, field: NodeId) -> Result<Option<Submission>, Hindrance> {
        let field = self.element(field).ok_or("is gone")?;
        let form = self
            .owner(&field)?
            .ok_or("stands in no form; it needs a browser")?;
        let one_line = |element: &ElementRef| {
            let kind = input_type(element);
            let other = [
                "checkbox", "radio", "hidden", "button", "reset", "file", "range", "color",
            ];
            is(element, "input") && !other.contains(&kind.as_str())
        };
        let (mut lines, mut visits) = (0, self.visits());
        for element in self.elements() {
            visits.add(1)?;
            if !is_control(&element) || self.owner(&element)? != Some(form) {
                continue;
            }
            if is_submitter(&element) {
                return match is_disabled(&element) {
                    true => Ok(None),
                    false => self.submission_of(&form, Some(&element)),
                };
            }
            lines += usize::from(one_line(&element));
        }
        match lines {
            0 | 1 => self.submission_of(&form, None),
            _ => Ok(None),
        }
    }

    /// Whether at most one button sends the form of a field: whoever goes on from the field, and presses
    /// Enter there, means that.
    pub(crate) fn has_one_button(&self, field: NodeId) -> Result<bool, Hindrance> {
        let Some(field) = self.element(field) else {
            return Ok(false);
        };
        let form = self.owner(&field)?;
        let (mut buttons, mut visits) = (0, self.visits());
        for element in self.elements() {
            visits.add(1)?;
            buttons += usize::from(is_submitter(&element) && self.owner(&element)? == form);
        }
        Ok(form.is_some() && buttons <= 1)
    }

    fn submission_of(
        &self,
        form: &ElementRef,
        submitter: Option<&ElementRef>,
    ) -> Result<Option<Submission>, Hindrance> {
        let given = |on_button: &str, on_form: &str| {
            submitter
                .and_then(|submitter| submitter.attr(on_button))
                .or_else(|| form.attr(on_form))
                .unwrap_or("")
                .trim()
        };
        let mut url = match given("formaction", "action") {
            "" => self.url.clone(),
            action => self
                .resolve(action)
                .ok_or("submits to an address that cannot be read")?,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err("submits to a script or another program; it needs a browser");
        }
        let encoding = body::encoding(form.attr("accept-charset"), self.encoding);
        let entries = || entries::of(self, form, submitter, encoding);
        match given("formmethod", "method").to_ascii_lowercase().as_str() {
            "post" => {
                let kind = given("formenctype", "enctype").to_ascii_lowercase();
                let body = FormBody::of(&kind, &entries()?, encoding);
                Ok(Some(Submission {
                    method: Method::POST,
                    url,
                    body: Some(body),
                    has_fields: true,
                }))
            }
            "dialog" => Ok(None),
            _ => {
                let entries = entries()?;
                url.set_query(Some(&body::url_encoded(&entries, encoding)));
                Ok(Some(Submission {
                    method: Method::GET,
                    url,
                    body: None,
                    has_fields: !entries.is_empty(),
                }))
            }
        }
    }

    /// What a list sends.
    fn selected<'page>(&self, select: &ElementRef<'page>) -> Vec<ElementRef<'page>> {
        let mut selected = self.chosen(select);
        selected.retain(|option| !is_disabled_option(option));
        selected
    }

    /// The options of a list that are chosen, and show so.
    pub(crate) fn chosen<'page>(&self, select: &ElementRef<'page>) -> Vec<ElementRef<'page>> {
        if let Some(chosen) = self.fields.chosen.get(&select.id()) {
            return options(select)
                .filter(|option| chosen.contains(&option.id()))
                .collect();
        }
        let multiple = select.attr("multiple").is_some();
        let size = select
            .attr("size")
            .and_then(|size| size.trim().parse::<u32>().ok());
        let closed = !multiple && size.is_none_or(|size| size <= 1);
        let mut selected: Vec<_> = options(select)
            .filter(|option| option.attr("selected").is_some())
            .collect();
        if !multiple && selected.len() > 1 {
            selected.drain(..selected.len() - 1);
        }
        if closed && selected.is_empty() {
            // A closed list shows its first option, and sends what it shows.
            selected.extend(options(select).find(|option| !is_disabled_option(option)));
        }
        selected
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

/// Without a value of its own it is its text, in which no-break spaces stay. Source: the HTML standard,
/// "The option element", `text`.
fn option_value(option: &ElementRef) -> String {
    if let Some(value) = option.attr("value") {
        return value.to_owned();
    }
    let text: String = option.text().collect();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.join(" ")
}

/// The option of this value, else the one that shows this text.
fn option_of(select: &ElementRef, wanted: &str) -> Option<NodeId> {
    let options = || options(select).filter(|option| !is_disabled_option(option));
    let by_value = options().find(|option| option_value(option) == wanted);
    let shows = |option: &ElementRef| {
        text_of(option) == wanted.trim() || option.attr("label") == Some(wanted)
    };
    by_value
        .or_else(|| options().find(shows))
        .map(|option| option.id())
}

/// Whether an option cannot be chosen.
pub(crate) fn is_disabled_option(option: &ElementRef) -> bool {
    let mut around = option.ancestors().filter_map(ElementRef::wrap);
    option.attr("disabled").is_some()
        || around.any(|group| is(&group, "optgroup") && group.attr("disabled").is_some())
}

/// How many nodes before a legend are looked at: it is the first one of its set, and written there.
const MAX_BEFORE_LEGEND: usize = 100;

/// Whether it is the first legend of the set around it.
fn is_first_legend(element: &ElementRef) -> bool {
    let mut before = element
        .prev_siblings()
        .take(MAX_BEFORE_LEGEND + 1)
        .enumerate();
    let is_legend = |node| ElementRef::wrap(node).is_some_and(|element| is(&element, "legend"));
    is(element, "legend")
        && before.all(|(place, node)| place < MAX_BEFORE_LEGEND && !is_legend(node))
}

/// Whether the field can neither be changed nor is sent. What stands in the first legend of a disabled
/// set is not disabled by it.
pub(crate) fn is_disabled(field: &ElementRef) -> bool {
    if field.attr("disabled").is_some() {
        return true;
    }
    let mut inner = *field;
    for around in field.ancestors().filter_map(ElementRef::wrap) {
        let is_set = is(&around, "fieldset") && around.attr("disabled").is_some();
        if is_set && !is_first_legend(&inner) {
            return true;
        }
        inner = around;
    }
    false
}
