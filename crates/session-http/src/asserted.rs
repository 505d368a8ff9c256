//! What a recording says beside a step: that another page came (`assertedEvents`). Where none comes
//! now, a script made it come, and whatever follows would be done on the wrong page.

use windlass_playbook::{Action, Step};

use crate::trouble::Trouble;

/// Whether another page must have come with this step, or where it is left out with the one that was
/// done before it. A click looks itself: a link may lead to a place on its own page.
pub(crate) fn asserts_page(step: &Step) -> bool {
    let of_hand = matches!(
        step.action,
        Action::KeyDown { .. } | Action::KeyUp { .. } | Action::Hover(_) | Action::Scroll
    );
    of_hand && step.navigation.is_some()
}

pub(crate) fn no_page_came() -> Trouble {
    Trouble::task(
        "another page came here when it was recorded, and none comes without script; it needs a \
         browser",
    )
}
