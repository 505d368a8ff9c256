//! Which form a field belongs to. Source: the HTML standard, "Association of controls and forms".

use scraper::ElementRef;

use crate::page::{Page, is};

/// Where the parser lets no form stand around what follows it.
const TABLE_PARTS: [&str; 5] = ["table", "tbody", "thead", "tfoot", "tr"];

/// Whether this is a form that a table has cut short.
pub(crate) fn is_cut_short(element: &ElementRef) -> bool {
    let parent = element.parent().and_then(ElementRef::wrap);
    is(element, "form")
        && !element.has_children()
        && parent.is_some_and(|parent| TABLE_PARTS.contains(&parent.value().name()))
}

/// The form that a field belongs to.
///
/// Old pages write `<table><form><tr>`. The parser may put no row into that form and closes it at once,
/// yet the fields in the rows after it are its own ("form element pointer").
pub(super) fn owner<'page>(
    page: &'page Page,
    field: &ElementRef<'page>,
) -> Option<ElementRef<'page>> {
    if let Some(id) = field.attr("form") {
        let named = page
            .elements()
            .find(|element| element.attr("id") == Some(id));
        return named.filter(|element| is(element, "form"));
    }
    let mut around = field.ancestors().filter_map(ElementRef::wrap);
    around
        .find(|element| is(element, "form"))
        .or_else(|| page.has_cut_forms().then(|| cut_short(field)).flatten())
}

/// The last form before the field that stands empty between the rows of a table around it.
fn cut_short<'page>(field: &ElementRef<'page>) -> Option<ElementRef<'page>> {
    for inner in std::iter::once(*field).chain(field.ancestors().filter_map(ElementRef::wrap)) {
        let Some(around) = inner.parent().and_then(ElementRef::wrap) else {
            continue;
        };
        if !TABLE_PARTS.contains(&around.value().name()) {
            continue;
        }
        let mut before = inner.prev_siblings().filter_map(ElementRef::wrap);
        let form = before.find(is_cut_short);
        if form.is_some() {
            return form;
        }
    }
    None
}
