//! What `windlass.extract` reads from a page.

use crate::DEFAULT_PAGES;
use crate::selector::Selector;

/// What is read from the page into the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// By the name in the output.
    pub fields: Vec<(String, Extraction)>,
}

/// One value of the output, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extraction {
    /// A value.
    Value(Rule),
    /// A list of objects, one for each row.
    Rows {
        /// The rows.
        rows: Rows,
        /// What is read from each, by the name in its object; selectors look inside the row.
        fields: Vec<(String, Rule)>,
        /// Over which pages.
        pages: Pages,
    },
}

/// Which rows a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// `rows`: each match is one.
    Each(Selector),
    /// `table`: the rows of each match, but for those of its header. Their fields may name columns.
    OfTable(Selector),
}

/// How one value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// The attribute that holds it; without it, the element's text does.
    pub attribute: Option<String>,
    /// Where it stands in the JSON that the text or attribute holds.
    pub json: Option<JsonPlace>,
    /// What it is; None where the task's output schema says.
    pub reading: Option<Reading>,
}

/// Where a value stands on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `selector`: in the first match.
    Element(Selector),
    /// `column`: in the row's cell under the header with this text, or in the first match inside it.
    Column {
        /// The header's text.
        header: String,
        /// What is looked for inside the cell.
        selector: Option<Selector>,
    },
    /// `term`: beside the term with this text, in a definition list or a table of names and values.
    Term {
        /// The list or table.
        list: Selector,
        /// The term's text.
        term: String,
    },
}

/// Where a value stands in a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPlace {
    /// A JSON Pointer (RFC 6901), such as `/offers/0/price`.
    pub pointer: String,
    /// The `@type` of the object that it starts at, in JSON-LD; None where it starts at the whole.
    pub of_type: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A text.
    Text,
    /// A number.
    Number {
        /// What separates its fraction, where the page's way of writing leaves it open.
        decimal: Option<Decimal>,
    },
    /// A date, as `YYYY-MM-DD`.
    Date {
        /// In which order it is written, where the page's way of writing leaves it open.
        order: Option<DateOrder>,
    },
    /// Yes or no.
    Boolean,
}

/// What separates the fraction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// `1,249.50`
    Point,
    /// `1.249,50`
    Comma,
}

/// In which order the parts of a date are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `dd.mm.yyyy`
    DayMonthYear,
    /// `mm/dd/yyyy`
    MonthDayYear,
    /// `yyyy-mm-dd`
    YearMonthDay,
}

impl DateOrder {
    /// Reads `dd.mm.yyyy`: each of d, m and y once, however often in a row.
    pub(crate) fn parse(format: &str) -> Option<Self> {
        let mut letters: Vec<char> = format.to_lowercase().chars().collect();
        letters.retain(|letter| letter.is_alphanumeric());
        letters.dedup();
        match letters.as_slice() {
            ['d', 'm', 'y'] => Some(Self::DayMonthYear),
            ['m', 'd', 'y'] => Some(Self::MonthDayYear),
            ['y', 'm', 'd'] => Some(Self::YearMonthDay),
            _ => None,
        }
    }
}

/// Over which pages a list goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// What leads to the next page; without it there is one page.
    pub next: Option<Selector>,
    /// How many pages at most, where the playbook says so.
    pub limit: Option<u32>,
}

impl Pages {
    /// How many pages at most. A list of more is read in part only where the playbook says so.
    pub fn most(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_PAGES)
    }
}

impl Extract {
    pub(crate) fn selectors(&self) -> Vec<&Selector> {
        let fields = self.fields.iter();
        fields
            .flat_map(|(_, extraction)| extraction.selectors())
            .collect()
    }
}

impl Extraction {
    fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::Value(rule) => rule.selector().into_iter().collect(),
            Self::Rows {
                rows: Rows::Each(rows) | Rows::OfTable(rows),
                fields,
                pages,
            } => [rows]
                .into_iter()
                .chain(fields.iter().filter_map(|(_, rule)| rule.selector()))
                .chain(&pages.next)
                .collect(),
        }
    }
}

impl Rule {
    /// The selector that leads to it.
    pub fn selector(&self) -> Option<&Selector> {
        match &self.place {
            Place::Element(selector) => Some(selector),
            Place::Column { selector, .. } => selector.as_ref(),
            Place::Term { list, .. } => Some(list),
        }
    }
}
