//! What a fuzzer feeds with bytes, and property tests on the stable toolchain with noise: everything
//! of a request that is read before it is known to mean well. Nothing may panic or take long, and what
//! was not given out must not be taken for what was.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use windlass_application::schema::{Schemas, schema_problems};
use windlass_application::{authenticate, signing_secret};
use windlass_domain::Timestamp;
use windlass_domain::id::{
    AgentId, CredentialId, DeliveryId, DestinationId, EventId, OrganizationId, Random, RunId,
    ScreenshotId, SessionId, SourceId, StorageId, TaskId,
};
use windlass_domain::run::{Outcome, Status};
use windlass_domain::task::{Task, TaskSettings, TaskStatus};
use windlass_wire::credential::NewCredentialBody;
use windlass_wire::destination::NewDestinationBody;
use windlass_wire::run::StartRunBody;
use windlass_wire::task::NewTaskBody;

use crate::authentication::bearer;
use crate::change::idempotency_key;
use crate::cursor::{Cursor, ListOf};
use crate::json::{self, RequestBody};
use crate::query::Query;
use crate::signing_key::SigningKey;

/// Whose things they are.
fn organization() -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([7; 10]))
}

/// Reads the bytes as a cursor, which none is that was not signed.
pub fn cursor(data: &[u8]) {
    let key = SigningKey::new([1; 32]);
    let list = ListOf {
        path: "/v2/task-runs",
        organization_id: organization(),
    };
    let text = String::from_utf8_lossy(data);
    if let Some(cursor) = Cursor::read(&text, list, &key) {
        assert_eq!(cursor.to_text(list, &key), text, "only what was given out");
    }
}

/// Reads the bytes as the parameters of a list of runs, and of a run with what it includes.
pub fn parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = || Query::of("/v2/task-runs", &text, "req_1".to_owned());
    let mut list = query();
    let cursor = list.list_with(&SigningKey::new([1; 32]), organization());
    list.spelled_filter(["status"], Status::parse, Status::as_str, "some");
    list.spelled_filter(
        ["result", "outcome"],
        Outcome::parse,
        Outcome::as_str,
        "some",
    );
    list.id_filter::<SourceId>("source_id");
    list.one_id_filter::<TaskId>("task_id");
    list.text_filter("workflow_id");
    list.created();
    // Refusals are as good as pages.
    drop(list.page(cursor));
    let mut one = query();
    one.several("include");
    one.one("wait");
    drop(one.end());
}

/// Reads the bytes as an id of each kind; what is one is written as it was read.
pub fn ids(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    macro_rules! read {
        ($($id:ident),+ $(,)?) => {
            $(if let Ok(id) = $id::parse(&text) {
                assert_eq!(id.to_string(), text, stringify!($id));
            })+
        };
    }
    read!(
        AgentId,
        SourceId,
        CredentialId,
        TaskId,
        RunId,
        SessionId,
        StorageId,
        ScreenshotId,
        EventId,
        DestinationId,
        DeliveryId,
    );
}

/// Reads the bytes as an API key and as an idempotency key.
pub fn keys(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let with = |name: HeaderName| HeaderMap::from_iter([(name, value.clone())]);
    if let Some(key) = bearer(&with(header::AUTHORIZATION)) {
        authenticate::hash(&key);
    }
    let name = HeaderName::from_static("idempotency-key");
    if let Ok(Some(key)) = idempotency_key(&with(name)) {
        assert!((1..=256).contains(&key.len()), "{key:?}");
        assert_eq!(key.as_bytes(), data);
    }
}

/// Reads the bytes as a schema and, behind a line break, a value: a schema that a task may have costs
/// little to compile and to ask.
pub fn schema(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let mut read = || json::read(parts.next().unwrap_or_default()).ok();
    let Some(schema) = read() else {
        return;
    };
    let value = read().unwrap_or_default();
    if !schema_problems("input_schema", &schema).is_empty() {
        return;
    }
    let task = Task {
        id: TaskId::new(Timestamp::EPOCH, Random([1; 10])),
        version: 1,
        agent_id: AgentId::new(Timestamp::EPOCH, Random([2; 10])),
        name: String::new(),
        prompt: None,
        status: TaskStatus::Learning,
        input_schema: Some(schema),
        output_schema: None,
        storage: None,
        settings: TaskSettings::default(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    Schemas::default().input_problems(organization(), &task, &value);
}

/// Reads the bytes as the signature of an address, and as the secret of a webhook's signatures.
pub fn signature(data: &[u8]) {
    let key = SigningKey::new([1; 32]);
    let parts: [&[u8]; 2] = [b"file", b"stor_1"];
    let is_right = key.verifies(&parts, data);
    assert_eq!(is_right, key.sign(&parts) == data);
    let secret = SecretString::from(String::from_utf8_lossy(data).into_owned());
    // What is no secret is told so.
    drop(signing_secret::key(&secret));
}

/// Reads the bytes as bodies: what passes the form of one can be taken apart, and what can be read whole says
/// the same where its items are read by themselves.
pub fn body(data: &[u8]) {
    let apart = json::read_apart(data, "finishes");
    let Ok(value) = json::read(data) else {
        return;
    };
    let mut apart = apart.expect("it can be read whole");
    if let Some(Value::Array(items)) = apart.get_mut("finishes") {
        for item in items {
            let text = item.as_str().expect("an item is its text");
            *item = json::read(text.as_bytes()).expect("it can be read with the others");
        }
    }
    assert_eq!(apart, value);
    form::<NewTaskBody>(&value);
    form::<NewCredentialBody>(&value);
    form::<NewDestinationBody>(&value);
    form::<StartRunBody>(&value);
}

fn form<T: RequestBody>(value: &Value) {
    let (value, findings) = T::form().check::<T>(value.clone());
    if findings.is_empty() {
        let body: Result<T, _> = serde_json::from_value(value);
        assert!(body.is_ok(), "{} fits its form", T::NOUN);
    } else if let Some(mended) = T::form().mended(value) {
        assert!(mended.is_object() || mended == json!(null));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const TARGETS: [fn(&[u8]); 7] = [cursor, parameters, ids, keys, schema, signature, body];

    /// Pieces of what is read, to be put together in any order.
    const PIECES: [&str; 34] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\n",
        "&",
        "=",
        "%00",
        "%ff",
        "cursor",
        "limit",
        "status=queued",
        "include=input",
        "created_after=2026-01-01T00:00:00Z",
        "starting_after=trun_0324ygTmLd1GBzfqb28m5Y",
        "trun_0324ygTmLd1GBzfqb28m5Y",
        "agt_",
        "Bearer ",
        "sk_test_",
        "whsec_",
        "AAAA",
        "{\"type\": \"object\"}",
        "{\"allOf\": [{\"$ref\": \"#\"}]}",
        "\"$ref\": \"#/$defs/a\"",
        "\"$defs\": {\"a\": {}}",
        "\"pattern\": \"(a+)+$\"",
        "\"name\": \"a\"",
        "\"agent_id\": null",
        "1e999",
        "\\ud800",
        "\u{0}",
    ];

    proptest! {
        #[test]
        fn nothing_put_together_is_a_danger(
            pieces in prop::collection::vec(select(PIECES.to_vec()), 0..24),
            noise in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut data = pieces.concat().into_bytes();
            data.extend(noise);

            TARGETS.iter().for_each(|target| target(&data));
        }

        #[test]
        fn no_bytes_are_a_danger(data in prop::collection::vec(any::<u8>(), 0..200)) {
            TARGETS.iter().for_each(|target| target(&data));
        }
    }

    #[test]
    fn the_seeds_of_the_fuzzer_are_no_danger() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds");
        let names = [
            "cursor",
            "parameters",
            "ids",
            "keys",
            "schema",
            "signature",
            "body",
        ];
        for (name, target) in names.iter().zip(TARGETS) {
            let mut seen = 0;
            for entry in std::fs::read_dir(format!("{seeds}/{name}")).unwrap() {
                target(&std::fs::read(entry.unwrap().path()).unwrap());
                seen += 1;
            }
            assert!(seen > 0, "{name}");
        }
    }
}
