//! What tells a repeated finish from another one.

use sha2::{Digest, Sha256};
use windlass_domain::run::{AfterRun, CredentialReport};

use super::finish_run::FinishReport;
use super::value_digest::{add, add_text};

/// SHA-256 over what a finish says. Members of objects count in the order of their names, whatever
/// order they came in.
pub(super) fn digest(report: &FinishReport) -> [u8; 32] {
    let mut hash = Sha256::new();
    match &report.result {
        Ok(output) => {
            hash.update(b"success");
            add(&mut hash, output);
        }
        Err(errors) => {
            hash.update(b"failure");
            for error in errors {
                add_text(&mut hash, error.code.error_type().as_str());
                add_text(&mut hash, error.code.as_str());
                add_text(&mut hash, &error.message);
                match &error.field {
                    Some(field) => add_text(&mut hash, field),
                    None => hash.update(b"-"),
                }
            }
        }
    }
    hash.update(match report.credential {
        None => b"-",
        Some(CredentialReport::Verified) => b"v",
        Some(CredentialReport::Invalid) => b"i",
    });
    hash.update(match report.session {
        AfterRun::Keep => b"k",
        AfterRun::End => b"e",
    });
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};
    use windlass_domain::run::{ErrorCode, RunError};

    use super::*;

    fn success(output: Value) -> FinishReport {
        FinishReport {
            result: Ok(output),
            credential: None,
            session: AfterRun::Keep,
            login: None,
        }
    }

    #[test]
    fn the_same_members_in_another_order_are_the_same_content() {
        let one = serde_json::from_str(r#"{"a": 1, "b": {"c": [], "d": null}}"#).unwrap();
        let other = serde_json::from_str(r#"{"b": {"d": null, "c": []}, "a": 1}"#).unwrap();

        assert_eq!(digest(&success(one)), digest(&success(other)));
    }

    #[rstest]
    #[case(success(json!({"a": 2})))]
    #[case(success(json!({"a": "1"})))]
    #[case(success(json!([{"a": 1}])))]
    #[case(success(Value::Null))]
    #[case(FinishReport { session: AfterRun::End, ..success(json!({"a": 1})) })]
    #[case(FinishReport { credential: Some(CredentialReport::Verified), ..success(json!({"a": 1})) })]
    #[case(FinishReport {
        result: Err(vec![RunError::new(ErrorCode::TaskFailed, "it did not work")]),
        ..success(Value::Null)
    })]
    fn other_content_has_another_digest(#[case] other: FinishReport) {
        assert_ne!(digest(&success(json!({"a": 1}))), digest(&other));
    }
}
