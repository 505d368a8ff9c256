//! Every promise of a store, for adapters to list as tests.

/// A test for every promise of a store. `$open` is an async function that gives a
/// [`Fixture`](crate::store::Fixture) on an empty store, and what keeps that store alive.
#[macro_export]
macro_rules! store_promises {
    ($open:path) => {
        $crate::promises!(
            $open,
            agents,
            [
                a_new_agent_is_read_back,
                an_agents_id_is_taken_once,
                an_agents_id_belongs_to_its_organization,
                an_agent_shows_its_tasks_oldest_first,
                an_agent_with_tasks_is_in_use,
                a_deleted_agent_is_gone,
            ]
        );
        $crate::promises!(
            $open,
            sources,
            [
                a_new_source_is_read_back,
                a_sources_id_is_taken_once,
                a_source_belongs_to_its_organization,
                sources_are_listed_by_name,
                a_source_with_credentials_is_in_use,
                a_deleted_source_takes_its_playbooks_along,
            ]
        );
        $crate::promises!(
            $open,
            credentials,
            [
                a_new_credential_is_read_back,
                a_credentials_event_holds_no_contents,
                a_credential_needs_its_source,
                a_credential_takes_no_strangers_source,
                a_credential_belongs_to_its_organization,
                a_deleted_credential_has_no_contents,
                an_unknown_credential_is_not_deleted,
                credentials_are_listed_by_source_status_and_person,
            ]
        );
        $crate::promises!(
            $open,
            tasks,
            [
                a_new_task_is_read_back,
                a_tasks_event_holds_its_summary,
                a_tasks_id_is_taken_once,
                a_task_needs_its_agent,
                a_task_belongs_to_its_organization,
                tasks_are_listed_by_agent_and_status,
                a_deleted_task_is_gone,
                an_unknown_task_is_not_deleted,
            ]
        );
        $crate::promises!(
            $open,
            playbooks,
            [
                a_playbook_is_kept_in_versions,
                playbooks_are_listed_by_source,
                a_playbook_needs_its_task_and_its_source,
                a_deleted_playbook_is_gone,
                a_playbook_belongs_to_its_organization,
            ]
        );
        $crate::promises!(
            $open,
            idempotency,
            [
                a_repeated_key_gets_the_first_answer,
                another_body_under_a_used_key_is_refused,
                a_key_is_remembered_for_its_own_call_only,
                a_refusal_is_not_remembered,
                a_key_is_forgotten_after_24_hours,
                of_requests_at_the_same_time_one_acts,
                a_deletion_is_replayed,
            ]
        );
    };
}

/// A test for each of these promises of one module.
#[macro_export]
macro_rules! promises {
    ($open:path, $module:ident, [$($promise:ident),+ $(,)?]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $promise() {
                    let (fixture, _store) = $open().await;
                    windlass_conformance::$module::$promise(&fixture).await;
                }
            )+
        }
    };
}
