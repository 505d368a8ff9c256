//! Reads the output from pages.

mod field;
mod json;
mod missing;
mod table;
mod term;
mod typed;

use ego_tree::NodeId;
use serde_json::{Map, Value};
use windlass_playbook::{Extract, Extraction, Pages, Rows, Rule, Selector, Values};

use self::field::{Field, Scope, read};
use self::table::Table;
use self::typed::Schema;
#[cfg(any(test, feature = "fuzzing"))]
use crate::act::found_on;
use crate::next_page::Seen;
use crate::page::Page;
use crate::player::Player;
use crate::trouble::Trouble;

pub(crate) use self::missing::AllMissing;

/// The longest list, in bytes of JSON: no output has more. Source: docs/workers.md.
const MAX_LIST_BYTES: usize = 1024 * 1024;

/// A list that is being read.
struct List<'step> {
    name: &'step str,
    fields: Vec<Field<'step>>,
    read: Vec<Value>,
    bytes: usize,
}

impl Player<'_> {
    /// Reads values and lists into the output. What is not on the page is left out: whether it may be
    /// is the output schema's matter. The step is counted from 1.
    pub(crate) async fn extract(&mut self, number: u32, extract: &Extract) -> Result<(), Trouble> {
        let mut found = Map::new();
        let context = self.context;
        let anything = Value::Bool(true);
        let schema = context.run.task.output_schema.as_ref().unwrap_or(&anything);
        let schema = Schema::of(schema);
        // A list over several pages comes last, since it leaves the page.
        let leaves = |extraction: &Extraction| matches!(extraction, Extraction::Rows { pages, .. } if pages.next.is_some());
        let mut fields: Vec<_> = extract.fields.iter().collect();
        fields.sort_by_key(|(_, extraction)| leaves(extraction));
        for (name, extraction) in fields {
            let value = match extraction {
                Extraction::Value(rule) => {
                    let field = Field::of(name, rule, schema.field(name), self.values())?;
                    read(&field, &Scope::Page, self.page()?)?
                        .map_err(|sought| self.not_found(None, name, sought, number))
                        .ok()
                }
                Extraction::Rows {
                    rows,
                    fields,
                    pages,
                } => {
                    let items = schema.field(name).items();
                    let list = List::of(name, fields, items, self.values())?;
                    let read = self.rows(rows, list, pages, number).await?;
                    Some(Value::Array(read))
                }
            };
            found.extend(value.map(|value| (name.clone(), value)));
        }
        let nothing = found
            .values()
            .all(|value| value.as_array().is_some_and(Vec::is_empty));
        if nothing && !self.page()?.status.is_success() {
            return Err(self.absent("nothing that it reads is on the page".to_owned()));
        }
        self.meet();
        self.output.extend(found);
        Ok(())
    }

    fn not_found(&mut self, row: Option<(String, usize)>, name: &str, sought: String, step: u32) {
        let missing = missing::Missing {
            row,
            name: name.to_owned(),
            sought,
            page: self.address(),
            step,
        };
        self.missing.add(missing);
    }

    async fn rows(
        &mut self,
        rows: &Rows,
        mut list: List<'_>,
        pages: &Pages,
        number: u32,
    ) -> Result<Vec<Value>, Trouble> {
        let (mut seen, mut earlier) = (Seen::default(), 0);
        loop {
            let before = list.read.len();
            match rows {
                Rows::Each(selector) => {
                    for row in self.find(selector)? {
                        self.row(&Scope::Row(row), &mut list, number)?;
                        self.let_others_go_on().await?;
                    }
                }
                Rows::OfTable(selector) => {
                    for table in self.find(selector)? {
                        self.table(table, selector, &mut list, number).await?;
                    }
                }
            }
            if list.read.len() == before {
                self.no_rows(rows, &list, &seen, number)?;
            }
            // Behind its last page a list may show that one again.
            let shown = &list.read[before..];
            if seen.shows_same && !shown.is_empty() && list.read[earlier..before] == *shown {
                list.read.truncate(before);
                return Ok(list.read);
            }
            earlier = before;
            if !self.next_page(pages, &mut seen).await? {
                return Ok(list.read);
            }
        }
    }

    /// A page has no row of a list.
    fn no_rows(
        &mut self,
        rows: &Rows,
        list: &List,
        seen: &Seen,
        number: u32,
    ) -> Result<(), Trouble> {
        self.check_empty(seen)?;
        if list.read.is_empty() {
            let (Rows::Each(selector) | Rows::OfTable(selector)) = rows;
            let sought = format!("{selector} found no row");
            let said = format!("{}: {sought} on {}", list.name, self.address());
            self.context.progress(number, &said)?;
            self.not_found(None, list.name, sought, number);
        }
        Ok(())
    }

    async fn table(
        &mut self,
        id: NodeId,
        selector: &Selector,
        list: &mut List<'_>,
        number: u32,
    ) -> Result<(), Trouble> {
        let Some(table) = list.table(self.page()?, id, selector)? else {
            return Ok(());
        };
        for row in &table.rows {
            self.row(&Scope::TableRow(row), list, number)?;
            self.let_others_go_on().await?;
        }
        Ok(())
    }

    /// Between the rows of a list whose selectors cost much: the other runs of this thread go on, and
    /// the step's time and the run's end are looked at.
    async fn let_others_go_on(&mut self) -> Result<(), Trouble> {
        let visited = &mut self.page_mut()?.looked.visited;
        if visited.is_much() {
            visited.forget();
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn row(&mut self, scope: &Scope, list: &mut List, number: u32) -> Result<(), Trouble> {
        let place = list.read.len();
        for (field, sought) in list.row(self.page()?, scope)? {
            self.not_found(Some((list.name.to_owned(), place)), field, sought, number);
        }
        Ok(())
    }
}

impl<'step> List<'step> {
    fn of(
        name: &'step str,
        fields: &'step [(String, Rule)],
        schema: Schema<'step>,
        values: &Values,
    ) -> Result<Self, Trouble> {
        let fields = fields
            .iter()
            .map(|(name, rule)| Field::of(name, rule, schema.field(name), values));
        Ok(Self {
            name,
            fields: fields.collect::<Result<_, _>>()?,
            read: Vec::new(),
            bytes: 0,
        })
    }

    /// A table with the columns that are read; None where the page has no such element.
    fn table(
        &mut self,
        page: &Page,
        id: NodeId,
        selector: &Selector,
    ) -> Result<Option<Table>, Trouble> {
        let Some(element) = page.element(id) else {
            return Ok(None);
        };
        let too_many = || Trouble::task(format!("the table {selector} has too many cells"));
        let table = Table::of(page, &element).ok_or_else(too_many)?;
        for field in &mut self.fields {
            field.find_column(&table, selector)?;
        }
        Ok(Some(table))
    }

    /// Reads one row more. What it lacks is told by name, with what was looked for.
    fn row(&mut self, page: &Page, scope: &Scope) -> Result<Vec<(&'step str, String)>, Trouble> {
        let (mut values, mut missing) = (Map::new(), Vec::new());
        for field in &self.fields {
            let read = read(field, scope, page);
            let row = || format!("row {} of {}", self.read.len() + 1, self.name);
            let read = read.map_err(|trouble| trouble.about(&row()));
            match read? {
                Ok(value) => {
                    values.insert(field.name.to_owned(), value);
                }
                Err(sought) => missing.push((field.name, sought)),
            }
        }
        let row = Value::Object(values);
        // With what stands between it and the next.
        self.bytes += row.to_string().len() + 1;
        self.read.push(row);
        if self.bytes > MAX_LIST_BYTES {
            return Err(Trouble::task(format!(
                "the list {} has more than the {} MiB that an output may have: read fewer fields of its \
                 rows, or fewer pages (`limit`)",
                self.name,
                MAX_LIST_BYTES / (1024 * 1024)
            )));
        }
        Ok(missing)
    }
}

/// Reads what an extraction finds on this page, for whoever feeds it with noise.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_on(
    page: &Page,
    extraction: &Extraction,
    values: &Values,
    most_rows: usize,
) -> Result<(), Trouble> {
    let anything = Value::Bool(true);
    let schema = Schema::of(&anything);
    let (rows, fields) = match extraction {
        Extraction::Value(rule) => {
            let field = Field::of("value", rule, schema, values)?;
            return read(&field, &Scope::Page, page).map(drop);
        }
        Extraction::Rows { rows, fields, .. } => (rows, fields),
    };
    let mut list = List::of("list", fields, schema, values)?;
    let (Rows::Each(selector) | Rows::OfTable(selector)) = rows;
    for id in found_on(page, selector, values)?
        .into_iter()
        .take(most_rows)
    {
        if let Rows::Each(_) = rows {
            list.row(page, &Scope::Row(id))?;
        } else if let Some(table) = list.table(page, id, selector)? {
            for row in table.rows.iter().take(most_rows) {
                list.row(page, &Scope::TableRow(row))?;
            }
        }
    }
    Ok(())
}
