//! Which form a field belongs to. Source: the HTML standard, "Association of controls and forms".

use std::collections::HashMap;

use ego_tree::NodeId;
use scraper::ElementRef;

use crate::form::{Hindrance, is_control};
use crate::look::{Unlookable, Visits};
use crate::page::{Page, is};

/// Where the parser lets no form stand around what follows it.
const TABLE_PARTS: [&str; 5] = ["table", "tbody", "thead", "tfoot", "tr"];

/// The forms of a page's fields, found once for all of them.
pub(crate) struct Owners {
    form_of: HashMap<NodeId, NodeId>,
}

impl Page {
    /// The form that a field belongs to.
    ///
    /// # Errors
    /// The page is too large.
    pub(crate) fn owner(&self, field: &ElementRef) -> Result<Option<ElementRef<'_>>, Hindrance> {
        let owners = match self.looked.owners.get() {
            Some(owners) => owners,
            None => {
                let found = Owners::of(self, &mut self.visits())?;
                self.looked.owners.get_or_init(|| found)
            }
        };
        let form = owners.form_of.get(&field.id());
        Ok(form.and_then(|form| self.element(*form)))
    }
}

impl Owners {
    /// Old pages write `<table><form><tr>`. The parser may put no row into that form and closes it at
    /// once, yet the fields in the rows after it are its own ("form element pointer"): the last such
    /// form before the field in a part of a table around it.
    fn of(page: &Page, visits: &mut Visits) -> Result<Self, Unlookable> {
        let mut named: Option<HashMap<&str, NodeId>> = None;
        let mut cut_in: HashMap<NodeId, NodeId> = HashMap::new();
        let mut form_of = HashMap::new();
        for element in page.elements() {
            visits.add(1)?;
            if is_cut_short(&element)
                && let Some(part) = element.parent()
            {
                cut_in.insert(part.id(), element.id());
            }
            if !is_control(&element) {
                continue;
            }
            let form = match element.attr("form") {
                Some(id) => {
                    let named = match &mut named {
                        Some(named) => named,
                        None => named.insert(elements_by_id(page, visits)?),
                    };
                    let form = named.get(id).and_then(|id| page.element(*id));
                    form.filter(|form| is(form, "form")).map(|form| form.id())
                }
                None => form_around(&element, &cut_in, visits)?,
            };
            if let Some(form) = form {
                form_of.insert(element.id(), form);
            }
        }
        Ok(Self { form_of })
    }
}

/// The first element of each id.
fn elements_by_id<'page>(
    page: &'page Page,
    visits: &mut Visits,
) -> Result<HashMap<&'page str, NodeId>, Unlookable> {
    let mut named = HashMap::new();
    for element in page.elements() {
        visits.add(1)?;
        if let Some(id) = element.attr("id") {
            named.entry(id).or_insert(element.id());
        }
    }
    Ok(named)
}

/// The form around a field; else the one that was cut short before it.
fn form_around(
    field: &ElementRef,
    cut_in: &HashMap<NodeId, NodeId>,
    visits: &mut Visits,
) -> Result<Option<NodeId>, Unlookable> {
    let mut cut_short = None;
    for around in field.ancestors() {
        visits.add(1)?;
        if ElementRef::wrap(around).is_some_and(|around| is(&around, "form")) {
            return Ok(Some(around.id()));
        }
        cut_short = cut_short.or_else(|| cut_in.get(&around.id()).copied());
    }
    Ok(cut_short)
}

/// Whether this is a form that a table has cut short.
fn is_cut_short(element: &ElementRef) -> bool {
    let parent = element.parent().and_then(ElementRef::wrap);
    is(element, "form")
        && !element.has_children()
        && parent.is_some_and(|parent| TABLE_PARTS.contains(&parent.value().name()))
}
