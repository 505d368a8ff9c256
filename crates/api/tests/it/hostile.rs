//! Bad input at every call of the document: refused with an error that says so, nothing written, no
//! 500. A new call is among them by itself. Source: docs/api.md, "Errors".

use http::Method;
use serde_json::{Value, json};

use crate::documented::{DOCUMENT, Documented, calls};
use crate::fixture::{Answered, Fixture};
use crate::tenancy::{Ids, body, everything, filled};

/// Codes of bodies that are none.
const BODY: &[&str] = &["body_invalid"];

/// Codes of bodies whose fields are wrong; the last for ids, which are told as what is not there.
const FIELDS: &[&str] = &[
    "input_missing",
    "input_invalid",
    "input_unknown",
    "schema_invalid",
    "source_invalid",
    "agent_not_found",
    "credential_not_found",
    "session_not_found",
    "task_not_found",
    "task_run_not_found",
];

/// A request that must be refused.
struct Bad {
    /// What is wrong with it.
    what: String,
    content_type: &'static str,
    bytes: Vec<u8>,
    codes: &'static [&'static str],
}

impl Bad {
    fn json(
        what: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        codes: &'static [&'static str],
    ) -> Self {
        Self {
            what: what.into(),
            content_type: "application/json",
            bytes: bytes.into(),
            codes,
        }
    }
}

/// Every call that changes something, at a path that leads somewhere. Not those whose body is a
/// content, which may be anything.
fn writes(ids: &Ids) -> Vec<(Documented, String)> {
    let writes = calls().into_iter().filter(|call| {
        let content = &call.operation["requestBody"]["content"];
        call.method != Method::GET && content["application/octet-stream"].is_null()
    });
    let writes: Vec<_> = writes
        .map(|call| {
            let path = filled(&call.path, ids);
            let path = path.unwrap_or_else(|| panic!("make one of {} in tenancy.rs", call.path));
            (call, path)
        })
        .collect();
    assert!(writes.len() > 15, "{}", writes.len());
    writes
}

async fn refused(fixture: &Fixture, call: &Documented, path: &str, bad: Bad) {
    let what = format!("{} {}: {}", call.method, call.path, bad.what);
    let answered = fixture
        .call(call.method.clone(), path)
        .header("content-type", bad.content_type)
        .bytes(bad.bytes)
        .send()
        .await;

    said(&answered, bad.codes, &what);
}

/// Fails unless it was refused with one of these codes, and says what is wrong in a sentence.
fn said(answered: &Answered, codes: &[&str], what: &str) {
    assert!(
        answered.status.is_client_error(),
        "{what}: {}",
        answered.status
    );
    let body = answered.body();
    for error in body["errors"].as_array().expect("errors") {
        let code = error["code"].as_str().unwrap_or_default();
        assert!(codes.contains(&code), "{what}: {body}");
        let message = error["message"].as_str().unwrap_or_default();
        // A long value is not sent back.
        assert!(
            message.ends_with(['.', '?']) && message.len() < 1000,
            "{what}: {message}"
        );
        // Nor is a long name.
        let field = error["field"].as_str().unwrap_or_default();
        assert!(field.len() < 1000, "{what}: {field}");
    }
}

/// Bodies that no call takes.
fn no_bodies() -> Vec<Bad> {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let mut bad = Vec::new();
    for bytes in [
        &b"{"[..],
        b"{\"a\": 1",
        b"nonsense",
        b"[]",
        b"null",
        b"7",
        b"\"text\"",
        b"{\"a\": 1, \"a\": 2}",
        b"{\"a\": \"\\ud800\"}",
        b"{\"a\": \"\xff\"}",
        b"{\"a\": NaN}",
        b"{\"a\": 1e999}",
        b"{\"a\": -}",
        b"{\"a\": 1}{}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        bad.push(Bad::json(shown, bytes, BODY));
    }
    bad.push(Bad::json(
        "10 MiB",
        vec![b' '; 10 << 20],
        &["body_too_large"],
    ));
    bad
}

#[tokio::test]
async fn no_call_takes_a_body_that_is_none() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;
    let before = fixture.tables();

    for (call, path) in writes(&ids) {
        for bad in no_bodies() {
            refused(&fixture, &call, &path, bad).await;
        }
        let unknown = Bad::json("an unknown field", &br#"{"colour": "red"}"#[..], FIELDS);
        refused(&fixture, &call, &path, unknown).await;
        let name = "ø".repeat(100_000);
        for (what, body, codes) in [
            ("a long name", format!(r#"{{"{name}": 1}}"#), FIELDS),
            (
                "a long name twice",
                format!(r#"{{"{name}": 1, "{name}": 2}}"#),
                BODY,
            ),
        ] {
            refused(&fixture, &call, &path, Bad::json(what, body, codes)).await;
        }
        if !call.operation["requestBody"].is_null() {
            let text = Bad {
                content_type: "text/plain",
                ..Bad::json("text", &b"{\"a\": 1}"[..], &["media_type_unsupported"])
            };
            refused(&fixture, &call, &path, text).await;
        }
        let what = format!("{} {}", call.method, call.path);
        let packed = fixture
            .call(call.method.clone(), &path)
            .header("content-encoding", "gzip")
            .json(&body(&call))
            .send()
            .await;
        said(&packed, &["media_type_unsupported"], &what);
        assert_eq!(fixture.tables(), before, "{what} wrote something");
    }
}

#[tokio::test]
async fn no_read_takes_a_body_that_says_something() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;

    for call in calls() {
        let path = filled(&call.path, &ids).filter(|path| path.starts_with("/v2/"));
        let (Some(path), Method::GET) = (path, call.method.clone()) else {
            continue;
        };
        for (bytes, code) in [
            (&br#"{"colour": "red"}"#[..], &["input_unknown"][..]),
            (b"[]", BODY),
            (b"nonsense", BODY),
        ] {
            refused(&fixture, &call, &path, Bad::json("a body", bytes, code)).await;
        }
        let (none, empty) = (
            fixture.call(Method::GET, &path).begin().await,
            fixture.call(Method::GET, &path).bytes("{}").begin().await,
        );
        assert_eq!(empty.status(), none.status(), "{path}");
    }
}

#[tokio::test]
async fn no_field_takes_what_is_not_its_form() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;
    let before = fixture.tables();

    for (call, path) in writes(&ids) {
        let content = &call.operation["requestBody"]["content"]["application/json"];
        let reference = content["schema"]["$ref"].as_str().unwrap_or_default();
        let schema = DOCUMENT.pointer(reference.trim_start_matches('#'));
        let fields = schema.and_then(|schema| schema["properties"].as_object());
        for (name, schema) in fields.into_iter().flatten() {
            for value in bad_values(schema) {
                let mut body = body(&call);
                body[name] = value.clone();
                let shown: String = value.to_string().chars().take(40).collect();
                let bad = Bad::json(format!("{name} = {shown}"), body.to_string(), FIELDS);
                refused(&fixture, &call, &path, bad).await;
            }
        }
        assert_eq!(fixture.tables(), before, "{} wrote something", call.path);
    }
}

/// What a field of this schema cannot be.
fn bad_values(schema: &Value) -> Vec<Value> {
    let types = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut bad = Vec::new();
    if types.contains(&"string") {
        let long = "x".repeat(512 << 10);
        bad.extend([json!(7), json!([]), json!({}), json!("a\u{0}b")]);
        // Bytes may be many; what is too many of them, their own tests say. Of some texts the beginning
        // is kept.
        let description = schema["description"].as_str().unwrap_or_default();
        if !description.contains("base64") && !description.contains("characters are kept") {
            bad.push(json!(long));
        }
    }
    if types.contains(&"boolean") || types.contains(&"integer") {
        bad.extend([json!("yes"), json!([]), json!({}), json!(1e300), json!(-1)]);
    }
    if types.contains(&"array") || types.contains(&"object") {
        bad.extend([json!("text"), json!(7)]);
    }
    bad
}

#[tokio::test]
async fn no_call_takes_an_idempotency_key_that_is_none() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;
    let before = fixture.tables();

    for (call, path) in writes(&ids) {
        // A worker's call looks at none.
        if call.path.starts_with("/v2/worker/") {
            continue;
        }
        let keys = ["", "schlüssel", "a\tb", &"k".repeat(257)];
        for keys in keys.iter().map(|key| vec![*key]).chain([vec!["a", "b"]]) {
            let mut request = fixture.call(call.method.clone(), &path);
            for key in &keys {
                request = request.header("idempotency-key", key);
            }
            let answered = request.json(&body(&call)).send().await;
            let what = format!("{} {keys:?}", call.path);
            said(&answered, &["idempotency_key_error"], &what);
        }
    }
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[tokio::test]
async fn no_call_takes_a_parameter_that_is_none_of_its() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;
    let before = fixture.tables();
    let long = format!("{}=1", "x".repeat(15_900));

    for call in calls() {
        let Some(path) = filled(&call.path, &ids).filter(|path| path.starts_with("/v2/")) else {
            continue;
        };
        let has = |name: &str| {
            let parameters = call.operation["parameters"]
                .as_array()
                .into_iter()
                .flatten();
            let mut named = parameters.filter(|parameter| parameter["in"] == "query");
            named.any(|parameter| parameter["name"] == name)
        };
        let mut bad = vec![
            ("colour=red", "parameter_unknown"),
            ("%00=%ff", "parameter_unknown"),
            (&long, "parameter_unknown"),
        ];
        if has("limit") {
            let limits = [
                "limit=0",
                "limit=-1",
                "limit=101",
                "limit=x",
                "limit=1&limit=2",
            ];
            let limits =
                limits
                    .into_iter()
                    .chain(["limit=", "limit=99999999999999999999", "Limit=0"]);
            bad.extend(limits.map(|query| (query, "parameter_invalid")));
        }
        if has("cursor") {
            for cursor in [
                "cursor=",
                "cursor=x",
                "cursor=%00",
                "cursor=djE6YWd0OjAxOTg",
            ] {
                bad.push((cursor, "cursor_invalid"));
            }
        }
        if has("created_after") {
            for dates in [
                "created_after=yesterday",
                "created_before=2026-02-30T00:00:00Z",
                "created_after=2026-01-01",
                "created_after=%00",
                "created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z",
            ] {
                bad.push((dates, "parameter_invalid"));
            }
        }
        if has("include") {
            bad.extend([
                ("include=x", "include_invalid"),
                ("include=", "include_invalid"),
            ]);
        }
        if has("status") {
            bad.extend([
                ("status=x", "parameter_invalid"),
                ("status=", "parameter_invalid"),
            ]);
        }
        if has("wait") {
            bad.extend([
                ("wait=0", "parameter_invalid"),
                ("wait=61", "parameter_invalid"),
            ]);
        }
        for (query, code) in bad {
            let request = fixture.call(call.method.clone(), &format!("{path}?{query}"));
            let answered = match call.method {
                Method::GET => request.send().await,
                _ => request.json(&body(&call)).send().await,
            };
            said(
                &answered,
                &[code],
                &format!("{} {}?{query}", call.method, call.path),
            );
        }
    }
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[tokio::test]
async fn no_path_takes_an_id_that_is_none_or_another_method() {
    let fixture = Fixture::new().await;
    let ids = everything(&fixture).await;
    let before = fixture.tables();
    let long = "x".repeat(8 << 10);

    for call in calls() {
        let names: Vec<&str> = call
            .path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .collect();
        for name in names {
            for id in [
                "1",
                "%00",
                "%2e%2e%2fetc",
                "%f0%9f%92%a9",
                "trun_",
                "req_0324ygme6xlgGg9YYevL5s",
                &long,
            ] {
                let mut other = ids.clone();
                other.insert(name.to_owned(), id.to_owned());
                let path = filled(&call.path, &other).expect("all ids");
                let request = fixture.call(call.method.clone(), &path);
                let answered = match call.method {
                    Method::GET => request.send().await,
                    _ => request.json(&body(&call)).send().await,
                };
                let what = format!(
                    "{} {} {name}={}",
                    call.method,
                    call.path,
                    &id[..id.len().min(30)]
                );
                assert_eq!(answered.status, 404, "{what} {}", answered.body());
            }
        }
        let path = filled(&call.path, &ids).expect("all ids");
        for method in [
            Method::TRACE,
            Method::CONNECT,
            Method::from_bytes("BREW".repeat(1000).as_bytes()).unwrap(),
        ] {
            let answered = fixture.call(method.clone(), &path).send().await;
            assert_eq!(answered.status, 405, "{method} {path}");
            assert!(answered.headers.contains_key("allow"), "{method} {path}");
            assert!(answered.bytes.len() < 1000, "{path}");
        }
    }
    assert_eq!(fixture.tables(), before, "nothing was written");
}
