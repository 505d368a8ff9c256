//! `windlass.extract`: what is read from the page into the output.

use crate::custom::{named, optional_selector, pages, required_selector};
use crate::extraction::{
    DateOrder, Decimal, Extract, Extraction, JsonPlace, Place, Reading, Rows, Rule,
};
use crate::problem::ProblemKind;
use crate::reader::{Object, Problems};
use crate::step::Action;

/// What says where a value stands.
const PLACES: [&str; 3] = ["selector", "column", "term"];

/// What says how a value is read.
const READINGS: [&str; 6] = ["as", "attribute", "json", "json_type", "decimal", "format"];

/// Reads the parameters.
pub(super) fn read(parameters: &Object, problems: &mut Problems) -> Option<Action> {
    parameters.only(&["fields"], problems);
    let read: Vec<Option<(String, Extraction)>> = named(parameters, "fields", problems)?
        .into_iter()
        .map(|(name, object)| Some((name, extraction(&object, problems)?)))
        .collect();
    let over_pages = read.iter().flatten().filter(|(_, extraction)| {
        matches!(extraction, Extraction::Rows { pages, .. } if pages.next.is_some())
    });
    if over_pages.count() > 1 {
        let message = "must hold one list with next at most: it ends on another page";
        return problems.invalid(&parameters.place("fields"), message);
    }
    Some(Action::Extract(Extract {
        fields: read.into_iter().collect::<Option<_>>()?,
    }))
}

fn extraction(object: &Object, problems: &mut Problems) -> Option<Extraction> {
    let is_table = object.optional("table").is_some();
    let kind = match (object.optional("rows").is_some(), is_table) {
        (false, false) => return rule(object, &PLACES[..1], problems).map(Extraction::Value),
        (true, false) => "rows",
        (false, true) => "table",
        (true, true) => {
            let message = "goes without rows: a table has its own";
            return problems.invalid(&object.place("table"), message);
        }
    };
    object.only(&[kind, "fields", "next", "limit"], problems);
    let rows = required_selector(object, kind, problems);
    let pages = pages(object, problems);
    let places = if is_table { &PLACES[..2] } else { &PLACES[..1] };
    let fields: Vec<Option<(String, Rule)>> = named(object, "fields", problems)?
        .into_iter()
        .map(|(name, object)| Some((name, rule(&object, places, problems)?)))
        .collect();
    Some(Extraction::Rows {
        rows: match is_table {
            true => Rows::OfTable(rows?),
            false => Rows::Each(rows?),
        },
        fields: fields.into_iter().collect::<Option<_>>()?,
        pages: pages?,
    })
}

fn rule(object: &Object, places: &[&str], problems: &mut Problems) -> Option<Rule> {
    let known: Vec<&str> = places
        .iter()
        .chain(&["term"])
        .chain(&READINGS)
        .copied()
        .collect();
    object.only(&known, problems);
    let place = place(object, places, problems);
    let json = json(object, problems);
    let attribute = object.optional("attribute").is_some();
    let attribute = match attribute {
        true => object
            .name("attribute", problems)
            .map(|name| Some(name.to_owned())),
        false => Some(None),
    };
    let reading = reading(object, problems);
    Some(Rule {
        place: place?,
        attribute: attribute?,
        json: json?,
        reading: reading?,
    })
}

fn place(object: &Object, places: &[&str], problems: &mut Problems) -> Option<Place> {
    if places.contains(&"column") && object.optional("column").is_some() {
        let header = object.name("column", problems);
        let inside = object.optional("selector").is_some();
        let selector = optional_selector(object, "selector", problems);
        return match inside && selector.is_none() {
            true => None,
            false => Some(Place::Column {
                header: header?.to_owned(),
                selector,
            }),
        };
    }
    let selector = required_selector(object, "selector", problems);
    if object.optional("term").is_none() {
        return selector.map(Place::Element);
    }
    let term = object.name("term", problems)?.to_owned();
    Some(Place::Term {
        list: selector?,
        term,
    })
}

/// Where it stands in a JSON text; the inner None where it is no JSON.
fn json(object: &Object, problems: &mut Problems) -> Option<Option<JsonPlace>> {
    let of_type = object
        .optional_text("json_type", problems)
        .map(str::to_owned);
    let Some(value) = object.optional("json") else {
        return match of_type {
            None => Some(None),
            Some(_) => problems.invalid(&object.place("json_type"), "goes with json only"),
        };
    };
    match value.as_str() {
        Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => Some(Some(JsonPlace {
            pointer: pointer.to_owned(),
            of_type,
        })),
        _ => problems.invalid(
            &object.place("json"),
            "must be a JSON Pointer, such as /offers/0/price, or empty for the whole",
        ),
    }
}

/// The inner None where the output schema says what it is.
fn reading(object: &Object, problems: &mut Problems) -> Option<Option<Reading>> {
    let decimal = decimal(object, problems);
    let order = order(object, problems);
    let (has_decimal, has_order) = (
        object.optional("decimal").is_some(),
        object.optional("format").is_some(),
    );
    let reading = match object.optional_text("as", problems) {
        None if object.optional("as").is_some() => return None,
        None if has_decimal => Some(Reading::Number { decimal: decimal? }),
        None if has_order => Some(Reading::Date { order: order? }),
        None => None,
        Some("text") => Some(Reading::Text),
        Some("number") => Some(Reading::Number { decimal: decimal? }),
        Some("date") => Some(Reading::Date { order: order? }),
        Some("boolean") => Some(Reading::Boolean),
        Some("attribute") if object.optional("attribute").is_some() => Some(Reading::Text),
        Some("attribute") => {
            let place = object.place("attribute");
            return problems.note(ProblemKind::Missing, &place, "is required");
        }
        Some(_) => {
            return problems.invalid(
                &object.place("as"),
                "must be text, number, date, boolean or attribute",
            );
        }
    };
    if has_decimal && !matches!(reading, Some(Reading::Number { .. })) {
        let message = "is of numbers only: it goes with \"as\": \"number\"";
        return problems.invalid(&object.place("decimal"), message);
    }
    if has_order && !matches!(reading, Some(Reading::Date { .. })) {
        let message = "is of dates only: it goes with \"as\": \"date\"";
        return problems.invalid(&object.place("format"), message);
    }
    Some(reading)
}

fn decimal(object: &Object, problems: &mut Problems) -> Option<Option<Decimal>> {
    match object.optional("decimal").map(|value| value.as_str()) {
        None => Some(None),
        Some(Some(".")) => Some(Some(Decimal::Point)),
        Some(Some(",")) => Some(Some(Decimal::Comma)),
        Some(_) => problems.invalid(
            &object.place("decimal"),
            "must be the sign before the fraction: a point or a comma",
        ),
    }
}

fn order(object: &Object, problems: &mut Problems) -> Option<Option<DateOrder>> {
    let Some(value) = object.optional("format") else {
        return Some(None);
    };
    match value.as_str().and_then(DateOrder::parse) {
        Some(order) => Some(Some(order)),
        None => problems.invalid(
            &object.place("format"),
            "must be of d, m and y in their order, such as dd.mm.yyyy or mm/dd/yyyy",
        ),
    }
}
