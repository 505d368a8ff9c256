//! What a recording says beside a step: that another page came (`assertedEvents`). Where none comes
//! now, a script made it come, and whatever follows would be done on the wrong page.

use windlass_playbook::{Action, OverHttp, Playbook, Step};

use crate::trouble::Trouble;

/// The step of this number, counted from 1, after `offset` of them.
fn step(playbook: &Playbook, number: u32, offset: i64) -> Option<&Step> {
    let place = usize::try_from(i64::from(number) - 1 + offset).ok()?;
    playbook.steps.get(place)
}

/// Whether the step lets go of the key that the step before it pressed, so that the page which that one
/// led to is its own.
pub(crate) fn lets_go_of_key(playbook: &Playbook, number: u32) -> bool {
    let action = |offset| step(playbook, number, offset).map(|step| &step.action);
    matches!(action(0), Some(Action::KeyUp { .. }))
        && matches!(action(-1), Some(Action::KeyDown { .. }))
}

/// Whether another page must come in this step.
pub(crate) fn asserts_page(playbook: &Playbook, number: u32) -> bool {
    // What Enter leads to may be noted with the text before it.
    let enter_follows = || {
        step(playbook, number, 1).is_some_and(|next| {
            matches!(next.action, Action::KeyDown { .. }) && next.over_http() == OverHttp::Plays
        })
    };
    step(playbook, number, 0)
        .filter(|step| step.navigates)
        .is_some_and(|step| match &step.action {
            Action::Change { .. } => !enter_follows(),
            Action::KeyUp { .. } | Action::KeyDown { .. } | Action::Hover(_) | Action::Scroll => {
                true
            }
            // A click looks itself: a link may lead to a place on its own page.
            Action::Click(_) | Action::DoubleClick(_) => false,
            // These lead to a page, wait for what it shows, or were no deed of the person's.
            Action::SetViewport
            | Action::EmulateNetworkConditions
            | Action::Navigate { .. }
            | Action::WaitForElement(_)
            | Action::WaitForExpression { .. }
            | Action::Close
            | Action::Extract(_)
            | Action::Interact(_)
            | Action::Skip { .. }
            | Action::Repeat { .. }
            | Action::Download(_)
            | Action::Screenshot { .. }
            | Action::Expect { .. }
            | Action::Fail(_)
            | Action::Authenticate(_) => false,
        })
}

pub(crate) fn no_page_came() -> Trouble {
    Trouble::task(
        "another page came here when it was recorded, and none comes without script; it needs a \
         browser",
    )
}
