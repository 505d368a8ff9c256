//! Which indexes the statements go by that must not read what others have there: a transaction that
//! is long keeps everybody from writing.

use rusqlite::Connection;

use crate::events::NEWS;
use crate::runs::{HELD_BY, NOT_HELD_BY, OF_SESSIONS, WAITED_AT, unfinished};
use crate::{retention, undelivered};

#[test]
fn what_a_deleted_destination_left_is_found_by_indexes_of_nothing_else() {
    let pending = plan(undelivered::PENDING);
    let parked = plan(undelivered::PARKED);

    assert_eq!(
        pending,
        [
            "SEARCH delivery USING COVERING INDEX delivery_due (destination_id=? AND next_attempt_at>?)"
        ]
    );
    assert_eq!(
        parked,
        [
            "SEARCH delivery USING COVERING INDEX delivery_parked (destination_id=? AND parked_until>?)"
        ]
    );
}

#[test]
fn runs_that_hold_a_task_are_found_beside_those_of_other_organizations() {
    let plan = plan(unfinished::OF_TASK);

    for step in [
        "SEARCH queue USING COVERING INDEX queue_by_turn ((pool,held_by)>(?,?))",
        "SEARCH queue USING COVERING INDEX queue_by_turn (pool=? AND held_by=? AND organization_id=?)",
        "SEARCH live USING COVERING INDEX live_by_worker (worker_id>?)",
        "SEARCH live USING COVERING INDEX live_by_worker (worker_id=? AND organization_id=?)",
        "SEARCH parked USING COVERING INDEX parked_by_slot (organization_id=?)",
        "SEARCH review USING COVERING INDEX review_by_organization (organization_id=?)",
    ] {
        assert!(plan.iter().any(|it| it == step), "{step}: {plan:#?}");
    }
    let run = plan.last().expect("it has steps");
    assert!(
        run.starts_with("SEARCH run USING") && run.contains("id=?"),
        "{run}"
    );
}

#[test]
fn who_waits_for_slots_is_found_from_gate_to_gate() {
    let plan = plan(WAITED_AT);

    for bounds in [
        "organization_id=? AND slot=? AND slot_of>?",
        "organization_id=? AND slot>?",
        "organization_id>?",
    ] {
        let step = format!("SEARCH next USING COVERING INDEX parked_by_slot ({bounds})");
        assert!(plan.contains(&step), "{step}: {plan:#?}");
    }
    let by_key = plan
        .iter()
        .filter(|it| *it == "SEARCH parked USING PRIMARY KEY (run_id=?)");
    assert_eq!(by_key.count(), 2, "{plan:#?}");
    let all = plan
        .iter()
        .filter(|it| it.contains("SCAN parked") || it.contains("TEMP B-TREE"));
    let all: Vec<_> = all.collect();
    assert_eq!(
        all,
        ["SCAN parked USING COVERING INDEX parked_by_slot"],
        "for the first alone"
    );
}

#[test]
fn the_runs_of_sessions_are_found_session_by_session() {
    let plan = plan(OF_SESSIONS);

    for step in [
        "SEARCH newest USING COVERING INDEX run_by_session (session_id=? AND id>?)",
        "SEARCH oldest USING COVERING INDEX run_by_session (session_id=?)",
    ] {
        assert!(plan.iter().any(|it| it == step), "{step}: {plan:#?}");
    }
    let run = plan.first().expect("it has steps");
    assert!(
        run.starts_with("SEARCH run USING") && run.contains("id=?"),
        "{run}"
    );
}

#[test]
fn what_a_worker_holds_is_found_beside_what_others_do() {
    let plan = plan(HELD_BY);

    assert_eq!(
        plan[0],
        "SEARCH live USING INDEX live_by_worker (worker_id=?)"
    );
    assert!(
        plan[1].starts_with("SEARCH run USING") && plan[1].contains("id=?"),
        "{plan:#?}"
    );
}

#[test]
fn whether_a_worker_holds_a_run_is_found_by_its_id() {
    let plan = plan(NOT_HELD_BY);

    for table in ["live", "run"] {
        let looks = plan.iter().filter(|step| {
            step.starts_with(&format!("SEARCH {table} USING")) && step.contains("id=?")
        });
        assert_eq!(looks.count(), 1, "{table}: {plan:#?}");
    }
}

#[test]
fn what_is_new_is_found_by_its_number_alone() {
    let plan = plan(NEWS);

    assert_eq!(
        plan[0],
        "SEARCH event USING INDEX event_sequence (organization_id=? AND sequence>?)"
    );
    let others: Vec<_> = plan[1..]
        .iter()
        .filter(|it| !it.contains("(id=?)"))
        .collect();
    assert!(others.is_empty(), "{plan:#?}");
}

#[test]
fn what_is_over_is_found_by_its_age_alone() {
    for (statement, step) in [
        (
            retention::EXPIRE_FILES,
            "SEARCH file USING INDEX file_by_age (id<?)",
        ),
        (
            retention::EXPIRE_SCREENSHOTS,
            "SEARCH screenshot USING INDEX screenshot_by_age (id<?)",
        ),
        (
            retention::OLD_DELIVERIES,
            "SEARCH delivery USING PRIMARY KEY (id<?)",
        ),
        (
            retention::OLD_EVENTS,
            "SEARCH event USING PRIMARY KEY (id<?)",
        ),
        (
            retention::FORGOTTEN_ANSWERS,
            "SEARCH idempotency USING INDEX idempotency_expires_at (expires_at<?)",
        ),
    ] {
        let plan = plan(statement);
        let goes_by = |it: &String| it.replace("COVERING ", "") == step;
        assert!(plan.iter().any(goes_by), "{step}: {plan:#?}");
        assert!(!plan.iter().any(|it| it.contains("SCAN")), "{plan:#?}");
    }
}

/// The steps of a statement.
fn plan(statement: &'static str) -> Vec<String> {
    let connection = Connection::open_in_memory().expect("memory is there");
    connection
        .execute_batch(include_str!("../migrations/0001_first.sql"))
        .expect("the tables");
    let explained = format!("EXPLAIN QUERY PLAN {statement}");
    let mut explained = connection.prepare(&explained).expect("a statement");
    let details = explained.raw_query().mapped(|row| row.get("detail"));
    details.collect::<Result<_, _>>().expect("a plan")
}
