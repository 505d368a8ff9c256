//! What must hold in every state and for every step.

/// What must hold in every state and for every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// Clocks alone lead every run to a final status, and every session to its end.
    NothingIsStuck,
    /// A session has one live lease at most, given where it is free, and by who keeps it idle.
    OneAgentPerSession,
    /// Where an agent may still be acting nobody acts again.
    APlaceTakenByForceIsGivenUp,
    /// Whoever loses a run otherwise than by its own word is told to stop.
    AnAgentIsToldToStop,
    /// An answer that was accepted can be read until its worker asks again or is done.
    AnswersAreKept,
    /// An answer is one to the question that it was given to, and to no other.
    AnAnswerGoesToItsQuestion,
    /// A checkpoint goes from the question to the queue, and from there to the next lease.
    ACheckpointIsKept,
    /// Nothing changes a run that has ended.
    FinalIsFinal,
    /// What was canceled is never anything else.
    CancelIsKept,
    /// Cancel takes what is queued or running, and nothing else.
    CancelIsRefusedElsewhere,
    /// A session runs while a worker has one of its runs, and the run that waits for a free session
    /// may be leased.
    TheSlotIsFreed,
    /// Of those that wait the first is the one of the highest priority, then the oldest.
    TheSlotGoesInOrder,
    /// A session that has ended has no live run but reviews.
    NoRunIsLeftBehind,
    /// An idle session ends by itself exactly while nobody waits for it.
    TheIdleClockRuns,
    /// A sweep that comes before a clock has run out changes nothing.
    NoClockRunsOutEarly,
    /// What is decided over the first of those that wait is what is decided over all of them.
    ANarrowSceneDecidesAlike,
    /// A worker that drains, and leases nothing more, keeps no session that is free.
    ADrainKeepsNoSession,
    /// A start of a worker that declares the one before it gone leaves that one nothing.
    ARestartFreesWhatWasHeld,
    /// A call under another lease than the present one changes nothing.
    AnOldEpochChangesNothing,
    /// Each lease has the next epoch, which its run and its session's holder agree on.
    EachLeaseHasItsEpoch,
    /// One event for each status entered, along the tables, with rising versions and moments.
    EachStatusIsToldOnce,
    /// A run is begun no more often than it may be, and lost ten times at most.
    NothingIsRepeatedTooOften,
    /// A success has its output, and what is canceled has none.
    OutputIsKept,
}
