//! What is sealed inside the state of a run, wherever in its JSON it stands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_application::contents::{RUN_ANSWERS, RUN_CHECKPOINT};
use windlass_domain::sealed::Sealed;

use crate::Impossible;

/// The sealed values of a state, each with its logical name.
///
/// # Errors
/// [`Impossible`] where it is no state.
pub fn sealed_in_state(json: &str) -> Result<Vec<(&'static str, Sealed)>, Impossible> {
    let state: Value = crate::read(json)?;
    let mut found = Vec::new();
    collect(&state, &mut found)?;
    Ok(found)
}

/// A sealed value as it stands in a state.
pub fn sealed_text(sealed: &Sealed) -> String {
    STANDARD.encode(sealed.as_bytes())
}

fn collect(value: &Value, found: &mut Vec<(&'static str, Sealed)>) -> Result<(), Impossible> {
    let Value::Object(members) = value else {
        return Ok(());
    };
    for (name, member) in members {
        let name = match name.as_str() {
            "checkpoint" => RUN_CHECKPOINT,
            "answers" => RUN_ANSWERS,
            _ => {
                collect(member, found)?;
                continue;
            }
        };
        if let Value::String(text) = member {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| Impossible::new("what is sealed in a state is base64"))?;
            found.push((name, Sealed::from_bytes(bytes)));
        }
    }
    Ok(())
}

/// The version of the key that sealed bytes name, as columns compare it: what stands after the form's
/// version. Source: windlass-vault, `cipher`.
pub fn version_bytes(version: u32) -> Vec<u8> {
    version.to_be_bytes().to_vec()
}

/// Whether a value is sealed with a key before this version.
pub fn is_sealed_before(sealed: &Sealed, version: u32) -> bool {
    let named = sealed.as_bytes().get(1..5);
    named.is_some_and(|named| named < version.to_be_bytes().as_slice())
}
