//! Where a body holds a NUL character. No database and no C library takes it for a part of a text.

use serde_json::Value;

/// The places of the texts and keys that hold one; a key's is that of its object.
pub(super) fn places(value: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    search(value, &mut Vec::new(), &mut found);
    found
}

fn search(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::String(text) if text.contains('\0') => found.push(path.clone()),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                path.push(position.to_string());
                search(item, path, found);
                path.pop();
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    found.push(path.clone());
                    continue;
                }
                path.push(name.clone());
                search(member, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_keys_that_hold_one_are_found_where_they_stand() {
        let value =
            json!({"a": "b", "list": [1, "\0"], "object": {"x\0": {"y": "\0"}, "z": "c\0"}});

        assert_eq!(
            places(&value),
            [vec!["list", "1"], vec!["object"], vec!["object", "z"]]
        );
    }
}
