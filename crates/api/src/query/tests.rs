//! What a query may say, and what is told where it says something else.

use rstest::rstest;
use windlass_application::Key;
use windlass_domain::id::{Random, RunId};
use windlass_domain::run::Status;

use super::*;

fn query(text: &str) -> Query {
    Query::of("/v2/task-runs", text, "req_1".to_owned())
}

fn organization() -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([1; 10]))
}

fn key() -> SigningKey {
    SigningKey::new([1; 32])
}

/// Code and field of each thing that is wrong.
type Told = Vec<(&'static str, String)>;

/// Reads a list with the filters `status` and `task_id`.
fn list(text: &str) -> Result<(Vec<Status>, Paging), Told> {
    let mut query = query(text);
    let cursor = query.list_with(&key(), organization());
    let statuses = query.spelled_filter(
        ["status"],
        Status::parse,
        Status::as_str,
        "the status of a run",
    );
    query.id_filter::<RunId>("task_id");
    query.created();
    let told = |error: ApiError| {
        let errors = error.errors().iter();
        errors
            .map(|error| (error.code, error.field.clone().unwrap_or_default()))
            .collect()
    };
    query
        .page(cursor)
        .map(|paging| (statuses, paging))
        .map_err(told)
}

fn cursor(filters: &[(&str, &[&str])]) -> String {
    let filters = filters
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ((*name).to_owned(), values)
        })
        .collect();
    let position = Position::After(Key {
        created_at: Timestamp::EPOCH,
        id: "trun_1".to_owned(),
    });
    let list = ListOf {
        path: "/v2/task-runs",
        organization_id: organization(),
    };
    Cursor { filters, position }.to_text(list, &key())
}

#[rstest]
#[case("", 20)]
#[case("limit=1", 1)]
#[case("Limit=100", 100)]
fn a_page_has_a_limit(#[case] text: &str, #[case] limit: u32) {
    assert_eq!(list(text).unwrap().1.limit, limit);
}

/// No database takes it for a part of a text.
#[test]
fn a_text_with_a_nul_character_is_refused() {
    let mut query = query("name=a%00b");
    query.text_filter("name");

    let refused = query.end().unwrap_err();

    let told = &refused.errors()[0];
    assert_eq!(
        (told.code, told.field.as_deref()),
        ("parameter_invalid", Some("name"))
    );
    assert_eq!(told.message, "`name` must not hold a NUL character.");
}

#[rstest]
#[case("limit=0", "parameter_invalid", "limit")]
#[case("limit=-1", "parameter_invalid", "limit")]
#[case("limit=101", "parameter_invalid", "limit")]
#[case("limit=x", "parameter_invalid", "limit")]
#[case("limit=1&limit=2", "parameter_invalid", "limit")]
#[case("limit=1&Limit=2", "parameter_invalid", "limit")]
#[case("status=done", "parameter_invalid", "status")]
#[case("status=", "parameter_invalid", "status")]
#[case("status=queued,,running", "parameter_invalid", "status")]
#[case("created_after=yesterday", "parameter_invalid", "created_after")]
#[case(
    "created_after=2026-01-06T00:00:00Z&created_before=2026-01-05T00:00:00Z",
    "parameter_invalid",
    "created_before"
)]
#[case("statuss=queued", "parameter_unknown", "statuss")]
#[case("cursor=djE6YWd0OjAxOTg", "cursor_invalid", "cursor")]
#[case("starting_after=a&ending_before=b", "parameter_invalid", "cursor")]
fn what_is_wrong_is_told_by_its_name(
    #[case] text: &str,
    #[case] code: &'static str,
    #[case] field: &str,
) {
    assert_eq!(list(text).unwrap_err(), [(code, field.to_owned())]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = list("limit=0&status=done&colour=red").unwrap_err();

    let fields: Vec<&str> = told.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["status", "limit", "colour"]);
}

#[rstest]
#[case("status=queued&status=running")]
#[case("status=queued,running")]
#[case("status=queued,%20running")]
fn several_values_are_repeated_or_listed(#[case] text: &str) {
    assert_eq!(list(text).unwrap().0, [Status::Queued, Status::Running]);
}

#[test]
fn a_cursor_goes_on_alone_or_with_its_own_filters() {
    let cursor = cursor(&[("status", &["queued", "running"])]);

    for text in [
        format!("cursor={cursor}"),
        format!("cursor={cursor}&limit=5"),
        format!("cursor={cursor}&status=running,queued"),
    ] {
        let (statuses, paging) = list(&text).unwrap();

        assert_eq!(statuses.len(), 2, "{text}");
        assert!(
            matches!(paging.start, Start::At(Position::After(_))),
            "{text}"
        );
    }
}

#[test]
fn a_cursor_with_other_filters_is_refused() {
    let cursor = cursor(&[("status", &["queued"])]);

    for text in [
        format!("cursor={cursor}&status=running"),
        format!("cursor={cursor}&status=queued&task_id=trun_1"),
        format!("cursor={cursor}&created_after=2026-01-05T10:00:00Z"),
    ] {
        let told = list(&text).unwrap_err();

        assert_eq!(told, [("cursor_invalid", "cursor".to_owned())], "{text}");
    }
}

#[test]
fn an_id_that_cannot_exist_matches_nothing() {
    let mut query = query("task_id=rubbish");

    assert!(query.id_filter::<RunId>("task_id").matches_none);
    assert!(!query.id_filter::<RunId>("agent_id").matches_none);
}

#[test]
fn a_page_that_starts_at_a_named_item_needs_that_item() {
    let (_, paging) = list("starting_after=trun_x").unwrap();

    assert_eq!(paging.named(), Some("trun_x"));
    let error = paging.request(None).unwrap_err();
    assert_eq!(error.errors()[0].field.as_deref(), Some("starting_after"));
}
