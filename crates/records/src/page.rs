//! Cuts a list into keyset pages: one row more than asked for says whether there is more.

use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_application::{Created, Page, PageRequest, Position};
use windlass_domain::Timestamp;
use windlass_domain::id::{EventId, MalformedId};

use crate::Query;
use crate::columns::{At, Id};

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The newest item.
    Newest,
    /// The oldest item.
    Oldest,
}

/// A page of a list in the order of `(created_at, id)`: of things whose ids may be the caller's.
/// Adds the range and the page to the WHERE clause that `query` ends in.
pub fn push_page_by_creation(
    query: &mut impl Query,
    table: &'static str,
    created: Created,
    page: &PageRequest,
) {
    if let Some(after) = created.after {
        query.push(format_args!(" AND {table}.created_at > "));
        query.push_at(At(after));
    }
    if let Some(before) = created.before {
        query.push(format_args!(" AND {table}.created_at < "));
        query.push_at(At(before));
    }
    let direction = direction(page, First::Newest);
    if let Position::After(key) | Position::Before(key) = &page.position {
        let beyond = direction.beyond;
        query.push(format_args!(
            " AND ({table}.created_at, {table}.id) {beyond} ("
        ));
        query.push_at(At(key.created_at));
        query.push(format_args!(", "));
        query.push_text(key.id.clone());
        query.push(format_args!(")"));
    }
    let order = direction.order;
    query.push(format_args!(
        " ORDER BY {table}.created_at {order}, {table}.id {order} LIMIT "
    ));
    query.push_number(one_more(page));
}

/// A page of a list in the order of ids that the server made, which is that of their moments.
/// Adds the range and the page to the WHERE clause that `query` ends in.
///
/// # Errors
/// Where the page starts at what is no id of this list.
pub fn push_page_by_id(
    query: &mut impl Query,
    table: &'static str,
    created: Created,
    page: &PageRequest,
    first: First,
    parse: impl Fn(&str) -> Result<Uuid, MalformedId>,
) -> Result<(), StoreError> {
    if let Some(after) = created.after {
        query.push(format_args!(" AND {table}.id >= "));
        query.push_id(first_after(after));
    }
    if let Some(before) = created.before {
        query.push(format_args!(" AND {table}.id < "));
        query.push_id(first_of(before));
    }
    let direction = direction(page, first);
    if let Position::After(key) | Position::Before(key) = &page.position {
        let id = parse(&key.id).map_err(|error| StoreError::Failed(Box::new(error)))?;
        query.push(format_args!(" AND {table}.id {} ", direction.beyond));
        query.push_id(Id(id));
    }
    query.push(format_args!(
        " ORDER BY {table}.id {} LIMIT ",
        direction.order
    ));
    query.push_number(one_more(page));
    Ok(())
}

/// The first id that something made after this moment can have: ids carry the moment of what they
/// name.
pub fn first_after(moment: Timestamp) -> Id {
    first_of(moment.following(moment))
}

/// The first id that something made at this moment can have.
pub fn first_of(moment: Timestamp) -> Id {
    Id(EventId::first_of(moment).uuid())
}

/// Rows of a page that are not read yet.
pub struct Cut<Row> {
    rows: Vec<Row>,
    has_more: bool,
}

impl<Row> Cut<Row> {
    /// The page of what the rows keep.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<T>(
        self,
        read: impl FnMut(Row) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        Ok(Page {
            items: self.rows.into_iter().map(read).collect::<Result<_, _>>()?,
            has_more: self.has_more,
        })
    }
}

/// The page of these rows, which a query that ends in a page has brought.
pub fn cut<Row>(mut rows: Vec<Row>, page: &PageRequest) -> Cut<Row> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if matches!(page.position, Position::Before(_)) {
        rows.reverse();
    }
    Cut { rows, has_more }
}

/// ` AND column IN (…)`, where `values` has some.
pub fn push_one_of(
    query: &mut impl Query,
    column: &'static str,
    values: impl IntoIterator<Item = String>,
) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return;
    }
    query.push(format_args!(" AND {column} IN ("));
    let mut separator = "";
    for value in values {
        query.push(format_args!("{separator}"));
        query.push_text(value);
        separator = ", ";
    }
    query.push(format_args!(")"));
}

struct Direction {
    /// What holds between an item of the page and where it starts.
    beyond: char,
    order: &'static str,
}

/// A page before an item is read upwards from it, and turned by [`cut`].
fn direction(page: &PageRequest, first: First) -> Direction {
    let is_before = matches!(page.position, Position::Before(_));
    match (first, is_before) {
        (First::Newest, false) | (First::Oldest, true) => Direction {
            beyond: '<',
            order: "DESC",
        },
        (First::Newest, true) | (First::Oldest, false) => Direction {
            beyond: '>',
            order: "ASC",
        },
    }
}

fn one_more(page: &PageRequest) -> i64 {
    i64::from(page.limit) + 1
}
