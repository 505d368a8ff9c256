//! Which form a field belongs to. Source: the HTML standard, "Association of controls and forms".

use std::collections::HashMap;

use ego_tree::NodeId;
use scraper::ElementRef;

use crate::form::{Hindrance, is_control};
use crate::look::{Unlookable, Visits};
use crate::page::{Page, is};

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
    fn of(page: &Page, visits: &mut Visits) -> Result<Self, Unlookable> {
        let mut named: Option<HashMap<&str, NodeId>> = None;
        let mut form_of = HashMap::new();
        for element in page.elements() {
            visits.add(1)?;
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
                None => unnamed(page, &element, visits)?,
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

/// The form of a field that names none: the one that was open where it was written; else, where that
/// was closed too early (`<form><div></form><input></div>`), the one around it.
fn unnamed(
    page: &Page,
    field: &ElementRef,
    visits: &mut Visits,
) -> Result<Option<NodeId>, Unlookable> {
    let written = page.form_written_around(field.id());
    if written.is_some() {
        return Ok(written);
    }
    for around in field.ancestors() {
        visits.add(1)?;
        if ElementRef::wrap(around).is_some_and(|around| is(&around, "form")) {
            return Ok(Some(around.id()));
        }
    }
    Ok(None)
}
