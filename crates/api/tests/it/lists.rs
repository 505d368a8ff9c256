//! Pages follow each other without repeating or hiding anything.

use http::Method;
use serde_json::{Value, json};

use crate::fixture::Fixture;

async fn names(fixture: &Fixture, path: &str) -> (Vec<String>, Value) {
    let body = fixture.get(path).await.body();
    let items = body["data"].as_array().unwrap_or_else(|| panic!("{body}"));
    let names = items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned());
    (names.collect(), body)
}

async fn seven(fixture: &Fixture) -> Vec<String> {
    let mut ids = Vec::new();
    for index in 0..7 {
        let made = fixture
            .post("/v2/agents", json!({"name": format!("{index}")}))
            .await;
        ids.push(made.id());
        // Ids chosen by nobody order by their moment; two of one moment order by chance.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    ids
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let fixture = Fixture::new().await;
    let ids = seven(&fixture).await;

    let (first, body) = names(&fixture, "/v2/agents?limit=3").await;
    let cursor = body["next_cursor"].as_str().unwrap().to_owned();
    // What comes meanwhile stands above and hides nothing.
    fixture.post("/v2/agents", json!({"name": "new"})).await;
    let (second, body) = names(&fixture, &format!("/v2/agents?limit=3&cursor={cursor}")).await;
    let cursor = body["next_cursor"].as_str().unwrap().to_owned();
    let (third, body) = names(&fixture, &format!("/v2/agents?limit=3&cursor={cursor}")).await;

    assert_eq!(
        [first, second, third].concat(),
        ["6", "5", "4", "3", "2", "1", "0"]
    );
    assert_eq!(
        (&body["has_more"], &body["next_cursor"]),
        (&json!(false), &Value::Null)
    );
    let (below, _) = names(
        &fixture,
        &format!("/v2/agents?limit=2&starting_after={}", ids[4]),
    )
    .await;
    let (above, _) = names(
        &fixture,
        &format!("/v2/agents?limit=2&ending_before={}", ids[2]),
    )
    .await;
    assert_eq!(
        (below, above),
        (
            vec!["3".to_owned(), "2".to_owned()],
            vec!["4".to_owned(), "3".to_owned()]
        )
    );
}

#[tokio::test]
async fn a_cursor_is_no_good_elsewhere() {
    let fixture = Fixture::new().await;
    seven(&fixture).await;
    let (_, body) = names(&fixture, "/v2/agents?limit=3").await;
    let cursor = body["next_cursor"].as_str().unwrap();
    let expected = (400, "cursor_invalid".to_owned());

    let of_another_list = fixture.get(&format!("/v2/tasks?cursor={cursor}")).await;
    let path = format!("/v2/agents?cursor={cursor}");
    let of_another = fixture
        .call_with(&fixture.stranger, Method::GET, &path)
        .send()
        .await;
    let filtered = fixture
        .get(&format!("{path}&created_after=2020-01-01T00:00:00Z"))
        .await;

    assert_eq!(of_another_list.error(), expected);
    assert_eq!(of_another.error(), expected);
    assert_eq!(filtered.error(), expected);
}

#[tokio::test]
async fn filters_combine() {
    let fixture = Fixture::new().await;
    let (one, _) = (fixture.run().await, fixture.run().await);
    fixture
        .call(Method::POST, &format!("/v2/task-runs/{one}/cancel"))
        .send()
        .await;
    let run = fixture.get(&format!("/v2/task-runs/{one}")).await.body();
    let of = async |query: &str| {
        let body = fixture.get(&format!("/v2/task-runs?{query}")).await.body();
        body["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{body}"))
            .len()
    };

    let task_id = run["task_id"].as_str().unwrap();
    assert_eq!(of("").await, 2);
    assert_eq!(of("status=queued,cancelled").await, 2);
    assert_eq!(of("status=queued").await, 1);
    assert_eq!(of("outcome=unknown").await, 1);
    assert_eq!(of(&format!("task_id={task_id}&status=canceled")).await, 1);
    assert_eq!(of(&format!("task_id={task_id}&status=queued")).await, 0);
    assert_eq!(of("task_id=rubbish").await, 0);
    assert_eq!(of("workflow_id=x").await, 0);
    assert_eq!(
        of(&format!(
            "source_id={},rubbish",
            run["source_id"].as_str().unwrap()
        ))
        .await,
        1
    );
}

#[tokio::test]
async fn a_cursor_goes_on_with_its_filters_in_another_spelling() {
    let fixture = Fixture::new().await;
    for _ in 0..2 {
        let id = fixture.run().await;
        let cancel = fixture.call(Method::POST, &format!("/v2/task-runs/{id}/cancel"));
        assert_eq!(cancel.send().await.status, 200);
    }
    for (first, then) in [
        ("status=canceled", "status=cancelled"),
        ("status=cancelled", "status=canceled"),
        ("result=unknown", "outcome=unknown"),
        ("outcome=unknown", "result=unknown"),
        (
            "created_after=2020-01-01T00:00:00Z",
            "created_after=2020-01-01T00:00:00.000Z",
        ),
    ] {
        let page = fixture.get(&format!("/v2/task-runs?limit=1&{first}")).await;
        let cursor = page.body()["next_cursor"].clone();
        let cursor = cursor.as_str().unwrap_or_else(|| panic!("{first}"));
        for filters in ["", first, then] {
            let path = format!("/v2/task-runs?limit=1&cursor={cursor}&{filters}");
            let next = fixture.get(&path).await;
            assert_eq!(next.status, 200, "{first}, then {filters}: {}", next.body());
            assert_eq!(next.body()["data"].as_array().map(Vec::len), Some(1));
        }
        let path = format!("/v2/task-runs?limit=1&cursor={cursor}&status=queued");
        let other = fixture.get(&path).await;
        assert_eq!(other.error(), (400, "cursor_invalid".to_owned()));
    }
}
