//! Every promise of a store that lasts, for adapters to list as tests.

/// A test for every promise of keeping. `$open` is an async function that gives a
/// [`Keeping`](crate::keeping::Keeping) on an empty store, and what keeps that store alive.
#[macro_export]
macro_rules! keeping_promises {
    ($open:path) => {
        $crate::promises!(
            $open,
            audit,
            [
                each_change_that_somebody_asked_for_is_in_it_once,
                what_an_operator_does_is_in_it,
                entries_are_linked_in_the_order_of_writing,
                chainers_at_once_make_one_chain,
                the_newest_are_listed_first,
                what_is_done_to_the_chain_is_found,
                an_end_that_is_cut_with_its_head_is_found_by_an_anchor,
                a_chain_without_its_head_is_not_gone_on_with,
            ]
        );
        $crate::promises!(
            $open,
            retention,
            [
                contents_expire_by_their_age,
                ended_runs_go_with_all_that_is_theirs,
                runs_are_gone_through_in_steps,
                a_session_goes_after_its_runs,
                a_deleted_tasks_versions_go_with_its_last_run,
                events_and_deliveries_go_by_their_age,
                forgotten_answers_go,
                ten_thousand_keys_are_told_apart_and_forgotten,
                silent_workers_that_hold_nothing_go,
                contents_without_a_row_are_orphans,
            ]
        );
        $crate::promises!(
            $open,
            sealed_values,
            [
                all_that_is_sealed_is_sealed_anew,
                what_has_changed_is_left_alone,
                a_new_data_key_opens_before_it_seals,
                a_data_key_is_wrapped_anew_once,
                a_canary_is_replaced_once,
            ]
        );
    };
}
