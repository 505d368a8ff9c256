//! One value: where it is looked for, and what is made of what stands there.

use std::iter;

use ego_tree::NodeId;
use scraper::ElementRef;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use windlass_playbook::{JsonPlace, Place, Reading, Rule, Selector, SelectorKind, Values};

use super::json;
use super::table::{NoColumn, Row, Table};
use super::term::beside;
use super::typed::{Schema, said, said_in_json};
use crate::act::filled;
use crate::look::{Css, Unlookable, Visits, shown_in_lines};
use crate::page::Page;
use crate::trouble::Trouble;

/// The longest text that is read from one element, in bytes: an output holds values, not pages.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// The longest JSON that a value is made of, with white space and escapes.
const MAX_JSON_BYTES: usize = 4 * MAX_VALUE_BYTES;

/// A rule, ready to be followed on many rows.
pub(super) struct Field<'step> {
    pub(super) name: &'step str,
    rule: &'step Rule,
    schema: Schema<'step>,
    reading: Reading,
    looks_for: Option<LooksFor>,
    /// Where its column stands in the table that is being read.
    column: Option<usize>,
}

/// A selector, filled in. CSS is read once for all rows.
enum LooksFor {
    /// `:scope` alone: the row, or page, itself.
    Scope,
    Css(Css),
    Other(SelectorKind, SecretString),
}

type Elements<'page> = Box<dyn Iterator<Item = Result<ElementRef<'page>, Unlookable>> + 'page>;

/// Where a value is looked for.
pub(super) enum Scope<'table> {
    Page,
    Row(NodeId),
    TableRow(&'table Row),
}

impl<'step> Field<'step> {
    pub(super) fn of(
        name: &'step str,
        rule: &'step Rule,
        schema: Schema<'step>,
        values: &Values,
    ) -> Result<Self, Trouble> {
        let selector = rule.selector();
        Ok(Self {
            name,
            rule,
            schema,
            reading: rule.reading.clone().unwrap_or_else(|| schema.reading()),
            looks_for: selector
                .map(|selector| LooksFor::of(selector, values))
                .transpose()?,
            column: None,
        })
    }

    /// Finds its column in a table.
    pub(super) fn find_column(&mut self, table: &Table, of: &Selector) -> Result<(), Trouble> {
        if let Place::Column { header, .. } = &self.rule.place {
            let column = table.column(header);
            let column = column.map_err(|why| no_column(table, of, header, why))?;
            self.column = Some(column);
        }
        Ok(())
    }

    /// The elements where it may stand, the likeliest first. Most fields take the first alone, so that
    /// the next are looked for only where they are asked for.
    fn elements<'page>(
        &'page self,
        scope: &Scope,
        page: &'page Page,
    ) -> Result<Elements<'page>, Trouble> {
        let within = match (scope, self.column) {
            (Scope::Page, _) => None,
            (Scope::Row(row), _) => Some(*row),
            (Scope::TableRow(row), Some(column)) => match row.cell(column) {
                Some(cell) => Some(cell),
                None => return Ok(Box::new(iter::empty())),
            },
            (Scope::TableRow(row), None) => Some(row.id),
        };
        let element = within.and_then(|id| page.element(id));
        Ok(match &self.looks_for {
            None | Some(LooksFor::Scope) => Box::new(element.into_iter().map(Ok)),
            Some(LooksFor::Css(css)) => Box::new(page.matches(element, css)),
            Some(LooksFor::Other(kind, text)) => {
                let looked = page.look(within, *kind, text.expose_secret());
                let looked = looked.map_err(|problem| self.unlookable(&problem))?;
                Box::new(looked.into_iter().filter_map(|id| page.element(id)).map(Ok))
            }
        })
    }

    fn next<'page>(
        &self,
        elements: &mut Elements<'page>,
    ) -> Result<Option<ElementRef<'page>>, Trouble> {
        let next = elements.next().transpose();
        next.map_err(|problem| self.unlookable(&problem))
    }

    fn unlookable(&self, problem: &Unlookable) -> Trouble {
        Trouble::task(format!("{} {problem}", self.sought()))
    }

    /// How its place is called: `#amount`, `column "Amount"`, `term "Due" of dl`.
    fn sought(&self) -> String {
        match &self.rule.place {
            Place::Element(selector) => selector.to_string(),
            Place::Column { header, selector } => match selector {
                None => format!("column {header:?}"),
                Some(selector) => format!("{selector} in column {header:?}"),
            },
            Place::Term { list, term } => format!("term {term:?} of {list}"),
        }
    }
}

impl LooksFor {
    fn of(selector: &Selector, values: &Values) -> Result<Self, Trouble> {
        let filled = filled(selector, values)?;
        let text = filled.expose_secret();
        match selector.kind {
            SelectorKind::Css | SelectorKind::Pierce if text.trim() == ":scope" => Ok(Self::Scope),
            SelectorKind::Css | SelectorKind::Pierce => match Css::parse(text) {
                Some(css) => Ok(Self::Css(css)),
                None => Err(Trouble::task(format!("{selector} is no CSS selector"))),
            },
            kind @ (SelectorKind::Aria | SelectorKind::Text | SelectorKind::XPath) => {
                Ok(Self::Other(kind, filled))
            }
        }
    }
}

fn no_column(table: &Table, of: &Selector, header: &str, why: NoColumn) -> Trouble {
    let known: Vec<_> = table.headers.iter().map(|text| shortened(text)).collect();
    let known = known.join(", ");
    let by_rows = "it is read by `rows`, and selectors that look from one row at the next";
    Trouble::task(match why {
        NoColumn::NoneOfThem if table.headers.iter().all(String::is_empty) => format!(
            "the table {of} has no column {header:?}: it shows no header cells, and is read by `rows` \
             and selectors"
        ),
        NoColumn::NoneOfThem => format!("the table {of} has no column {header:?}; it has {known}"),
        NoColumn::Several => {
            format!("the table {of} has several columns {header:?}; it has {known}")
        }
        NoColumn::Stacked(column) => {
            let full = table.headers.get(column).map_or("", String::as_str);
            format!(
                "the table {of} has several headers one over the other in the column {header:?}: where \
                 a record has one row, name it {full:?}, and where it has several, {by_rows}"
            )
        }
        NoColumn::InSeveralRows => format!(
            "the table {of} has several rows for each record, as for its headers, so that a column \
             such as {header:?} is of none alone: {by_rows}"
        ),
    })
}

fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// The value; or what was looked for in vain, as a half sentence.
pub(super) fn read(
    field: &Field,
    scope: &Scope,
    page: &Page,
) -> Result<Result<Value, String>, Trouble> {
    let found = field.elements(scope, page)?;
    let mut elements: Elements = match &field.rule.place {
        Place::Term { term, .. } => Box::new(found.filter_map(|list| match list {
            Ok(list) => match beside(page, &list, term) {
                Ok(value) => Some(Ok(page.element(value?)?)),
                Err(problem) => Some(Err(problem)),
            },
            Err(problem) => Some(Err(problem)),
        })),
        Place::Element(_) | Place::Column { .. } => found,
    };
    let mut element = field.next(&mut elements)?;
    let Some(first) = element else {
        return Ok(Err(format!("{} found nothing", field.sought())));
    };
    let Some(place) = &field.rule.json else {
        return in_text(field, &first, page);
    };
    let mut visits = page.visits();
    while let Some(one) = element {
        if let Some(value) = json_in(field, &one, place, &mut visits)? {
            return in_json(field, value, page);
        }
        element = field.next(&mut elements)?;
    }
    let (sought, pointer) = (field.sought(), &place.pointer);
    Ok(Err(format!("{sought} holds no JSON with {pointer:?}")))
}

/// What stands at a place in the JSON of an element's attribute, or of its text as it was written.
///
/// # Errors
/// There is too much to read, as elements may be within each other, or it is too long.
fn json_in(
    field: &Field,
    element: &ElementRef,
    place: &JsonPlace,
    visits: &mut Visits,
) -> Result<Option<Value>, Trouble> {
    let unlookable = |problem| field.unlookable(&problem);
    let text = match &field.rule.attribute {
        Some(name) => element.attr(name).unwrap_or_default().to_owned(),
        None => visits.texts_in(**element).map_err(unlookable)?,
    };
    match json::at(&text, place, visits).map_err(unlookable)? {
        Some(found) if found.len() > MAX_JSON_BYTES => Err(too_long(field)),
        found => Ok(found.and_then(|found| serde_json::from_str(found).ok())),
    }
}

fn in_json(field: &Field, value: Value, page: &Page) -> Result<Result<Value, String>, Trouble> {
    if value.is_null() {
        return Ok(Err(format!("{} holds null there", field.sought())));
    }
    if value.to_string().len() > MAX_VALUE_BYTES {
        return Err(too_long(field));
    }
    let reading = field.rule.reading.as_ref();
    let said = said_in_json(value, reading, field.schema, language(page));
    said.map(Ok).ok_or_else(|| no_such_value(field))
}

fn in_text(
    field: &Field,
    element: &ElementRef,
    page: &Page,
) -> Result<Result<Value, String>, Trouble> {
    let text = match &field.rule.attribute {
        None => match field.reading {
            // A number must not be put together of two that are shown apart.
            Reading::Number { .. } => shown_in_lines(page, element),
            Reading::Text | Reading::Date { .. } | Reading::Boolean => page.shown_text(element),
        },
        Some(name) => match element.attr(name) {
            // An address is of use only where it is whole.
            Some(address) if matches!(name.as_str(), "href" | "src") => page
                .resolve(address)
                .map_or_else(|| address.to_owned(), String::from),
            Some(value) => value.to_owned(),
            None => return Ok(Err(format!("{} has no attribute {name}", field.sought()))),
        },
    };
    if text.len() > MAX_VALUE_BYTES {
        return Err(too_long(field));
    }
    // An empty element says nothing, like one that is not there; any other text must be what it is
    // taken for.
    if text.trim().is_empty() {
        return Ok(Err(format!("{} is empty", field.sought())));
    }
    let said = said(&text, &field.reading, field.schema, language(page));
    said.map(Ok).ok_or_else(|| no_such_value(field))
}

/// The language that the page says it is in.
fn language(page: &Page) -> Option<&str> {
    page.elements().next().and_then(|root| root.attr("lang"))
}

fn too_long(field: &Field) -> Trouble {
    let name = field.name;
    Trouble::task(format!(
        "{name} has a text of more than {MAX_VALUE_BYTES} bytes"
    ))
}

fn no_such_value(field: &Field) -> Trouble {
    let kind = match field.reading {
        Reading::Text => "text",
        Reading::Number { .. } => "number",
        Reading::Date { .. } => "date",
        Reading::Boolean => "yes or no",
    };
    let (name, sought) = (field.name, field.sought());
    Trouble::task(format!("the text of {name} ({sought}) is no {kind}"))
}
