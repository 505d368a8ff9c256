//! `aria/Log in[role="button"]`: by name and role, as the Recorder writes them.

use ego_tree::NodeId;
use scraper::ElementRef;
use windlass_playbook::AriaQuery;

use crate::look::Unlookable;
use crate::look::hidden::is_hidden;
use crate::look::name::Names;
use crate::look::role::{role, spelled};
use crate::page::Page;

pub(super) fn find(page: &Page, root: &ElementRef, text: &str) -> Result<Vec<NodeId>, Unlookable> {
    let wanted = AriaQuery::parse(text).map_err(|_| Unlookable::Aria)?;
    let wanted_role = wanted.role.as_deref().map(spelled);
    if around(root) {
        return Ok(Vec::new());
    }
    let mut names = Names::of(page)?;
    let mut found = Vec::new();
    let mut next = root.first_child();
    while let Some(node) = next {
        names.visits.read(node)?;
        let element = ElementRef::wrap(node);
        let shown = element.filter(|element| !is_hidden(element));
        if let Some(element) = shown {
            let role = role(&element);
            let right_role = wanted_role.is_none_or(|wanted| wanted == role);
            let right = match &wanted.name {
                Some(wanted) if right_role => names.is_named(&element, &role, wanted)?,
                _ => right_role,
            };
            if right {
                found.push(element.id());
            }
        }
        let inside = node.first_child().filter(|_| shown.is_some());
        next = inside.or_else(|| {
            node.next_sibling().or_else(|| {
                let mut around = node
                    .ancestors()
                    .take_while(|around| around.id() != root.id());
                around.find_map(|around| around.next_sibling())
            })
        });
    }
    Ok(found)
}

/// Whether something around the element hides it.
fn around(element: &ElementRef) -> bool {
    let mut around = element.ancestors().filter_map(ElementRef::wrap);
    is_hidden(element) || around.any(|around| is_hidden(&around))
}
