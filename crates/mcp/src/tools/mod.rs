//! The tools that are always there.

mod answer_interaction;
mod cancel_run;
mod lists;
mod read_file;
mod read_run;
mod review_run;
mod start_run;

use crate::tool::Offer;

pub(crate) use self::start_run::started;

/// All of them, in the order in which a run needs them.
pub(crate) const TOOLS: &[Offer] = &[
    Offer::of::<lists::ListTasks>(),
    Offer::of::<lists::ListSources>(),
    Offer::of::<lists::ListCredentials>(),
    Offer::of::<start_run::StartRun>(),
    Offer::of::<read_run::WaitForRun>(),
    Offer::of::<read_run::ReadRun>(),
    Offer::of::<read_run::ReadTimeline>(),
    Offer::of::<answer_interaction::AnswerInteraction>(),
    Offer::of::<review_run::ReviewRun>(),
    Offer::of::<cancel_run::CancelRun>(),
    Offer::of::<lists::ListRuns>(),
    Offer::of::<lists::ListFiles>(),
    Offer::of::<read_file::ReadFile>(),
];
