//! What a recording says beside a step: that another page came (`assertedEvents`). Where none comes
//! now, a script made it come, and whatever follows would be done on the wrong page.

use windlass_playbook::{Action, OverHttp, Playbook, Step};

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

/// Whether a step after the one at this place, and before the next that is done, says that another page
/// came: a hand is faster than a page.
pub(crate) fn page_comes_late(playbook: &Playbook, position: usize) -> bool {
    let later = playbook.steps.iter().enumerate().skip(position + 1);
    let is_left_out = |next: usize| matches!(playbook.over_http(next), OverHttp::LeftOut(_));
    let mut left_out = later.take_while(|(next, _)| is_left_out(*next));
    left_out.any(|(_, step)| asserts_page(step))
}

pub(crate) fn no_page_came() -> Trouble {
    Trouble::task(
        "another page came here when it was recorded, and none comes without script; it needs a \
         browser",
    )
}
